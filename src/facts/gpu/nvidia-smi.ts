import { parseGpuCsv, parseProcessCsv } from './csv.ts'
import { joinList, parseList } from './list.ts'
import { joinNvlinks, parseNvlinks } from './nvlink.ts'
import { chooseQuery, PROCESS_QUERY } from './query.ts'
import type { GpuAnswer, GpuReading } from './reading.ts'
import type { Run, Runner } from './runner.ts'
import { judge, lostIn, mayBeFields, type Verdict } from './states.ts'
import { parseGpuXml } from './xml.ts'

/** What one look at the GPUs gave. */
export interface Look {
  readonly verdict: Verdict
  readonly readings: readonly GpuReading[]
  /** Rows that could not be read. */
  readonly refusedRows: number
  /** The addresses of the GPUs that it says are lost. */
  readonly lostBusIds: readonly string[]
}

/** What every driver since 375 knows, for one whose help cannot be read. */
const PLAIN_QUERY: readonly string[] = [
  'index',
  'name',
  'driver_version',
  'memory.total',
  'pci.bus_id',
  'utilization.gpu',
  'memory.used',
  'memory.free',
  'temperature.gpu',
  'power.draw',
  'pstate',
  'uuid'
]

/** Asks nvidia-smi, and remembers how this driver wants to be asked. Not safe to ask again before the answer. */
export class NvidiaSmi {
  private readonly runner: Runner
  private query: readonly string[] | undefined
  private driverVersion: string | undefined

  constructor(runner: Runner) {
    this.runner = runner
  }

  /** What changes fast: a row per GPU, and who computes on it. */
  async look(): Promise<Look> {
    if (this.query === undefined) {
      const help = await this.runner.run(['--help-query-gpu'])
      if (help.end !== 'exit') return failed(help)
      this.query = queryOf(help)
    }
    const asked = this.query
    const run = await this.runner.run([`--query-gpu=${asked.join(',')}`, '--format=csv'])
    const { answer, verdict } = judged(run, (atMs) => parseGpuCsv(run.stdout, atMs, asked))
    if (mayBeFields(verdict)) this.query = undefined
    const lostBusIds = lostIn(run)
    if (answer.readings.length === 0) return { verdict, readings: [], refusedRows: answer.refusedRows, lostBusIds }
    // Another driver may know other fields.
    const driverVersion = answer.readings[0].device.driverVersion
    if (this.driverVersion !== undefined && this.driverVersion !== driverVersion) this.query = undefined
    this.driverVersion = driverVersion

    const processes = await this.runner.run([`--query-compute-apps=${PROCESS_QUERY.join(',')}`, '--format=csv'])
    if (processes.end !== 'exit') return { ...failed(processes), readings: answer.readings, refusedRows: answer.refusedRows, lostBusIds }
    return { verdict, lostBusIds, ...withProcesses(answer, processes) }
  }

  /** All that there is, MIG instances among it: slow on a machine with many GPUs. */
  async lookClosely(): Promise<Look> {
    const list = await this.runner.run(['-L'])
    if (list.end !== 'exit') return failed(list)
    const run = await this.runner.run(['-q', '-x'])
    const { answer, verdict } = judged(run, (atMs) => parseGpuXml(run.stdout, atMs))
    let readings: readonly GpuReading[] = joinList(answer.readings, parseList(list.stdout))
    if (readings.length > 0) readings = joinNvlinks(readings, parseNvlinks((await this.runner.run(['nvlink', '-s'])).stdout))
    return { verdict, readings, refusedRows: answer.refusedRows, lostBusIds: lostIn(run) }
  }
}

function failed(run: Run): Look {
  return { verdict: judge(run, 0), readings: [], refusedRows: 0, lostBusIds: lostIn(run) }
}

function queryOf(help: Run): readonly string[] {
  try {
    return chooseQuery(help.stdout)
  } catch {
    return PLAIN_QUERY
  }
}

// An answer counts from when it came: the tool's own times are local, without a zone. What was cut off by a kill is no answer.
function judged(run: Run, parse: (atMs: number) => GpuAnswer): { answer: GpuAnswer; verdict: Verdict } {
  let answer: GpuAnswer = { readings: [], refusedRows: 0 }
  if (run.end === 'exit' && run.status !== undefined) {
    try {
      answer = parse(Date.now())
    } catch {
      // The parsers throw for what is no answer at all; the verdict says so.
    }
  }
  return { answer, verdict: judge(run, answer.readings.length) }
}

// Without the right to see processes, or with an old driver, the GPUs are known all the same.
function withProcesses(answer: GpuAnswer, run: Run): Pick<Look, 'readings' | 'refusedRows'> {
  try {
    const { byGpu, refusedRows } = parseProcessCsv(run.stdout)
    return {
      readings: answer.readings.map((reading) => {
        const processes = byGpu.get(reading.device.uuid)
        return processes === undefined ? reading : { ...reading, sample: { ...reading.sample, processes } }
      }),
      refusedRows: answer.refusedRows + refusedRows
    }
  } catch {
    return answer
  }
}
