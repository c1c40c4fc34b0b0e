import { ok } from 'node:assert/strict'
import protobuf from 'protobufjs'

/** A share of durations, in nanoseconds: all of `weight` of them lie between the two ends, and are told as `at` when one value is asked for. */
interface Bin {
  readonly low: number
  readonly high: number
  /** Without it they are spread evenly. */
  readonly at: number | undefined
  weight: number
}

/** Durations as they can be told from what came: exactly, by a sketch or by the buckets of a histogram. */
export class Durations {
  private readonly bins = new Map<number, Bin>()

  get count(): number {
    let count = 0
    for (const { weight } of this.bins.values()) count += weight
    return count
  }

  add(low: number, high: number, at: number | undefined, weight: number): void {
    const bin = this.bins.get(low)
    if (bin === undefined) this.bins.set(low, { low, high, at, weight })
    else bin.weight += weight
  }

  addAll(others: Durations): void {
    for (const { low, high, at, weight } of others.bins.values()) this.add(low, high, at, weight)
  }

  /** The value that a share of all is below, as Datadog would show it. */
  quantile(share: number): number {
    const { bin, within } = this.find(share)
    return bin.at ?? bin.low + (bin.high - bin.low) * within
  }

  /** Between which ends the true one lies. */
  boundsOf(share: number): readonly [low: number, high: number] {
    const { bin } = this.find(share)
    return [bin.low, bin.high]
  }

  private find(share: number): { bin: Bin; within: number } {
    const sorted = [...this.bins.values()].filter(({ weight }) => weight > 0).sort((a, b) => a.low - b.low)
    ok(sorted.length > 0, 'no durations')
    let left = share * Math.max(0, this.count - 1)
    for (const bin of sorted) {
      if (left < bin.weight) return { bin, within: left / bin.weight }
      left -= bin.weight
    }
    return { bin: sorted.at(-1)!, within: 1 }
  }
}

/** What a row is about. What a source does not tell is an empty text. */
export interface StatisticsKey {
  readonly service: string
  /** The operation. */
  readonly name: string
  readonly resource: string
  readonly type: string
  readonly httpStatus: number
  /** In lower case: server, client. */
  readonly spanKind: string
  readonly env: string
}

export interface StatisticsRow extends StatisticsKey {
  readonly hits: number
  readonly errors: number
  readonly topLevelHits: number
  /** Of all, in nanoseconds. */
  readonly durationNs: number
  readonly ok: Durations
  readonly error: Durations
}

/** The statistics of traces as Datadog shows them, whoever computed them. */
export class Statistics {
  readonly rows: StatisticsRow[] = []

  /** All rows that fit, in one. */
  of(wanted: Partial<StatisticsKey> = {}): Pick<StatisticsRow, 'hits' | 'errors' | 'topLevelHits' | 'durationNs'> & { all: Durations } {
    const found = { hits: 0, errors: 0, topLevelHits: 0, durationNs: 0, all: new Durations() }
    for (const row of this.rows) {
      if (!Object.entries(wanted).every(([key, value]) => row[key as keyof StatisticsKey] === value)) continue
      found.hits += row.hits
      found.errors += row.errors
      found.topLevelHits += row.topLevelHits
      found.durationNs += row.durationNs
      found.all.addAll(row.ok)
      found.all.addAll(row.error)
    }
    return found
  }

  resources(): string[] {
    return [...new Set(this.rows.map(({ resource }) => resource))].sort()
  }
}

/** A row of one span, which stands for `weight` of them. */
export function rowOfSpan(key: StatisticsKey, durationNs: number, isError: boolean, isTopLevel: boolean, weight: number): StatisticsRow {
  const durations = new Durations()
  durations.add(durationNs, durationNs, durationNs, weight)
  const [ok, error] = isError ? [new Durations(), durations] : [durations, new Durations()]
  return {
    ...key,
    hits: weight,
    errors: isError ? weight : 0,
    topLevelHits: isTopLevel ? weight : 0,
    durationNs: durationNs * weight,
    ok,
    error
  }
}

const { root } = protobuf.parse(
  `syntax = "proto3";
  message DDSketch { IndexMapping mapping = 1; Store positiveValues = 2; Store negativeValues = 3; double zeroCount = 4; }
  message IndexMapping { double gamma = 1; double indexOffset = 2; int32 interpolation = 3; }
  message Store { map<sint32, double> binCounts = 1; repeated double contiguousBinCounts = 2; sint32 contiguousBinIndexOffset = 3; }`,
  { keepCase: true }
)

/**
 * Reads a DDSketch of durations in nanoseconds as the Agent does, which is written in Go: there the bin of index i begins at
 * gamma ^ (i - indexOffset). The JavaScript library counts its bins from their upper end instead and writes the same offset, so that what it has
 * written is read 2 % too high here, as it is by the Agent.
 */
export function readSketch(bytes: Uint8Array, problems: string[]): Durations {
  const durations = new Durations()
  if (bytes.length === 0) return durations
  const type = root.lookupType('DDSketch')
  const sketch = type.toObject(type.decode(bytes), { defaults: true, arrays: true, objects: true })
  const { gamma, indexOffset, interpolation } = sketch.mapping ?? {}
  if (!(gamma > 1 && gamma < 1.2) || interpolation !== 0) problems.push(`a sketch with gamma ${gamma}, interpolation ${interpolation}`)
  if (Math.abs(gamma - 1.01 / 0.99) > 1e-9) problems.push(`a sketch with gamma ${gamma}, which is no accuracy of 1 %`)
  const store = (values: typeof sketch.positiveValues): [number, number][] => [
    ...Object.entries((values?.binCounts ?? {}) as Record<string, number>).map(([index, count]): [number, number] => [
      Number(index),
      count
    ]),
    ...((values?.contiguousBinCounts ?? []) as number[]).map((count, i): [number, number] => [values.contiguousBinIndexOffset + i, count])
  ]
  if (store(sketch.negativeValues).some(([, count]) => count !== 0)) problems.push('a sketch with durations below zero')
  if (sketch.zeroCount > 0) durations.add(0, 0, 0, sketch.zeroCount)
  for (const [index, count] of store(sketch.positiveValues)) {
    if (!(count >= 0 && Number.isFinite(count))) problems.push(`a sketch with a count of ${count}`)
    if (count === 0) continue
    const low = gamma ** (index - indexOffset)
    durations.add(low, low * gamma, (low * 2 * gamma) / (1 + gamma), count)
  }
  return durations
}
