// The events of Sentry: errors, messages and transactions. See sentry-check.ts.
import { bytesOf, type Findings, isHex, isIpAddress, isObject, isText, isTime, type Json } from './sentry-json.ts'

const KIB = 1024
const LEVELS = ['fatal', 'error', 'warning', 'info', 'debug']
const PLATFORMS = new Set(
  'as3 c cfml cocoa csharp elixir go groovy haskell java javascript native node objc other perl php powershell python ruby rust dart'.split(
    ' '
  )
)
/** What this gateway writes itself is held to more than what other SDKs write. */
const isOurs = (event: Json): boolean => String(event.sdk?.name).startsWith('sluice')

export function checkEvent(event: Json, to: Findings): void {
  checkCommon(event, to)
  to.check(event.type === undefined || event.type === 'error' || event.type === 'default', 'type', 'none')
  to.check(event.level === undefined || LEVELS.includes(event.level), 'level', LEVELS.join(', '))
  const hasText = isText(event.message) || isObject(event.message) || isObject(event.logentry)
  const exceptions = Array.isArray(event.exception) ? event.exception : event.exception?.values
  to.check(hasText || (Array.isArray(exceptions) && exceptions.length > 0), 'event', 'an exception or a message')
  to.check(!isText(event.message) || event.message.length <= 8192, 'message', 'at most 8192 characters')
  const formatted = event.logentry?.formatted ?? event.logentry?.message
  to.check(event.logentry === undefined || isText(formatted, 8192), 'logentry', 'a text of at most 8192 characters')
  if (exceptions !== undefined) checkExceptions(exceptions, isOurs(event), to)
  const { fingerprint } = event
  const isFingerprint = Array.isArray(fingerprint) && fingerprint.length > 0 && fingerprint.every((part) => isText(part))
  to.check(fingerprint === undefined || isFingerprint, 'fingerprint', 'texts')
}

function checkCommon(event: Json, to: Findings): void {
  to.check(isHex(event.event_id, 32), 'event_id', '32 lowercase hex digits')
  to.check(isTime(event.timestamp), 'timestamp', 'seconds since 1970 or RFC 3339')
  to.check(event.platform === undefined || PLATFORMS.has(event.platform), 'platform', `a known platform, not ${event.platform}`)
  for (const key of ['transaction', 'server_name', 'release', 'dist', 'environment', 'logger'])
    to.check(event[key] == null || isText(event[key], 200), key, 'a text of at most 200 characters')
  const { release, environment, sdk } = event
  to.check(release == null || /^(?!\.{1,2}$)[^\s/\\][^\n\r\t/\\]*$/.test(release), 'release', 'a name of a release')
  to.check(environment == null || (/^[^\s/]{1,64}$/.test(environment) && environment !== 'None'), 'environment', 'a name of an environment')
  to.check(sdk === undefined || (isText(sdk?.name) && isText(sdk?.version)), 'sdk', 'name and version')
  checkTags(event, to)
  checkContexts(event.contexts ?? {}, to)
  const extra = event.extra ?? {}
  to.check(isObject(extra) && bytesOf(extra) <= 256 * KIB, 'extra', 'at most 256 KiB')
  for (const [key, value] of Object.entries(extra)) to.check(bytesOf(value) <= 16 * KIB, `extra.${key}`, 'at most 16 KiB')
  checkBreadcrumbs(event.breadcrumbs, to)
  checkUser(event.user ?? {}, to)
  checkRequest(event.request ?? {}, to)
  const modules = Object.values(event.modules ?? {})
  to.check(
    modules.every((version) => isText(version)),
    'modules',
    'texts'
  )
}

function checkTags(event: Json, to: Findings): void {
  const entries: [string, unknown][] = Array.isArray(event.tags) ? event.tags : Object.entries(event.tags ?? {})
  for (const [key, value] of entries) {
    to.check(/^[\w.:-]{1,200}$/.test(key), `tags.${key.slice(0, 40)}`, 'a key of letters, digits and _ . : -')
    const isTag = isText(value, 200) || (!isOurs(event) && (typeof value === 'number' || typeof value === 'boolean' || value === null))
    to.check(isTag && !String(value).includes('\n'), `tags.${key.slice(0, 40)}`, 'a line of at most 200 characters')
    to.check(value !== '', `tags.${key.slice(0, 40)}`, 'a text that is not empty')
  }
}

