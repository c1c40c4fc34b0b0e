import { hash } from 'node:crypto'
import { type Dsn, envelopeUrl, otlpUrl } from '../../sentry/dsn.ts'
import { ClientReports } from './client-reports.ts'
import { RateLimits } from './rate-limits.ts'

/** After a project has refused our key, it is asked again this much later: keys are switched on again. */
const REFUSED_MS = 5 * 60_000
/** While others wait, a host that does not answer is tried no more often than this. */
const TRY_AGAIN_MS = 30_000

/** A host, which projects share: when it is down, it is for all of them. */
export class Origin {
  readonly host: string
  /** Since when every request has failed; null while it answers. */
  downSinceMs: number | null = null
  private triedAtMs = 0

  constructor(host: string) {
    this.host = host
  }

  failed(nowMs: number): void {
    this.downSinceMs ??= nowMs
    this.triedAtMs = nowMs
  }

  answered(): void {
    this.downSinceMs = null
  }

  isDue(nowMs: number): boolean {
    return nowMs - this.triedAtMs >= TRY_AGAIN_MS
  }
}

export interface Refusal {
  readonly sinceMs: number
  readonly untilMs: number
  readonly message: string
}

/** One project of Sentry that is sent to, and how it is doing. */
export class Destination {
  readonly dsn: Dsn
  readonly origin: Origin
  /** Where it is, without the key: for logs and labels. */
  readonly name: string
  /** What it is called in files: the key is told apart, and not shown. */
  readonly id: string
  readonly limits = new RateLimits()
  readonly reports = new ClientReports()
  readonly envelopes: URL
  readonly otlpTraces: URL
  readonly otlpLogs: URL
  /** By URL, since an intake may be switched off while another works: why it takes nothing from us. */
  private readonly refusals = new Map<URL, Refusal>()
  /** Spans that have been sent since the last report, for sharing out those that were sampled away. */
  spansSent = 0

  constructor(dsn: Dsn, origin: Origin) {
    this.dsn = dsn
    this.origin = origin
    this.name = `${dsn.base.slice(dsn.base.indexOf('//') + 2)}/${dsn.projectId}`
    this.id = `${this.name} ${hash('sha256', dsn.publicKey, 'hex').slice(0, 12)}`
    this.envelopes = envelopeUrl(dsn)
    this.otlpTraces = otlpUrl(dsn, 'traces')
    this.otlpLogs = otlpUrl(dsn, 'logs')
  }

  /** One of its URLs takes nothing, whatever it is. True when that is news. */
  refused(url: URL, message: string, nowMs: number): boolean {
    const before = this.refusals.get(url)
    this.refusals.set(url, { sinceMs: before?.sinceMs ?? nowMs, untilMs: nowMs + REFUSED_MS, message })
    return before === undefined
  }

  /** Why the URL is not to be tried now; undefined when it is. */
  refusalOf(url: URL, nowMs: number): Refusal | undefined {
    const refusal = this.refusals.get(url)
    return refusal !== undefined && nowMs < refusal.untilMs ? refusal : undefined
  }

  accepted(url: URL): void {
    this.refusals.delete(url)
    this.origin.answered()
  }

  /** What has been refused since it last worked. */
  get refusal(): Refusal | undefined {
    return this.refusals.values().next().value
  }
}

/** Whose telemetry goes to a project. */
export interface Rule {
  readonly services: readonly string[]
  readonly projects: readonly string[]
  readonly dsn: Dsn
}

/** Finds the project of each service, and keeps one Destination for each project. */
export class Destinations {
  readonly all: readonly Destination[]
  /** Distinct hosts. */
  readonly origins: readonly Origin[]
  readonly main: Destination
  private readonly rules: readonly {
    readonly services: readonly string[]
    readonly projects: readonly string[]
    readonly to: Destination
  }[]

  constructor(main: Dsn, rules: readonly Rule[]) {
    const origins = new Map<string, Origin>()
    const made = new Map<string, Destination>()
    const destinationOf = (dsn: Dsn): Destination => {
      const key = `${dsn.publicKey}@${dsn.base}/${dsn.projectId}`
      const known = made.get(key)
      if (known !== undefined) return known
      const origin = origins.get(dsn.base) ?? new Origin(dsn.host)
      origins.set(dsn.base, origin)
      const destination = new Destination(dsn, origin)
      made.set(key, destination)
      return destination
    }
    this.main = destinationOf(main)
    this.rules = rules.map(({ services, projects, dsn }) => ({ services, projects, to: destinationOf(dsn) }))
    this.all = [...made.values()]
    this.origins = [...origins.values()]
  }

  /** The first rule that fits decides. `projects` are the numbers or keys that the telemetry itself was addressed to. */
  of(service: string | undefined, ...projects: readonly (string | undefined)[]): Destination {
    for (const rule of this.rules) {
      if (service !== undefined && rule.services.some((pattern) => fits(pattern, service))) return rule.to
      if (projects.some((project) => project !== undefined && rule.projects.includes(project))) return rule.to
    }
    return this.main
  }
}

const SERVICE_CHARACTERS_MAX = 256

/** Whether a name fits a pattern in which * stands for any characters. */
export function fits(pattern: string, name: string): boolean {
  const text = name.slice(0, SERVICE_CHARACTERS_MAX)
  const [first, ...others] = pattern.split('*')
  if (others.length === 0) return pattern === name
  if (!text.startsWith(first)) return false
  const last = others.pop()!
  let at = first.length
  for (const part of others) {
    const found = text.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return text.length - last.length >= at && text.endsWith(last)
}
