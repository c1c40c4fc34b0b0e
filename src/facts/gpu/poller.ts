import type { Metrics } from '../../telemetry/metrics.ts'
import type { GpuDevice, GpuFacts, GpuInterval, GpuOwner, GpuSample } from '../facts.ts'
import { Breaker } from './breaker.ts'
import { type CountPoll, countPolls } from './counts.ts'
import { History } from './history.ts'
import { type Look, NvidiaSmi } from './nvidia-smi.ts'
import { Runner, type RunnerOptions } from './runner.ts'
import { GOOD_STATES, mayBeFields, STARTING, type Verdict } from './states.ts'

export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export interface PollerOptions {
  readonly command: string
  readonly intervalMs: number
  readonly slowIntervalMs: number
  readonly timeoutMs: number
  /** How long samples are kept: the length of the longest span whose energy can be known. */
  readonly historyMs?: number
  /** The longest time from one try to the next while all fail. */
  readonly backoffMaxMs?: number
  readonly runner?: Partial<RunnerOptions>
}

export interface PollerParts {
  readonly log: Log
  readonly metrics: Metrics
  /** Who uses a device. */
  readonly owners?: (uuid: string) => readonly GpuOwner[]
}

const SOURCE = 'nvidia-smi'
const HISTORY_MS = 3_600_000
/** Where there are MIG instances, which only a close look sees, every fourth look is one. */
const MIG_LOOKS = 4
/** Looks at the GPUs of this machine again and again, and answers from memory what they were like. */
export class Poller implements GpuFacts {
  state: GpuFacts['state'] = { ...STARTING, sinceMs: Date.now(), source: SOURCE }
  /** Resolves after the first look, whatever it gave. */
  readonly firstLook: Promise<void>
  private readonly log: Log
  private readonly ownersOf: (uuid: string) => readonly GpuOwner[]
  private readonly intervalMs: number
  private readonly slowIntervalMs: number
  private readonly migIntervalMs: number
  private readonly runner: Runner
  private readonly smi: NvidiaSmi
  private readonly history: History
  private readonly breaker: Breaker
  private readonly count: CountPoll
  private readonly listeners = new Set<() => void>()
  private lookedCloselyAt = Number.NEGATIVE_INFINITY
  private timer: NodeJS.Timeout | undefined
  private underWay: Promise<void>
  private isStopped = false

  constructor(options: PollerOptions, { log, metrics, owners }: PollerParts) {
    const { command, timeoutMs, intervalMs, slowIntervalMs, historyMs = HISTORY_MS, backoffMaxMs } = options
    this.log = log
    this.ownersOf = owners ?? (() => [])
    this.intervalMs = intervalMs
    this.slowIntervalMs = slowIntervalMs
    this.migIntervalMs = Math.min(slowIntervalMs, intervalMs * MIG_LOOKS)
    this.runner = new Runner({ command, timeoutMs, ...options.runner })
    this.smi = new NvidiaSmi(this.runner)
    this.history = new History({ intervalMs, migIntervalMs: this.migIntervalMs, historyMs })
    this.breaker = new Breaker({ intervalMs, ...(backoffMaxMs === undefined ? {} : { backoffMaxMs }) })
    this.count = countPolls(
      metrics,
      () => this.state,
      () => this.history.newestMs()
    )
    this.underWay = this.tick()
    this.firstLook = this.underWay
  }

  devices(): readonly GpuDevice[] {
    return this.history.devices()
  }

  lost(): readonly GpuDevice[] {
    return this.history.lost()
  }

  at(uuid: string, atMs: number): GpuSample | undefined {
    return this.history.at(uuid, atMs)
  }

  latest(uuid: string): GpuSample | undefined {
    return this.history.latest(uuid)
  }

  over(uuid: string, startMs: number, endMs: number): GpuInterval | undefined {
    return this.history.over(uuid, startMs, endMs)
  }

