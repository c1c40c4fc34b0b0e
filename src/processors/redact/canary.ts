// Made-up secrets that go the way of real ones: whether each is taken out is looked at, not believed.
import { randomBytes, randomInt } from 'node:crypto'
import { RefusedError } from '../../errors.ts'
import { encode } from '../../otlp/encode.ts'
import type { SignalPolicy } from './policy.ts'

/** One made-up secret: the text that it stands in, and the part of it that must not be seen again. */
interface Bird {
  readonly rule: string
  readonly text: string
  readonly secret: string
}

/** What is looked at: the same engine and walk that everything passes. */
export interface Cage {
  readonly text: (value: string) => string
  readonly request: (signal: CanarySignal, bytes: Uint8Array) => Uint8Array
  readonly policyOf: (signal: string) => SignalPolicy
  /** Rules and keys that the user allows everywhere. */
  readonly allowed: ReadonlySet<string>
}

export type CanarySignal = 'traces' | 'logs' | 'metrics'

/** What survived: the rule that should have found it, and where. */
export interface Survivor {
  readonly rule: string
  readonly place: string
}

const ATTRIBUTE = 'sluice.canary'
/** The mode last4 shows so much. */
const SHOWN_CHARACTERS = 4

/** Sends one secret of each of several kinds through text and signals, each time others. Returns those that were still to be seen afterwards. */
export function survivors({ text, request, policyOf, allowed }: Cage): Survivor[] {
  const found: Survivor[] = []
  const look = (rule: string, place: string, secret: string, seen: string): void => {
    if (seen.includes(secret.slice(0, -SHOWN_CHARACTERS))) found.push({ rule, place })
  }
  for (const { rule, text: told, secret } of birds()) {
    if (allowed.has(rule)) continue
    if (!policyOf('text').everywhere.allows(rule)) look(rule, 'text', secret, text(told))
    for (const signal of ['traces', 'logs', 'metrics'] as const) {
      const policy = policyOf(signal)
      if (!policy.everywhere.allows(rule)) look(rule, signal, secret, textOf(request(signal, requestOf(signal, told, ''))))
      const atAttribute = policy.of(ATTRIBUTE) ?? policy.everywhere
      if (!atAttribute.allows(rule)) look(rule, `${signal}, attribute`, secret, textOf(request(signal, requestOf(signal, '', told))))
    }
  }
  return found
}

const CHECK_INTERVAL_MS = 3_600_000
/** While something survives, nothing passes; but it is looked at again. */
const RETRY_INTERVAL_MS = 60_000

const FAILING = 'redaction does not find its canaries: nothing may pass'

/** Lets telemetry pass as long as made-up secrets do not. */
export class CanaryGuard {
  private readonly cage: Cage
  private readonly failed: (survivors: readonly Survivor[]) => void
  private readonly nowMs: () => number
  private nextAtMs = 0
  private isFailing = false

  /** `failed` is told whenever something survived. */
  constructor(cage: Cage, failed: (survivors: readonly Survivor[]) => void, nowMs: () => number) {
    this.cage = cage
    this.failed = failed
    this.nowMs = nowMs
  }

  /** Why nothing passes; null while all is well. */
  get trouble(): string | null {
    return this.isFailing ? FAILING : null
  }

  /** To be called before anything passes: looks once an hour. Throws RefusedError while made-up secrets survive. */
  check(): void {
    const nowMs = this.nowMs()
    if (nowMs >= this.nextAtMs) {
      const found = survivors(this.cage)
      this.isFailing = found.length > 0
      this.nextAtMs = nowMs + (this.isFailing ? RETRY_INTERVAL_MS : CHECK_INTERVAL_MS)
      if (this.isFailing) this.failed(found)
    }
    if (!this.isFailing) return
    throw new RefusedError('unavailable', FAILING, { retryAfterMs: RETRY_INTERVAL_MS })
  }
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')

// Heads and bodies are joined here, so that no scanner takes this file for a leak.
function birds(): Bird[] {
  const random = (length: number): string => of('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789', length)
  const upper = of('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 16)
  const bird = (rule: string, before: string, secret: string, behind = ''): Bird => ({
    rule,
    text: `canary: ${before}${secret}${behind} and on`,
    secret
  })
  const password = `${random(12)}7aB`
  const header = `${['ey', 'J'].join('')}${Buffer.from('{"alg":"HS256"}').toString('base64url').slice(3)}`
  const payload = `${['ey', 'J'].join('')}${Buffer.from(JSON.stringify({ sub: random(12) }))
    .toString('base64url')
    .slice(3)}`
  const dashes = '-----'
  const label = ['PRIVATE', 'KEY'].join(' ')
  return [
    bird('aws-access-key-id', ['AK', 'IA'].join(''), upper),
    bird('github-token', ['gh', 'p_'].join(''), random(36)),
    bird('jwt', `${header}.${payload}.`, random(43)),
    bird('password', 'password=', password),
    bird('api-key', '{"apiKey":"', random(32), '"}'),
    bird('authorization', 'Authorization: Bearer ', random(40)),
    bird('url-password', 'postgres://canary:', password, '@db.example/canary'),
    bird('private-key', `${dashes}BEGIN ${label}${dashes}\n`, randomBytes(48).toString('base64'), `\n${dashes}END ${label}${dashes}`),
    bird('card', 'pan ', card()),
    bird('email', '', `${of('abcdefghijklmnopqrstuvwxyz', 10)}@canary.example`)
  ]
}

function of(alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('')
}

// A number that no issuer has given out by design: sixteen digits that begin with 4, with the right check digit.
function card(): string {
  const body = `4${of('0123456789', 14)}`
  let sum = 0
  for (const [i, digit] of [...body].entries()) {
    const doubled = Number(digit) * (i % 2 === 0 ? 2 : 1)
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return body + ((10 - (sum % 10)) % 10)
}

function requestOf(signal: CanarySignal, text: string, attribute: string): Uint8Array {
  const attributes = attribute === '' ? [] : [{ key: ATTRIBUTE, value: { stringValue: attribute } }]
  if (signal === 'logs') {
    const record = { attributes, ...(text === '' ? {} : { body: { stringValue: text } }) }
    return encode('ExportLogsServiceRequest', { resourceLogs: [{ resource: { attributes }, scopeLogs: [{ logRecords: [record] }] }] })
  }
  if (signal === 'traces') {
    const span = { name: text, attributes, events: [{ name: text, attributes }], status: { message: text } }
    return encode('ExportTraceServiceRequest', { resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans: [span] }] }] })
  }
  const metric = { name: 'canary', description: text, gauge: { dataPoints: [{ attributes }] } }
  return encode('ExportMetricsServiceRequest', { resourceMetrics: [{ resource: { attributes }, scopeMetrics: [{ metrics: [metric] }] }] })
}
