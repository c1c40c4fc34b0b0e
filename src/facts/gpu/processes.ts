import type { GpuProcess } from '../facts.ts'
import { PROCESSES_MAX } from './reading.ts'
import { readNumber, readText } from './values.ts'

/** The processes of one GPU, as they are read: at most PROCESSES_MAX, each once. */
export class ProcessList {
  readonly #byPid = new Map<number, GpuProcess>()

  /** Adds one, given the cells as they came; false when they are no process, or one too many. A process with several contexts holds their sum. */
  add(pidCell: string, nameCell: string, memoryCell: string, memoryUnit?: string): boolean {
    const pid = readNumber(pidCell, 'count')
    if (typeof pid !== 'number' || !Number.isInteger(pid) || pid === 0) return false
    const known = this.#byPid.get(pid)
    if (known === undefined && this.#byPid.size >= PROCESSES_MAX) return false
    const read = readNumber(memoryCell, 'bytes', memoryUnit)
    const memory = typeof read === 'number' ? read : undefined
    const before = known?.memoryUsedBytes
    const memoryUsedBytes = memory === undefined || before === undefined ? (memory ?? before) : memory + before
    this.#byPid.set(pid, { pid, name: known?.name ?? programOf(nameCell), memoryUsedBytes })
    return true
  }

  list(): GpuProcess[] {
    return [...this.#byPid.values()]
  }
}

// The tool may print a whole command line. What follows the first option is left out: it makes no name, and may be a secret.
function programOf(cell: string): string {
  const options = cell.indexOf(' -')
  return readText((options === -1 ? cell : cell.slice(0, options)).slice(0, 256)) ?? ''
}
