import { parseStrictly } from './strict-json.ts'

/** A value of a series, as the intake keeps it. */
export interface IntakePoint {
  readonly metric: string
  readonly kind: 'unspecified' | 'count' | 'rate' | 'gauge' | 'distribution' | 'summary'
  readonly host: string | undefined
  /** Sorted. */
  readonly tags: readonly string[]
  readonly timeS: number
  /** A count's increase, a gauge's value, a distribution's sum. */
  readonly value: number
  /** How many values a distribution has in this point. */
  readonly count: number
  /** Counts of buckets and the bounds between them, of a histogram that came with explicit bounds. */
  readonly buckets?: { readonly counts: readonly number[]; readonly bounds: readonly number[] }
  readonly intervalS?: number
  readonly unit?: string
}

const KINDS = ['unspecified', 'count', 'rate', 'gauge'] as const
const NAME_CHARACTERS_MAX = 200
const TAG_CHARACTERS_MAX = 200
const PAST_S_MAX = 3600
const FUTURE_S_MAX = 600

/** What the intake knows of all series: a second point of the same second takes the place of the first. */
export class IntakeSeries {
  readonly points: IntakePoint[] = []
  /** Series and second of points that were written over by another value, and so are lost. */
  readonly overwritten: string[] = []
  private readonly at = new Map<string, IntakePoint>()

  add(points: readonly IntakePoint[]): void {
    for (const point of points) {
      const key = keyOf(point)
      const before = this.at.get(key)
      // The same again is a request that was taken and came once more because its answer was lost.
      if (before !== undefined && before.value === point.value && before.count === point.count) continue
      if (before !== undefined) {
        this.overwritten.push(key)
        this.points.splice(this.points.indexOf(before), 1)
      }
      this.at.set(key, point)
      this.points.push(point)
    }
  }

  /** The points of a metric whose tags, or whose host as `host:name`, hold all of `tags`. */
  of(metric: string, ...tags: string[]): IntakePoint[] {
    return this.points.filter(
      (point) => point.metric === metric && tags.every((tag) => point.tags.includes(tag) || tag === `host:${point.host}`)
    )
  }

  /** The sum of all values of a metric, as a graph of a count shows it; of a distribution the number of its values. */
  total(metric: string, ...tags: string[]): number {
    return this.of(metric, ...tags).reduce((sum, { kind, value, count }) => sum + (kind === 'distribution' ? count : value), 0)
  }

  /** The last value of a gauge. */
  last(metric: string, ...tags: string[]): number | undefined {
    return this.of(metric, ...tags)
      .sort((a, b) => a.timeS - b.timeS)
      .at(-1)?.value
  }
}

const keyOf = ({ metric, host, tags, timeS }: IntakePoint): string => `${metric}{${tags.join(',')}} ${host} ${timeS}`

/** Notes points of one request that fall on one second of one series, of which only the last would stay. */
export function checkUnique(points: readonly IntakePoint[], problems: string[]): void {
  const seen = new Set<string>()
  for (const point of points) {
    const key = keyOf(point)
    if (seen.has(key)) problems.push(`two points of one second: ${key}`)
    seen.add(key)
  }
}

/** Reads the body of a request to the series intake. What is wrong goes to `problems`. */
export function readSeries(bytes: Uint8Array, problems: string[], nowMs: number): IntakePoint[] {
  const body = parseStrictly(bytes)
  if (!Array.isArray(body?.series) || body.series.length === 0) throw new Error('expected series')
  const points: IntakePoint[] = []
  for (const series of body.series) {
    const { metric, type = 0, interval, unit, resources = [] } = series
    checkName(metric, problems)
    const kind = KINDS[type]
    if (kind === undefined) problems.push(`${metric}: type ${type}`)
    if ((kind === 'count' || kind === 'rate') && !(Number.isInteger(interval) && interval > 0)) problems.push(`${metric}: no interval`)
    for (const { type, name } of resources)
      if (typeof type !== 'string' || typeof name !== 'string' || name === '') problems.push(`${metric}: a resource without type or name`)
    const host = resources.find(({ type }: { type: string }) => type === 'host')?.name
    const tags = readTags(series.tags, metric, problems)
    if (!Array.isArray(series.points) || series.points.length === 0) problems.push(`${metric}: no points`)
    for (const { timestamp, value } of series.points ?? []) {
      checkTime(timestamp, metric, problems, nowMs)
      if (!Number.isFinite(value)) problems.push(`${metric}: value ${value}`)
      points.push({ metric, kind, host, tags, timeS: timestamp, value, count: 1, intervalS: interval, unit })
    }
  }
  checkUnique(points, problems)
  return points
}

/** Reads the body of a request to the intake of distributions. What is wrong goes to `problems`. */
export function readDistributions(bytes: Uint8Array, problems: string[], nowMs: number): IntakePoint[] {
  const body = parseStrictly(bytes)
  if (!Array.isArray(body?.series) || body.series.length === 0) throw new Error('expected series')
  const found: IntakePoint[] = []
  for (const { metric, points, tags, host } of body.series) {
    checkName(metric, problems)
    if (!Array.isArray(points) || points.length === 0) problems.push(`${metric}: no points`)
    for (const [timeS, values] of points ?? []) {
      checkTime(timeS, metric, problems, nowMs)
      if (!Array.isArray(values) || values.length === 0 || !values.every(Number.isFinite)) problems.push(`${metric}: values`)
      const value = values.reduce((sum: number, each: number) => sum + each, 0)
      found.push({ metric, kind: 'distribution', host, tags: readTags(tags, metric, problems), timeS, value, count: values.length })
    }
  }
  checkUnique(found, problems)
  return found
}

function checkName(metric: unknown, problems: string[]): void {
  if (typeof metric !== 'string' || !/^[A-Za-z][A-Za-z0-9_.]*$/.test(metric) || metric.length > NAME_CHARACTERS_MAX)
    problems.push(`metric name ${JSON.stringify(metric)}`)
}

function checkTime(timeS: unknown, metric: string, problems: string[], nowMs: number): void {
  const ageS = nowMs / 1000 - Number(timeS)
  if (!Number.isInteger(timeS) || ageS > PAST_S_MAX + 1 || ageS < -FUTURE_S_MAX) problems.push(`${metric}: time ${timeS}`)
}

function readTags(tags: unknown = [], metric: string, problems: string[]): string[] {
  if (!Array.isArray(tags)) throw new Error(`${metric}: tags are no list`)
  for (const tag of tags)
    if (typeof tag !== 'string' || tag === '' || tag.trim() !== tag || tag.length > TAG_CHARACTERS_MAX || tag.endsWith(':'))
      problems.push(`${metric}: the tag ${JSON.stringify(tag)}`)
  return [...tags].sort()
}