function checkContexts(contexts: Json, to: Findings): void {
  to.check(isObject(contexts), 'contexts', 'an object')
  for (const [name, context] of Object.entries(contexts)) {
    to.check(isObject(context), `contexts.${name}`, 'an object')
    to.check(bytesOf(context) <= 8 * KIB, `contexts.${name}`, `at most 8 KiB, not ${bytesOf(context)} bytes`)
  }
  const { trace } = contexts
  if (trace === undefined) return
  to.check(isHex(trace.trace_id, 32), 'contexts.trace.trace_id', '32 hex digits')
  to.check(isHex(trace.span_id, 16), 'contexts.trace.span_id', '16 hex digits')
  to.check(trace.parent_span_id == null || isHex(trace.parent_span_id, 16), 'contexts.trace.parent_span_id', '16 hex digits')
  to.check(trace.status === undefined || STATUSES.has(trace.status), 'contexts.trace.status', `a known status, not ${trace.status}`)
}

function checkBreadcrumbs(breadcrumbs: Json, to: Findings): void {
  const crumbs: Json[] = Array.isArray(breadcrumbs) ? breadcrumbs : (breadcrumbs?.values ?? [])
  to.check(crumbs.length <= 100, 'breadcrumbs', `at most 100, not ${crumbs.length}`)
  let beforeSeconds = 0
  for (const [i, crumb] of crumbs.entries()) {
    const { timestamp, level, message, category, type, data } = crumb ?? {}
    to.check(isTime(timestamp), `breadcrumbs[${i}].timestamp`, 'a time')
    const seconds = typeof timestamp === 'number' ? timestamp : Date.parse(timestamp) / 1000
    to.check(seconds >= beforeSeconds, `breadcrumbs[${i}]`, 'the oldest first')
    beforeSeconds = seconds
    to.check(level === undefined || LEVELS.includes(level), `breadcrumbs[${i}].level`, LEVELS.join(', '))
    to.check(
      [message, category, type].every((text) => text == null || isText(text)),
      `breadcrumbs[${i}]`,
      'texts'
    )
    to.check(data == null || isObject(data), `breadcrumbs[${i}].data`, 'an object')
  }
}

function checkUser(user: Json, to: Findings): void {
  to.check(isObject(user), 'user', 'an object')
  for (const key of ['id', 'email', 'username'])
    to.check(user[key] == null || isText(user[key]) || (key === 'id' && typeof user[key] === 'number'), `user.${key}`, 'a text')
  to.check(user.ip_address == null || isIpAddress(user.ip_address), 'user.ip_address', 'an IP address')
}

function checkRequest(request: Json, to: Findings): void {
  to.check(isObject(request), 'request', 'an object')
  for (const key of ['method', 'url']) to.check(request[key] == null || isText(request[key]), `request.${key}`, 'a text')
  to.check(request.headers == null || typeof request.headers === 'object', 'request.headers', 'an object')
  to.check(bytesOf(request.data) <= 8 * KIB, 'request.data', 'at most 8 KiB')
}

function checkExceptions(values: Json, ours: boolean, to: Findings): void {
  to.check(Array.isArray(values) && values.length > 0 && values.length <= 50, 'exception.values', 'from 1 to 50')
  const ids = new Set<number>()
  for (const [i, exception] of (Array.isArray(values) ? values : []).entries()) {
    const { type, value, module, mechanism, stacktrace } = exception ?? {}
    const at = `exception.values[${i}]`
    to.check((isText(type) && type !== '') || (isText(value) && value !== ''), at, 'a type or a value')
    to.check(
      [type, value, module].every((text) => text == null || isText(text)),
      at,
      'texts'
    )
    checkMechanism(mechanism, `${at}.mechanism`, ours, ids, to)
    if (stacktrace != null) checkFrames(stacktrace.frames, `${at}.stacktrace`, to)
  }
  if (!ours || ids.size === 0) return
  to.check(values.at(-1)?.mechanism?.exception_id === 0, 'exception.values', 'the outermost, with exception_id 0, last')
  for (const [i, exception] of values.entries())
    to.check(
      exception?.mechanism?.exception_id === 0 ? exception.mechanism.parent_id === undefined : ids.has(exception?.mechanism?.parent_id),
      `exception.values[${i}].mechanism.parent_id`,
      'the id of another exception'
    )
}

