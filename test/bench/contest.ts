// Several servers under the same load, one after the other, round by round.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Settings } from './figures.ts'
import type { Load, LoadResult } from './load.ts'
import { cpuSeconds, quiet } from './processes.ts'

const LOAD = join(import.meta.dirname, 'load.ts')
/** How long a server may go on working on what it has taken. */
const QUIET_WITHIN_MS = 8000
/** The machine code that a server runs on is made during the first seconds of load. */
const WARM_SECONDS = 2
const WARM_SECONDS_SHORT = 0.5

export type LoadShape = Pick<Load, 'transport' | 'items' | 'gzip' | 'connections' | 'streams'>

export interface Contestant {
  readonly name: string
  readonly pid: number
  readonly port: number
}

export interface Outcome {
  /** Items per second of the server's CPU time, by round; what it still did after the load had ended is counted too. */
  readonly itemsPerCpuSecond: readonly number[]
  readonly itemsPerSecond: readonly number[]
  readonly accepted: number
  readonly refused: number
}

/** Runs a load in a process of its own. */
export async function runLoad(load: Load): Promise<LoadResult> {
  const { stdout } = await promisify(execFile)(process.execPath, [LOAD, JSON.stringify(load)])
  return JSON.parse(stdout) as LoadResult
}

/** Holds the same load against all contestants, in turn and every other round backwards, after a first time that does not count. */
export function contest(contestants: readonly Contestant[], shape: LoadShape, settings: Settings): Promise<Outcome[]> {
  return contestOf(contestants, ({ port }, seconds) => runLoad({ ...shape, port, signal: 'traces', rate: 0, seconds }), settings)
}

/** The same with any load: `load` holds it against one contestant for so many seconds. */
export async function contestOf(
  contestants: readonly Contestant[],
  load: (one: Contestant, seconds: number) => Promise<LoadResult>,
  { rounds, seconds }: Pick<Settings, 'rounds' | 'seconds'>
): Promise<Outcome[]> {
  const outcomes = contestants.map(() => ({ itemsPerCpuSecond: [] as number[], itemsPerSecond: [] as number[], accepted: 0, refused: 0 }))
  for (let round = -1; round < rounds; round++) {
    const turns = [...contestants.entries()]
    // What a machine does beside it grows or shrinks over a round: forwards and backwards, it meets all alike.
    if (round % 2 !== 0) turns.reverse()
    for (const [i, one] of turns) {
      const { name, pid } = one
      const before = cpuSeconds(pid)
      const loadSeconds = round >= 0 ? seconds : seconds < 1 ? WARM_SECONDS_SHORT : WARM_SECONDS
      const result = await load(one, loadSeconds)
      await quiet(pid, QUIET_WITHIN_MS)
      const outcome = outcomes[i]
      if (result.accepted === 0) throw new Error(`${name} took nothing: ${result.refused} requests were refused`)
      if (round < 0) continue
      outcome.itemsPerCpuSecond.push(result.accepted / (cpuSeconds(pid) - before))
      outcome.itemsPerSecond.push(result.accepted / result.seconds)
      outcome.accepted += result.accepted
      outcome.refused += result.refused
    }
  }
  return outcomes
}
