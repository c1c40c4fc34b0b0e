import type { Counter, Metrics } from '../../telemetry/metrics.ts'
import type { Change, DeltaJournal, Known } from './delta-journal.ts'

export interface DeltaOptions {
  readonly exporter: string
  readonly seriesMax: number
  readonly expireAfterMs: number
}

const SWEEP_EVERY_MS = 60_000
const RESOURCES_MAX = 2048
const RESOURCES_CHARACTERS_MAX = 4 * 1024 * 1024

/**
 * The cumulative series that are known, as Datadog knows them: a point is remembered when it has arrived and not before, so that what is sent again is
 * the same difference. Bounded in series, and by the time that they are not heard of.
 */
export class DeltaState {
  /** A series that started later has been seen from its beginning, whatever was forgotten. */
  completeSinceNano: bigint
  private readonly options: DeltaOptions
  private readonly journal: DeltaJournal
  private readonly forgotten: Counter
  private readonly series = new Map<string, Known & { readonly seenMs: number }>()
  /** By the id of a resource: its attributes, and those that are the same with more or fewer of them. */
  private readonly resources = new Map<string, { readonly texts: ReadonlySet<string>; readonly relatives: string[] }>()
  /** Of so many series, the last second in which a point was sent: of two in one second, Datadog keeps one. */
  private readonly seconds = new Map<string, number>()
  private charactersUsed = 0
  private sweptAtMs = 0

  constructor(options: DeltaOptions, journal: DeltaJournal, metrics: Metrics, nowMs = Date.now()) {
    this.options = options
    this.journal = journal
    this.completeSinceNano = BigInt(Math.trunc(nowMs)) * 1_000_000n
    this.forgotten = metrics.counter(
      'sluice_datadog_series_forgotten_total',
      'Cumulative series that were forgotten, since nothing more came.'
    )
    metrics.observe('sluice_datadog_series', 'Cumulative series that are remembered for taking differences.', 'gauge', () => [
      { labels: { exporter: options.exporter }, value: this.series.size }
    ])
  }

  /** Goes on from where the last process was. */
  async open(nowMs = Date.now()): Promise<void> {
    const saved = await this.journal.read()
    if (saved !== null) {
      this.completeSinceNano = saved.completeSinceNano
      for (const [id, texts] of saved.resources) this.meet(id, texts)
      // How long ago it was last heard of is told by its time, but for clocks that are wrong.
      for (const [key, known] of saved.series)
        this.series.set(key, { ...known, seenMs: Math.min(nowMs, Number(known.timeNano / 1_000_000n)) })
      this.sweep(nowMs)
    }
    await this.rewrite()
  }

  get seriesMax(): number {
    return this.options.seriesMax
  }

  get size(): number {
    return this.series.size
  }

  get(key: string): Known | undefined {
    return this.series.get(key)
  }

  secondOf(key: string): number | undefined {
    return this.seconds.get(key)
  }

  /** The resource has these attributes; what is the same with some more or fewer is its relative. */
  meet(id: string, texts: readonly string[]): void {
    if (this.resources.has(id)) return
    for (const text of texts) this.charactersUsed += text.length
    if (this.resources.size >= RESOURCES_MAX || this.charactersUsed > RESOURCES_CHARACTERS_MAX) {
      this.resources.clear()
      this.charactersUsed = 0
    }
    const own = { texts: new Set(texts), relatives: [] as string[] }
    for (const [other, known] of this.resources) {
      const [fewer, more] = known.texts.size < own.texts.size ? [known.texts, own.texts] : [own.texts, known.texts]
      if (!fewer.isSubsetOf(more)) continue
      own.relatives.push(other)
      known.relatives.push(id)
    }
    this.resources.set(id, own)
    this.journal.meet(id, texts)
  }

  relativesOf(id: string): readonly string[] {
    return this.resources.get(id)?.relatives ?? []
  }

  /** A series was turned away: when it is seen again, it is not new. */
  turnedAway(timeNano: bigint): void {
    if (timeNano <= this.completeSinceNano) return
    this.completeSinceNano = timeNano
    this.journal.completeSince(timeNano)
  }

  /** Remembers what has arrived, on disk too when it resolves. */
  async commit(changes: readonly Change[], seconds: Iterable<readonly [key: string, second: number]>, nowMs = Date.now()): Promise<void> {
    for (const { key, known, was } of changes) {
      if (was !== undefined) this.series.delete(was)
      this.series.set(key, { ...known, seenMs: nowMs })
    }
    for (const [key, second] of seconds) {
      // The one that was not heard of for the longest goes first.
      this.seconds.delete(key)
      this.seconds.set(key, second)
      if (this.seconds.size > this.options.seriesMax) this.seconds.delete(this.seconds.keys().next().value!)
    }
    if (nowMs - this.sweptAtMs >= SWEEP_EVERY_MS) this.sweep(nowMs)
    const isWritten = (changes.length === 0 && !this.journal.isWaiting) || (await this.journal.append(changes))
    if (!isWritten || this.journal.lines > 4 * this.series.size + LINES_SPARE) await this.rewrite()
  }

  /** Forgets what was not heard of for too long. */
  sweep(nowMs: number): void {
    this.sweptAtMs = nowMs
    const oldestMs = nowMs - this.options.expireAfterMs
    let count = 0
    for (const [key, { seenMs, timeNano }] of this.series) {
      if (seenMs >= oldestMs) continue
      this.series.delete(key)
      count++
      this.turnedAway(timeNano)
    }
    if (count > 0) this.forgotten.add(count, { exporter: this.options.exporter })
  }

  async close(): Promise<void> {
    await this.journal.close()
  }

  private async rewrite(): Promise<void> {
    await this.journal.rewrite({
      completeSinceNano: this.completeSinceNano,
      resources: Array.from(this.resources, ([id, { texts }]) => [id, [...texts]] as const),
      series: this.series
    })
  }
}

const LINES_SPARE = 1000