function checkMechanism(mechanism: Json, at: string, ours: boolean, ids: Set<number>, to: Findings): void {
  to.check(mechanism != null || !ours, at, 'one')
  if (mechanism == null) return
  to.check(isText(mechanism.type) && mechanism.type !== '', `${at}.type`, 'a text')
  to.check(!ours || mechanism.type !== 'generic', `${at}.type`, 'not generic')
  to.check(mechanism.handled == null || typeof mechanism.handled === 'boolean', `${at}.handled`, 'true or false')
  const { exception_id: id } = mechanism
  if (id === undefined) return
  to.check(Number.isInteger(id) && id >= 0 && !ids.has(id), `${at}.exception_id`, 'a number of its own')
  ids.add(id)
}

function checkFrames(frames: Json, at: string, to: Findings): void {
  to.check(Array.isArray(frames) && frames.length > 0 && frames.length <= 1000, `${at}.frames`, 'from 1 to 1000')
  for (const [i, given] of (Array.isArray(frames) ? frames : []).entries()) {
    const frame = given ?? {}
    const place = `${at}.frames[${i}]`
    to.check(
      [frame.filename, frame.function, frame.instruction_addr].some((text) => isText(text)),
      place,
      'a file name or a function'
    )
    for (const key of ['lineno', 'colno'])
      to.check(
        frame[key] == null || (Number.isInteger(frame[key]) && frame[key] >= (key === 'lineno' ? 1 : 0)),
        `${place}.${key}`,
        'a number'
      )
    to.check(frame.in_app == null || typeof frame.in_app === 'boolean', `${place}.in_app`, 'true or false')
    for (const key of ['filename', 'function', 'module', 'abs_path', 'context_line', 'package'])
      to.check(frame[key] == null || isText(frame[key]), `${place}.${key}`, 'a text')
    for (const key of ['pre_context', 'post_context'])
      to.check(
        frame[key] == null || (Array.isArray(frame[key]) && frame[key].every((line: unknown) => isText(line))),
        `${place}.${key}`,
        'lines'
      )
  }
}

const STATUSES = new Set(
  (
    'ok cancelled unknown unknown_error invalid_argument deadline_exceeded not_found already_exists permission_denied resource_exhausted ' +
    'failed_precondition aborted out_of_range unimplemented internal_error unavailable data_loss unauthenticated'
  ).split(' ')
)
const SOURCES = new Set(['custom', 'url', 'route', 'view', 'component', 'task', 'sanitized', 'unknown'])

export function checkTransaction(event: Json, to: Findings): void {
  checkCommon(event, to)
  to.check(event.type === 'transaction', 'type', 'transaction')
  to.check(isText(event.transaction) && event.transaction !== '', 'transaction', 'a name')
  to.check(isTime(event.start_timestamp), 'start_timestamp', 'a time')
  to.check(Number(event.timestamp) >= Number(event.start_timestamp) || isText(event.timestamp), 'timestamp', 'no earlier than the start')
  to.check(isObject(event.contexts?.trace), 'contexts.trace', 'an object')
  const source = event.transaction_info?.source
  to.check(source === undefined || SOURCES.has(source), 'transaction_info.source', `a known source, not ${source}`)
  const spans: Json[] = event.spans ?? []
  to.check(Array.isArray(spans) && spans.length <= 1000, 'spans', 'at most 1000')
  for (const [i, given] of (Array.isArray(spans) ? spans : []).entries()) {
    const span = given ?? {}
    const at = `spans[${i}]`
    to.check(isHex(span.span_id, 16) && isHex(span.trace_id, 32), at, 'span_id and trace_id')
    to.check(span.parent_span_id == null || isHex(span.parent_span_id, 16), `${at}.parent_span_id`, '16 hex digits')
    to.check(span.trace_id === event.contexts?.trace?.trace_id, `${at}.trace_id`, 'that of the transaction')
    to.check(isTime(span.start_timestamp) && isTime(span.timestamp), at, 'start_timestamp and timestamp')
    to.check(span.timestamp >= span.start_timestamp, `${at}.timestamp`, 'no earlier than the start')
    to.check(span.status === undefined || STATUSES.has(span.status), `${at}.status`, `a known status, not ${span.status}`)
    to.check(span.op == null || isText(span.op), `${at}.op`, 'a text')
    to.check(span.data == null || isObject(span.data), `${at}.data`, 'an object')
  }
}
