// A process: measures one row and sends its lines to the parent. Each row has its own, so that none finds the heap and the machine code of another.
import type { Settings } from './figures.ts'
import { ROWS } from './rows.ts'

const [name, settings] = process.argv.slice(2)
const row = ROWS.find((one) => one.name === name)
if (row === undefined) throw new Error(`there is no row ${name}`)
const reports = await row.measure(JSON.parse(settings) as Settings)
process.send?.(reports, () => process.exit())
