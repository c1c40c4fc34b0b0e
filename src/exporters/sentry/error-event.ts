import type { LogRecord, ResourceLogs, Scope } from '../../otlp/objects.ts'
import { breadcrumbsOf } from './breadcrumbs.ts'
import type { Build, Built, Payloads } from './context.ts'
import { compact, environmentContexts, fitted } from './contexts.ts'
import { exceptionValues, type Told } from './exceptions.ts'
import { derivedId, isId } from './ids.ts'
import { cut, MESSAGE_CHARACTERS_MAX, NAME_CHARACTERS_MAX, TAG_CHARACTERS_MAX, type Trimmed } from './limits.ts'
import { severityNumberOf } from './log-items.ts'
import { requestOf } from './request.ts'
import { SDK_NAME } from './settings.ts'
import { nameOf, platformOf, type Source, sourceOf } from './source.ts'
import type { ParsedException } from './stacks/stack.ts'
import { tagsOf } from './tags.ts'
import { Taken } from './taken.ts'
import { secondsOf } from './time.ts'
import { errorTrace } from './trace-context.ts'
import { eventPayload, fittedExtra } from './trim-event.ts'
import { userOf } from './user.ts'
import { type Attributes, attributesOf, type Json, type JsonMap, jsonMap, textOf } from './values.ts'

/** Reads a stack trace; `language` as telemetry.sdk.language has it, where it is told. */
export interface Stacks {
  parse(language: string | undefined, text: string, trimmed: Trimmed): readonly ParsedException[]
  /** Of a text whose language is not told, in the same words. */
  detect(text: string): string | undefined
}

/** Each error as an event in an envelope of its own. */
export function errorItems(entries: readonly ResourceLogs[], build: Build, stacks: Stacks): Payloads {
  const built: Built[] = []
  for (const { resource, scopeLogs = [] } of entries) {
    const source = sourceOf(resource, build.settings)
    for (const { scope, logRecords = [] } of scopeLogs) {
      for (const record of logRecords) {
        const event = errorEvent(record, scope, source, build, stacks)
        const payload = eventPayload(event, build.trimmed)
        built.push({
          trace: isId(record.traceId) ? build.headers.ofError(record.traceId, source) : undefined,
          eventId: event.event_id as string,
          items: [{ header: { type: 'event' }, payload }],
          records: [record]
        })
      }
    }
  }
  return { built, rejected: new Map() }
}

/** The event of one error. Its id is made of what happened, so that the same error has the same id however often it is sent. */
export function errorEvent(record: LogRecord, scope: Scope | undefined, source: Source, build: Build, stacks: Stacks): JsonMap {
  const { settings, trimmed, receivedAtMs } = build
  const attributes = attributesOf(record.attributes)
  const own = new Taken(attributes)
  const resource = new Taken(source.attributes)
  const seconds = secondsOf(record.timeUnixNano, record.observedTimeUnixNano, receivedAtMs)
  const error = readError(own, source, stacks, trimmed)
  const body = textOf(record.body)
  const eventId = eventIdOf(record, error, body, source)
  const values = exceptionValues(error.told, error.parsed, trimmed)
  // What one of these takes, those after it do not see.
  const transaction = transactionOf(attributes)
  const fingerprint = fingerprintOf(own.json('error.fingerprint'))
  const breadcrumbs = breadcrumbsOf(own.take('error.breadcrumbs'), seconds * 1000, trimmed)
  const logger = nameOf(own.text('logger.name') ?? scope?.name)
  const request = requestOf(own)
  const user = userOf(own, resource, settings.sendEmail)
  const trace = errorTrace(record, eventId, attributes, own, trimmed)
  const contexts: JsonMap = { ...(trace !== undefined && { trace }), ...environmentContexts(own, resource, trimmed) }
  const leftover = resource.rest()
  if (Object.keys(leftover).length > 0) contexts.resource = fitted(leftover, 'resource', trimmed)
  const extra = extraOf(own, record, error)
  const event: JsonMap = {
    event_id: eventId,
    timestamp: seconds,
    platform: source.platform ?? (error.language === undefined ? 'other' : platformOf(error.language)),
    level: levelOf(record),
    environment: source.environment,
    sdk: { name: SDK_NAME, version: settings.version },
    tags: tagsOf(attributes, source, settings.tags),
    contexts,
    ...compact({ release: source.release, dist: source.dist, server_name: source.serverName, logger, transaction, request, user })
  }
  const message = messageOf(body, record, values, error.told.message)
  if (values.length > 0) event.exception = { values }
  if (message !== undefined) event.logentry = { formatted: cut(message, MESSAGE_CHARACTERS_MAX) }
  if (fingerprint !== undefined) event.fingerprint = fingerprint
  if (breadcrumbs.length > 0) event.breadcrumbs = breadcrumbs
  if (Object.keys(extra).length > 0) event.extra = fittedExtra(extra, trimmed)
  const modules = modulesOf(scope, source)
  if (modules !== undefined) event.modules = modules
  return event
}