  owners(uuid: string): readonly GpuOwner[] {
    return this.ownersOf(uuid)
  }

  onSample(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Kills what runs, and resolves when nothing of it is left that a kill can end. */
  async stop(): Promise<void> {
    this.isStopped = true
    clearTimeout(this.timer)
    this.runner.stop()
    this.listeners.clear()
    await this.underWay
  }

  private async tick(): Promise<void> {
    const startedAt = performance.now()
    try {
      await this.look(startedAt)
    } catch (error) {
      // A fault of ours: told by its name, since its message may quote what nvidia-smi said.
      this.log.warn({ fault: (error as Error).name }, 'a look at the GPUs ended by a fault')
      this.breaker.fail()
    }
    if (this.isStopped) return
    // From start to start; what came too late for its turn waits for the next. Whether a stuck child is gone is cheap to ask: that is not put off.
    const delayMs = this.runner.isOccupied() ? this.intervalMs : this.breaker.delayMs
    this.timer = setTimeout(() => (this.underWay = this.tick()), delayMs - ((performance.now() - startedAt) % delayMs))
    this.timer.unref()
  }

  private async look(startedAt: number): Promise<void> {
    const look = await this.smi.look()
    if (this.isStopped) return
    const lostBefore = this.history.lost().length
    const refused = look.readings.length > 0 ? this.history.record(look.readings) : 0
    if (look.verdict.state === 'device lost') this.history.lose(look.lostBusIds)
    this.count('fast', look, refused, performance.now() - startedAt)
    const close = this.isCloseLookDue(startedAt, look) ? await this.lookClosely(startedAt, look) : undefined
    if (this.isStopped) return
    // A close look makes up for one that saw nothing. Where it fails alone that is no trouble, unless it hangs.
    const makesUp = look.readings.length === 0 && (close?.readings.length ?? 0) > 0
    this.conclude(close !== undefined && (makesUp || close.verdict.state === 'hung') ? close.verdict : look.verdict)
    const isNews = look.readings.length > 0 || (close?.readings.length ?? 0) > 0
    if (isNews || this.history.lost().length !== lostBefore) this.tellListeners()
  }

  private async lookClosely(nowMs: number, fast: Look): Promise<Look> {
    const startedAt = performance.now()
    const look = await this.smi.lookClosely()
    this.lookedCloselyAt = nowMs
    const hasSeen = fast.readings.length > 0
    const refused = look.readings.length > 0 ? this.history.recordClosely(look.readings, hasSeen) : 0
    this.count('slow', look, refused, performance.now() - startedAt)
    return look
  }

  private isCloseLookDue(nowMs: number, { verdict, readings }: Look): boolean {
    if (readings.length === 0) return mayBeFields(verdict)
    if (!GOOD_STATES.includes(verdict.state)) return false
    // A tenth less, so that a look that starts a little early does not wait for the next.
    return nowMs - this.lookedCloselyAt >= (this.history.hasMig() ? this.migIntervalMs : this.slowIntervalMs) * 0.9
  }

  private tellListeners(): void {
    for (const listener of this.listeners) {
      try {
        listener()
      } catch (error) {
        this.log.warn({ fault: (error as Error).name }, 'a listener to GPU samples ended by a fault')
      }
    }
  }

  private conclude(verdict: Verdict): void {
    if (GOOD_STATES.includes(verdict.state)) this.breaker.succeed()
    else if (!this.runner.isOccupied()) this.breaker.fail()
    if (verdict.state === this.state.state && verdict.remedy === this.state.remedy) return
    const before = this.state.state
    this.state = { ...verdict, sinceMs: Date.now(), source: SOURCE }
    const fields = { state: verdict.state, before, source: SOURCE, devices: this.devices().length }
    if (verdict.state === 'ok') this.log.info(fields, 'GPU facts are there')
    else this.log.warn({ ...fields, remedy: verdict.remedy }, `GPU facts: ${verdict.state}`)
  }
}
