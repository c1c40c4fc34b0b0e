// The attributes of a log that mean something to Datadog.
import { KeyTable } from '../../otlp/attributes/key-table.ts'

/** What an attribute is for. */
export const PLAIN = 0
export const MESSAGE = 1
export const STATUS = 2
export const TRACE = 3
export const SPAN = 4
export const TAGS = 5
export const SOURCE = 6
/** Datadog's own names for ids, which are written from the ids of the record where it has them. */
export const DD_TRACE = 7
export const DD_SPAN = 8
/** Names that say something else at the top of an entry: such an attribute gets a prefix. */
export const RESERVED = 9
export const EXCEPTION = 10
/** What an exception becomes. */
export const ERROR = 11
/** Written from the record itself. */
export const OWN = 12

const NAMES: readonly (readonly [role: number, names: string])[] = [
  [MESSAGE, 'message msg log'],
  [STATUS, 'status severity level syslog.severity'],
  [TRACE, 'trace_id traceid traceId traceID trace.id contextMap.traceId contextmap.traceid oteltraceid otelTraceID'],
  [SPAN, 'span_id spanid spanId spanID span.id contextMap.spanId contextmap.spanid otelspanid otelSpanID'],
  [TAGS, 'ddtags'],
  [SOURCE, 'datadog.log.source ddsource'],
  [DD_TRACE, 'dd.trace_id'],
  [DD_SPAN, 'dd.span_id'],
  [RESERVED, 'service hostname host source timestamp date @timestamp'],
  [EXCEPTION, 'exception.type exception.message exception.stacktrace'],
  [ERROR, 'error.kind error.message error.stack'],
  [OWN, 'otel.trace_id otel.span_id otel.severity_number otel.severity_text otel.timestamp sluice.truncated']
]

/** What the writer of an entry writes itself: no attribute may have such a name. */
export const FIXED: readonly string[] = [
  ...[
    'message',
    'status',
    'service',
    'hostname',
    'ddsource',
    'ddtags',
    '@timestamp',
    'timestamp',
    'date',
    'host',
    'source',
    'trace_id',
    'span_id'
  ],
  ...['dd', 'dd.trace_id', 'dd.span_id', 'otel.trace_id', 'otel.span_id', 'otel.severity_number', 'otel.severity_text', 'otel.timestamp'],
  ...['event.name', 'sluice.truncated']
]

export const keys = new KeyTable(NAMES.flatMap(([, names]) => names.split(' ')))

/** By the number of a key in the table: its role. */
export const roles = new Uint8Array(keys.size)
for (const [role, names] of NAMES) for (const name of names.split(' ')) roles[keys.numberOf(name)] = role

const EXCEPTION_NAMES: Readonly<Record<string, string>> = {
  'exception.type': 'error.kind',
  'exception.message': 'error.message',
  'exception.stacktrace': 'error.stack'
}

/** By the number of an exception's key: what it becomes. */
export const errorNames: readonly string[] = Array.from({ length: keys.size }, (_, number) => {
  const found = Object.keys(EXCEPTION_NAMES).find((name) => keys.numberOf(name) === number)
  return found === undefined ? '' : EXCEPTION_NAMES[found]
})

const STATUS_WORDS: Readonly<Record<string, readonly string[]>> = {
  emergency: ['emergency', 'emerg', 'fatal', 'panic'],
  alert: ['alert'],
  critical: ['critical', 'crit'],
  error: ['error', 'err', 'severe'],
  warning: ['warning', 'warn'],
  notice: ['notice'],
  info: ['info', 'information', 'informational', 'log'],
  debug: ['debug', 'trace', 'verbose', 'silly', 'fine', 'finer', 'finest'],
  ok: ['ok', 'success']
}

const STATUS_OF = new Map(Object.entries(STATUS_WORDS).flatMap(([status, words]) => words.map((word) => [word, status])))

const WORD_CHARACTERS_MAX = 16

/** A status in Datadog's words; undefined for a word that is none. */
export function statusOfWord(word: string): string | undefined {
  return word.length > WORD_CHARACTERS_MAX ? undefined : STATUS_OF.get(word.toLowerCase())
}

/** The same of a severity number, 1 to 24. */
export function statusOfNumber(number: number): string | undefined {
  return number >= 1 && number <= 24 ? LEVELS[(number - 1) >> 2] : undefined
}

// Datadog reads what begins with f as an emergency.
const LEVELS = ['debug', 'debug', 'info', 'warning', 'error', 'emergency'] as const

const SOURCES: Readonly<Record<string, string>> = { dotnet: 'csharp', webjs: 'browser' }

/** The source by the language of an SDK; it chooses the pipeline that reads the message. */
export function sourceOfLanguage(language: string | undefined): string {
  if (language === undefined || !/^[a-z]{1,20}$/.test(language)) return 'otlp'
  return Object.hasOwn(SOURCES, language) ? SOURCES[language] : language
}
