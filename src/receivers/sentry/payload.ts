// What the payloads of items say of themselves, as far as the gateway has to know.
import type { JsonObject } from '../../sentry/envelope.ts'

export const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)
const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

/** The digits of an id without its dashes; undefined where it is none of so many digits. */
export function idOf(value: unknown, digits: 16 | 32): string | undefined {
  if (typeof value !== 'string' || value.length > 64) return undefined
  const id = value.replaceAll('-', '').toLowerCase()
  return id.length === digits && /^[0-9a-f]+$/.test(id) && /[1-9a-f]/.test(id) ? id : undefined
}

export interface TraceIds {
  readonly traceId: string | undefined
  readonly spanId: string | undefined
}

/** The trace that an event, a transaction or a profile belongs to. */
export function traceOf({ contexts, transaction }: JsonObject): TraceIds {
  const trace = isObject(contexts) && isObject(contexts.trace) ? contexts.trace : undefined
  // A profile names its transaction.
  const traceId = idOf(trace?.trace_id, 32) ?? (isObject(transaction) ? idOf(transaction.trace_id, 32) : undefined)
  return { traceId, spanId: traceId === undefined ? undefined : idOf(trace?.span_id, 16) }
}

const FIRST_SECONDS = 1_000_000_000
const LAST_SECONDS = 4_000_000_000

/** Seconds since 1970, or RFC 3339, in ms; undefined where it is no time that telemetry was made at. */
export function timeMsOf(timestamp: unknown): number | undefined {
  const seconds =
    typeof timestamp === 'string' ? Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(timestamp) ? timestamp : `${timestamp}Z`) / 1000 : timestamp
  return typeof seconds === 'number' && seconds > FIRST_SECONDS && seconds < LAST_SECONDS ? seconds * 1000 : undefined
}

const LEVELS: Readonly<Record<string, number>> = { debug: 5, log: 9, info: 9, warning: 13, warn: 13, error: 17, critical: 21, fatal: 21 }
export const SEVERITY_INFO = 9
export const SEVERITY_ERROR = 17

/** How severe an event is. One without a level is an error, as Sentry takes it. */
export function severityOf({ level }: JsonObject): number {
  return typeof level === 'string' && Object.hasOwn(LEVELS, level) ? LEVELS[level] : SEVERITY_ERROR
}

// As for spans of a server: what a client did wrong is not its error.
const FAILURES = new Set([
  ...['unknown_error', 'internal_error', 'internal', 'deadline_exceeded', 'resource_exhausted', 'failed_precondition'],
  ...['aborted', 'unimplemented', 'unavailable', 'data_loss', 'error']
])

/** Whether a transaction has failed. */
export function hasFailed({ contexts }: JsonObject): boolean {
  const status = isObject(contexts) && isObject(contexts.trace) ? contexts.trace.status : undefined
  return typeof status === 'string' && FAILURES.has(status)
}

/** The name of the service, where an event or the first item of a container says it. */
export function serviceOf(content: JsonObject): string | undefined {
  const { contexts } = content
  const otel = isObject(contexts) && isObject(contexts.otel) ? contexts.otel.resource : undefined
  return textOf(isObject(otel) ? otel['service.name'] : undefined) ?? attributeOf(content, 'service.name')
}

export interface Sdk {
  readonly name: string
  readonly version: string
}

/** The SDK that made an event, or a container. */
export function sdkOf(content: JsonObject): Sdk | undefined {
  const { sdk } = content
  const name = textOf(isObject(sdk) ? sdk.name : undefined) ?? attributeOf(content, 'sentry.sdk.name')
  const version = textOf(isObject(sdk) ? sdk.version : undefined) ?? attributeOf(content, 'sentry.sdk.version')
  return name === undefined || version === undefined ? undefined : { name, version }
}

function attributeOf({ items }: JsonObject, key: string): string | undefined {
  const first: unknown = Array.isArray(items) ? items[0] : undefined
  const attribute = isObject(first) && isObject(first.attributes) ? first.attributes[key] : undefined
  return textOf(isObject(attribute) ? attribute.value : undefined)
}

const LANGUAGES: readonly (readonly [prefix: string, language: string])[] = [
  ['sentry.python', 'python'],
  ['sentry.javascript.browser', 'webjs'],
  ['sentry.javascript.react', 'webjs'],
  ['sentry.javascript.vue', 'webjs'],
  ['sentry.javascript', 'nodejs'],
  ['sentry.java', 'java'],
  ['sentry.kotlin', 'java'],
  ['sentry.go', 'go'],
  ['sentry.dotnet', 'dotnet'],
  ['sentry.ruby', 'ruby'],
  ['sentry.php', 'php'],
  ['sentry.rust', 'rust']
]

/** telemetry.sdk.language of the SDK of that name. */
export function languageOf(sdk: string): string | undefined {
  return LANGUAGES.find(([prefix]) => sdk.startsWith(prefix))?.[1]
}
