import type { GpuInterval, GpuSample } from '../facts.ts'

/** The numbers of a sample that are remembered for later: a row of the ring holds its time, then these. */
const COLUMNS = [
  'utilization',
  'memoryUsedBytes',
  'powerWatts',
  'memoryUtilization',
  'encoderUtilization',
  'decoderUtilization',
  'memoryReservedBytes',
  'memoryFreeBytes',
  'temperature',
  'memoryTemperature',
  'powerLimitWatts',
  'smClockHz',
  'memoryClockHz',
  'fanSpeed',
  'performanceState'
] as const satisfies readonly (keyof GpuSample)[]
const [UTILIZATION, MEMORY_USED, POWER] = [1, 2, 3]
const ROW = 1 + COLUMNS.length

/** Of an older sample, this many processes are remembered: those with the most memory. */
const PROCESSES_MAX = 8

/** So many of the newest samples are looked at one by one. */
const NEAR = 4

const NOTHING: Readonly<Record<string, number>> = {}

export interface RingOptions {
  /** Samples that are kept; older ones are overwritten. */
  readonly samplesMax: number
  /** How long a value stands for what was not looked at. */
  readonly reachMs: number
}

/**
 * The last samples of one GPU, in a fixed place.
 *
 * Between two samples a value runs on a straight line. Where the next sample is further off than `reachMs`, or not there yet, the value holds for
 * `reachMs` and is unknown from then on; before the oldest sample it is unknown. A mean is that of the known part, and is given where at least half
 * of the interval is known; energy is given only where all of it is.
 */
export class Ring {
  private readonly samplesMax: number
  private readonly reachMs: number
  private readonly rows: Float64Array
  private readonly throttleReasons: (GpuSample['throttleReasons'] | undefined)[]
  private readonly processes: GpuSample['processes'][]
  /** The slot of the oldest sample. */
  private first = 0
  private length = 0
  private newest: GpuSample | undefined

  // Where `integrate` begins, and what it found.
  private firstIndex = 0
  private area = 0
  private knownMs = 0
  private peak = Number.NaN

  constructor({ samplesMax, reachMs }: RingOptions) {
    this.samplesMax = samplesMax
    this.reachMs = reachMs
    this.rows = new Float64Array(samplesMax * ROW)
    this.throttleReasons = new Array(samplesMax).fill(undefined)
    this.processes = new Array(samplesMax).fill([])
  }

  add(sample: GpuSample): void {
    // A clock that was set back: what it called the future is forgotten, so that times only grow.
    while (this.length > 0 && this.timeOf(this.length - 1) >= sample.atMs) this.length--
    if (this.length === this.samplesMax) {
      this.first = (this.first + 1) % this.samplesMax
      this.length--
    }
    const slot = this.slotOf(this.length++)
    this.rows[slot * ROW] = sample.atMs
    for (let i = 0; i < COLUMNS.length; i++) this.rows[slot * ROW + 1 + i] = sample[COLUMNS[i]] ?? Number.NaN
    this.throttleReasons[slot] = sample.throttleReasons
    this.processes[slot] = largest(sample.processes)
    this.newest = sample
  }

  latest(): GpuSample | undefined {
    return this.newest
  }

  /** The newest sample that is not from after `atMs`. Only the latest has `more` and all its processes. */
  at(atMs: number): GpuSample | undefined {
    const index = this.indexAt(atMs)
    if (index < 0) return undefined
    return index === this.length - 1 ? this.newest : this.sampleOf(this.slotOf(index))
  }

  over(startMs: number, endMs: number): GpuInterval | undefined {
    if (!(startMs <= endMs)) return undefined
    const last = this.indexAt(endMs)
    if (last < 0) return undefined
    this.firstIndex = Math.max(0, this.indexAt(startMs))
    const utilizationMean = this.mean(UTILIZATION, startMs, endMs)
    this.integrate(MEMORY_USED, startMs, endMs)
    const memoryUsedPeakBytes = this.isHalfKnown(startMs, endMs) ? this.peak : undefined
    const powerMeanWatts = this.mean(POWER, startMs, endMs)
    if (utilizationMean === undefined && memoryUsedPeakBytes === undefined && powerMeanWatts === undefined) return undefined
    return {
      utilizationMean,
      memoryUsedPeakBytes,
      powerMeanWatts,
      // Sums of many pieces: a millionth of a difference is rounding, not a hole.
      energyJoules: powerMeanWatts !== undefined && this.knownMs >= (endMs - startMs) * (1 - 1e-6) ? this.area / 1_000 : undefined,
      ageMs: last < this.length - 1 && this.timeOf(last + 1) - this.timeOf(last) <= this.reachMs ? 0 : endMs - this.timeOf(last)
    }
  }

