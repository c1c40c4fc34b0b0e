import { RefusedError } from '../../errors.ts'
import type { GpuProcess } from '../facts.ts'
import { IDENTITY } from './fields.ts'
import { ProcessList } from './processes.ts'
import { type Cell, DEVICES_MAX, type GpuAnswer, type GpuReading, makeReading } from './reading.ts'
import { isGpuUuid } from './values.ts'

// The wire, of `--format=csv`: a header of `name` or `name [unit]`, then one line per GPU or process; cells are parted by a comma and a blank, and
// nothing is quoted. Other lines may stand anywhere: a warning, a GPU that does not answer, a message of the kernel.

const LINES_MAX = 20_000
const COLUMNS_MAX = 512

interface Column {
  readonly name: string
  readonly unit: string | undefined
}

interface Table {
  readonly columns: readonly Column[]
  readonly rows: readonly string[]
}

/**
 * Reads the answer to `--query-gpu`, with units or without. `asked` are the names that were asked for, in order: the header may call them by their other
 * names; without it, the header's names count. Throws `invalid` when there is no table.
 */
export function parseGpuCsv(text: string, atMs: number, asked?: readonly string[]): GpuAnswer {
  const table = findTable(text, [...IDENTITY.uuid.csv, ...IDENTITY.pciBusId.csv], asked, '--query-gpu')
  const places = new Map(table.columns.map(({ name }, place) => [name, place]))
  const readings: GpuReading[] = []
  let refusedRows = 0
  for (const row of table.rows) {
    const cells = row.split(', ')
    if (cells.length !== table.columns.length) {
      // Half a row and a line of something else are not told apart.
      refusedRows++
      continue
    }
    const lookup = (source: string): Cell | undefined => {
      const place = places.get(source)
      return place === undefined ? undefined : { text: cells[place], unit: table.columns[place].unit }
    }
    const reading =
      readings.length >= DEVICES_MAX ? null : makeReading(lookup, { route: 'csv', atMs, place: readings.length, processes: [] })
    if (reading === null) refusedRows++
    else readings.push(reading)
  }
  return { readings, refusedRows }
}

/** Who computes on which GPU. */
export interface ProcessAnswer {
  /** By the GPU's UUID; of a GPU in MIG mode all its instances together, since the tool does not say which one it is. */
  readonly byGpu: ReadonlyMap<string, readonly GpuProcess[]>
  readonly refusedRows: number
}

/** Reads the answer to `--query-compute-apps`, with the columns in any order. Throws `invalid` when there is no table. */
export function parseProcessCsv(text: string): ProcessAnswer {
  const table = findTable(text, ['pid'], undefined, '--query-compute-apps')
  const width = table.columns.length
  const place = (...names: string[]): number => table.columns.findIndex(({ name }) => names.includes(name))
  const uuidAt = place('gpu_uuid')
  const pidAt = place('pid')
  const memoryAt = place('used_gpu_memory', 'used_memory')
  const nameAt = place('process_name', 'name')
  if (uuidAt === -1) throw new RefusedError('invalid', 'nvidia-smi --query-compute-apps: the answer has no column gpu_uuid')
  const lists = new Map<string, ProcessList>()
  let refusedRows = 0
  for (const row of table.rows) {
    const cells = joinName(row.split(', '), nameAt, width)
    const uuid = cells?.[uuidAt]
    if (cells === null || uuid === undefined || !isGpuUuid(uuid) || (lists.size >= DEVICES_MAX && !lists.has(uuid))) {
      if (row.includes(', ')) refusedRows++
      continue
    }
    const list = lists.get(uuid) ?? new ProcessList()
    lists.set(uuid, list)
    if (!list.add(cells[pidAt], cells[nameAt] ?? '', cells[memoryAt] ?? '', table.columns[memoryAt]?.unit)) refusedRows++
  }
  return { byGpu: new Map(Array.from(lists, ([uuid, list]) => [uuid, list.list()])), refusedRows }
}

// A process name may hold the separator itself: it takes all the cells that are too many.
function joinName(cells: string[], nameAt: number, width: number): string[] | null {
  const surplus = cells.length - width
  if (surplus < 0 || (surplus > 0 && nameAt === -1)) return null
  return surplus === 0 ? cells : cells.toSpliced(nameAt, surplus + 1, cells.slice(nameAt, nameAt + surplus + 1).join(', '))
}

// The header is the first line with a cell of one of the names that tell it.
function findTable(text: string, telling: readonly string[], asked: readonly string[] | undefined, query: string): Table {
  const lines = text.split(/\r?\n/, LINES_MAX)
  for (let i = 0; i < lines.length; i++) {
    const columns = readHeader(lines[i])
    if (!columns?.some(({ name }) => telling.includes(name))) continue
    if (asked !== undefined && asked.length !== columns.length)
      throw new RefusedError('invalid', `nvidia-smi ${query}: the answer has ${columns.length} columns, expected ${asked.length}`)
    return {
      columns: asked === undefined ? columns : columns.map(({ unit }, place) => ({ name: asked[place], unit })),
      rows: lines.slice(i + 1).filter((line) => line.trim() !== '')
    }
  }
  throw new RefusedError('invalid', `nvidia-smi ${query}: no header in an answer of ${text.length} characters`)
}

function readHeader(line: string): Column[] | undefined {
  const cells = line.split(', ', COLUMNS_MAX)
  const columns: Column[] = []
  for (const cell of cells) {
    const match = /^([A-Za-z][\w.]*)(?: \[([^\]]{1,12})\])?$/.exec(cell.trim())
    if (match === null) return undefined
    columns.push({ name: match[1], unit: match[2] })
  }
  return columns
}