interface ErrorFacts {
  readonly told: Told
  readonly stack: string | undefined
  readonly parsed: readonly ParsedException[]
  readonly language: string | undefined
}

function readError(own: Taken, source: Source, stacks: Stacks, trimmed: Trimmed): ErrorFacts {
  const stack = own.text('exception.stacktrace')
  const language = source.language ?? (stack === undefined ? undefined : stacks.detect(stack))
  const told = {
    type: own.text('exception.type'),
    message: own.text('exception.message'),
    mechanism: own.text('error.origin') === 'span_event' ? 'auto.otlp.exception' : 'auto.log.exception',
    handled: own.take('error.mechanism.handled')?.boolValue
  }
  return { told, stack, parsed: stack === undefined ? [] : stacks.parse(language, stack, trimmed), language }
}

function eventIdOf(record: LogRecord, { told, stack }: ErrorFacts, body: string | undefined, { service, serverName }: Source): string {
  const time = record.timeUnixNano || record.observedTimeUnixNano
  return derivedId(record.traceId, record.spanId, time, told.type, told.message ?? body, stack, service, serverName)
}

// Of work that was asked for from outside, its name; of work inside of other work only what tells of that.
function transactionOf(attributes: Attributes): string | undefined {
  const text = (key: string): string => textOf(attributes.get(key)) ?? ''
  const [kind, name, route] = [text('span.kind'), text('span.name'), text('http.route')]
  const isOutermost = kind === 'server' || kind === 'consumer' || (kind === 'internal' && !isId(text('span.parent_id') || undefined))
  if (name !== '' && isOutermost) return nameOf(name)
  const segment = text('sentry.segment.name')
  if (segment !== '') return nameOf(segment)
  if (route === '' || kind === 'client' || kind === 'producer') return undefined
  return nameOf(`${text('http.request.method') || text('http.method')} ${route}`)
}

function fingerprintOf(json: Json | undefined): string[] | undefined {
  if (!Array.isArray(json) || json.length === 0) return undefined
  return json.slice(0, FINGERPRINT_PARTS_MAX).map((part) => cut(typeof part === 'string' ? part : JSON.stringify(part), TAG_CHARACTERS_MAX))
}

const FINGERPRINT_PARTS_MAX = 16

function extraOf(own: Taken, record: LogRecord, { stack, parsed }: ErrorFacts): JsonMap {
  // These stand elsewhere.
  own.text('error.group', 'exception.escaped')
  const extra = own.rest()
  if (stack !== undefined && !parsed.some(({ frames }) => frames.length > 0)) extra.raw_stacktrace = stack
  if (record.severityText) extra['log.severity_text'] = record.severityText
  if (record.eventName && record.eventName !== 'exception') extra['event.name'] = record.eventName
  return extra
}

// The message of the log, where it says more than the exception. An event has one of the two at least.
function messageOf(
  body: string | undefined,
  { eventName }: LogRecord,
  values: readonly JsonMap[],
  told: string | undefined
): string | undefined {
  if (values.length === 0) return body || eventName || 'error'
  return body === undefined || body === '' || body === told || body === values.at(-1)!.value || body === values.at(-1)!.type
    ? undefined
    : body
}

function levelOf(record: LogRecord): string {
  const number = severityNumberOf(record)
  return number === 0 ? 'error' : LEVELS[(number - 1) >> 2]
}

const LEVELS = ['debug', 'debug', 'info', 'warning', 'error', 'fatal']

function modulesOf(scope: Scope | undefined, { attributes }: Source): JsonMap | undefined {
  const modules = jsonMap()
  const put = (name: string | undefined, version: string | undefined): void => {
    if (name && version) modules[cut(name, NAME_CHARACTERS_MAX)] = cut(version, NAME_CHARACTERS_MAX)
  }
  put(textOf(attributes.get('telemetry.sdk.name')), textOf(attributes.get('telemetry.sdk.version')))
  put(scope?.name, scope?.version)
  return Object.keys(modules).length === 0 ? undefined : modules
}