  private mean(column: number, startMs: number, endMs: number): number | undefined {
    this.integrate(column, startMs, endMs)
    if (!this.isHalfKnown(startMs, endMs)) return undefined
    return startMs === endMs ? this.peak : this.area / this.knownMs
  }

  private isHalfKnown(startMs: number, endMs: number): boolean {
    return !Number.isNaN(this.peak) && this.knownMs * 2 >= endMs - startMs
  }

  /** Leaves the area under a column, in value × ms, how long it is known, and its highest value; samples without the value are passed over. */
  private integrate(column: number, startMs: number, endMs: number): void {
    this.area = 0
    this.knownMs = 0
    this.peak = Number.NaN
    let index = this.firstIndex
    while (index > 0 && Number.isNaN(this.valueOf(index, column)) && this.timeOf(index) >= startMs - this.reachMs) index--
    let leftMs = Number.NaN
    let left = Number.NaN
    for (; index < this.length; index++) {
      const value = this.valueOf(index, column)
      if (Number.isNaN(value)) continue
      const atMs = this.timeOf(index)
      if (!Number.isNaN(leftMs)) this.join(leftMs, left, atMs, value, startMs, endMs)
      leftMs = atMs
      left = value
      if (atMs > endMs) return
    }
    if (!Number.isNaN(leftMs)) this.piece(leftMs, left, leftMs + this.reachMs, left, startMs, endMs)
  }

  private join(leftMs: number, left: number, rightMs: number, right: number, startMs: number, endMs: number): void {
    if (rightMs - leftMs <= this.reachMs) this.piece(leftMs, left, rightMs, right, startMs, endMs)
    else this.piece(leftMs, left, leftMs + this.reachMs, left, startMs, endMs)
  }

  /** Adds the part of a straight line that lies in [startMs, endMs]. */
  private piece(leftMs: number, left: number, rightMs: number, right: number, startMs: number, endMs: number): void {
    const fromMs = Math.max(leftMs, startMs)
    const toMs = Math.min(rightMs, endMs)
    if (toMs < fromMs) return
    const slope = (right - left) / (rightMs - leftMs)
    const from = left + slope * (fromMs - leftMs)
    const to = left + slope * (toMs - leftMs)
    this.area += ((from + to) / 2) * (toMs - fromMs)
    this.knownMs += toMs - fromMs
    const highest = Math.max(from, to)
    if (!(highest <= this.peak)) this.peak = highest
  }

  /** Of the newest sample at or before `atMs`; -1 when there is none. Most questions are about the last minute, and are answered at once. */
  private indexAt(atMs: number): number {
    let low = 0
    let high = this.length
    for (let nearest = Math.max(0, high - NEAR); high > nearest; high--) if (this.timeOf(high - 1) <= atMs) return high - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.timeOf(middle) <= atMs) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  private slotOf(index: number): number {
    const slot = this.first + index
    return slot < this.samplesMax ? slot : slot - this.samplesMax
  }

  private timeOf(index: number): number {
    return this.rows[this.slotOf(index) * ROW]
  }

  private valueOf(index: number, column: number): number {
    return this.rows[this.slotOf(index) * ROW + column]
  }

  private sampleOf(slot: number): GpuSample {
    const numbers: Record<string, number> = {}
    for (let i = 0; i < COLUMNS.length; i++) {
      const value = this.rows[slot * ROW + 1 + i]
      if (!Number.isNaN(value)) numbers[COLUMNS[i]] = value
    }
    return {
      ...numbers,
      atMs: this.rows[slot * ROW],
      throttleReasons: this.throttleReasons[slot],
      more: NOTHING,
      processes: this.processes[slot]
    }
  }
}

function largest(processes: GpuSample['processes']): GpuSample['processes'] {
  if (processes.length <= PROCESSES_MAX) return processes
  return processes.toSorted((a, b) => (b.memoryUsedBytes ?? 0) - (a.memoryUsedBytes ?? 0)).slice(0, PROCESSES_MAX)
}
