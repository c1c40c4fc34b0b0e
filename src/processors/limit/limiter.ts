import type { RecordEditor } from '../../otlp/request.ts'
import { Fields } from '../../otlp/wire.ts'
import type { Repeats } from './repeats.ts'
import { LEVELS, type Level, rangeOf, SEVERITY_ERROR } from './severity.ts'
import { environmentOf, resourceOf, type Source, type Sources } from './sources.ts'

// The wire: LogRecord { severity_number = 2, AnyValue body = 5, repeated KeyValue attributes = 6 }
const SEVERITY_NUMBER = 2
const BODY = 5
const ATTRIBUTE = 6

export interface Policy {
  readonly minSeverity: Level
  readonly services: Readonly<Record<string, Level>>
  readonly environments: Readonly<Record<string, Level>>
  /** The environment of those that do not say theirs. */
  readonly environment: string
  /** Records a second, and at once, of one source; 0 a second is without limit. */
  readonly ratePerSecond: number
  readonly burst: number
  /** The same, of errors. */
  readonly errorsPerSecond: number
  readonly errorsBurst: number
}

/** Takes out the records that the policy does not want, and knows how many. */
export class Limiter implements RecordEditor {
  readonly taken = { severity: 0, rate: 0, repeated: 0 }
  /** Records whose source shares the limits of others, since there were too many sources. */
  overflowed = 0
  nowMs = 0
  private readonly policy: Policy
  private readonly sources: Sources
  private readonly repeats: Repeats | null
  private readonly fields = new Fields()
  private readonly services: ReadonlyMap<string, number>
  private readonly environments: ReadonlyMap<string, number>
  private readonly least: number
  private readonly hasRates: boolean
  // Of the resource whose records come now.
  private isRead = false
  private leastHere = 0
  /** What its records say of their environment counts. */
  private asksRecords = false
  private source: Source | null = null
  private resourceStart = 0
  private resourceEnd = 0
  private copy: Uint8Array | null = null

  constructor(policy: Policy, sources: Sources, repeats: Repeats | null) {
    const numbers = (levels: Readonly<Record<string, Level>>): ReadonlyMap<string, number> =>
      new Map(Object.entries(levels).map(([name, level]) => [name, LEVELS[level]]))
    this.policy = policy
    this.sources = sources
    this.repeats = repeats
    this.services = numbers(policy.services)
    this.environments = numbers(policy.environments)
    this.least = LEVELS[policy.minSeverity]
    this.hasRates = policy.ratePerSecond > 0 || policy.errorsPerSecond > 0
  }

  resourceEntry(): void {
    this.sources.resourceEntry()
    this.isRead = false
    this.source = this.copy = null
    this.resourceStart = this.resourceEnd = 0
  }

  resource(bytes: Uint8Array, start: number, end: number): void {
    this.sources.resource(bytes, start, end)
    this.resourceStart = start
    this.resourceEnd = end
  }

  record(bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.isRead) this.readResource()
    const { fields, repeats, policy, taken, asksRecords } = this
    let severity = 0
    let environment = ''
    let bodyStart = 0
    let bodyEnd = 0
    fields.open(bytes, start, end)
    while (fields.next()) {
      if (fields.number === SEVERITY_NUMBER) severity = fields.low
      else if (fields.number === BODY) {
        bodyStart = fields.start
        bodyEnd = fields.end
      } else if (asksRecords && fields.number === ATTRIBUTE) environment = environmentOf(bytes, fields.start, fields.end, environment)
    }
    const least = environment === '' ? this.leastHere : this.leastIn(environment)
    if (severity > 0 && severity < least) {
      taken.severity++
      return false
    }
    if (this.source === null) return true
    if (repeats !== null && this.isRepeat(repeats, this.source, severity, bytes, bodyStart, bodyEnd)) {
      taken.repeated++
      return false
    }
    if (!this.hasRates) return true
    const { source, nowMs } = this
    const fits =
      severity >= SEVERITY_ERROR
        ? policy.errorsPerSecond === 0 || source.errors.take(policy.errorsPerSecond, policy.errorsBurst, nowMs)
        : policy.ratePerSecond === 0 || source.usual.take(policy.ratePerSecond, policy.burst, nowMs)
    if (source === this.sources.others) this.overflowed++
    if (fits) return true
    taken.rate++
    source.suppress(rangeOf(severity), bytes, this.resourceStart, this.resourceEnd)
    return false
  }

  private readResource(): void {
    const { sources, policy } = this
    const ofService = this.services.get(sources.service)
    this.isRead = true
    this.leastHere = ofService ?? this.leastIn(sources.environment === '' ? policy.environment : sources.environment)
    // Senders of logs without a resource name it in each record: Datadog's, by its tag `env`.
    this.asksRecords = ofService === undefined && sources.environment === '' && this.environments.size > 0
    this.source = this.hasRates || this.repeats !== null ? sources.current(this.nowMs) : null
  }

  private leastIn(environment: string): number {
    return this.environments.get(environment) ?? this.least
  }

  private isRepeat(repeats: Repeats, source: Source, severity: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (repeats.knows(this.sources.id, severity, bytes, start, end, this.nowMs)) return true
    this.copy ??= resourceOf(source.names, bytes, this.resourceStart, this.resourceEnd)
    repeats.remember(this.copy, severity)
    return false
  }
}
