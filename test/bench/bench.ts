// npm run bench -- [--rows http,grpc] [--rounds 5] [--seconds 2] [--soak 600] [--quick]
// Measures all rows, one after the other, and prints one table; the same goes to .bench/results.json. Exit code 0 means that it ran, whatever it
// measured: figures depend on the machine, and are for people to judge.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { isMet, type Report, type Settings, tableOf } from './figures.ts'
import { ROWS } from './rows.ts'

const ROW_PROCESS = join(import.meta.dirname, 'row-process.ts')
const RESULTS = join(import.meta.dirname, '..', '..', '.bench')

const { values } = parseArgs({
  options: {
    rows: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    soak: { type: 'string' },
    quick: { type: 'boolean', default: false }
  }
})
const settings: Settings = {
  rounds: Number(values.rounds ?? (values.quick ? 1 : 3)),
  seconds: Number(values.seconds ?? (values.quick ? 0.3 : 1.5)),
  soakSeconds: Number(values.soak ?? (values.quick ? 1 : 20))
}
const names = ROWS.map(({ name }) => name)
const wanted = values.rows?.split(',') ?? names
const unknown = wanted.filter((name) => !names.includes(name))
if (unknown.length > 0 || Object.values(settings).some((value) => !(value > 0))) {
  console.error(
    `expected numbers above 0, and rows among ${names.join(', ')}${unknown.length > 0 ? `; ${unknown.join(', ')} is none` : ''}`
  )
  process.exit(2)
}

const machine = { cpu: cpus()[0].model, cpus: cpus().length, kernel: release(), node: process.version }
console.log(
  `${machine.cpus} × ${machine.cpu}, Linux ${machine.kernel}, Node ${machine.node}; ${settings.rounds} rounds of ${settings.seconds} s\n`
)
const startedAtMs = performance.now()
const reports: Report[] = []
for (const name of names) {
  if (!wanted.includes(name)) continue
  if (process.stderr.isTTY) process.stderr.write(`${name} …\u001b[K\r`)
  const measured = await measure(name)
  // One row that cannot run costs no other row.
  if (measured === undefined) process.exitCode = 1
  reports.push(...(measured ?? [{ row: name, skipped: 'it could not be measured; what is above says why' }]))
}
console.log(tableOf(reports))
console.log(`\n${Math.round((performance.now() - startedAtMs) / 1000)} s`)
mkdirSync(RESULTS, { recursive: true })
const lines = reports.map((report) => ('skipped' in report ? report : { ...report, met: isMet(report) }))
writeFileSync(join(RESULTS, 'results.json'), `${JSON.stringify({ at: new Date().toISOString(), machine, settings, lines }, null, 2)}\n`)

async function measure(name: string): Promise<Report[] | undefined> {
  const child = fork(ROW_PROCESS, [name, JSON.stringify(settings)])
  let measured: Report[] | undefined
  child.on('message', (reports) => {
    measured = reports as Report[]
  })
  await once(child, 'exit')
  return measured
}
