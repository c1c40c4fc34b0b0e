import { ErrorFields } from '../../logs/error-fields.ts'
import type { LogValue } from '../../logs/log-entry.ts'
import { KNOWN } from '../../logs/names.ts'
import { describeText, type Exception } from '../../logs/traceback.ts'
import { decode } from '../../otlp/decode.ts'
import type { AnyValue, KeyValue } from '../../otlp/objects.ts'
import { MESSAGE_BYTES_MAX, STACK_BYTES_MAX } from './sighting.ts'

const DEPTH_MAX = 4
const FIELDS_MAX = 256

const errors = new ErrorFields(() => undefined)

/** The exception that a log record tells of by a field that holds an error, or a stack trace in its text; null where there is none. */
export function describeRecord(bytes: Uint8Array, start: number, end: number, isTextLikely: boolean): Exception | null {
  const { attributes = [], body } = decode('LogRecord', bytes, start, end)
  errors.clear()
  let isObject = takeFields(attributes)
  if (body?.kvlistValue !== undefined) isObject = takeFields(body.kvlistValue.values ?? []) || isObject
  const told = errors.describe()
  errors.clear()
  // A word under `error` says what went wrong, and is no exception.
  if (told !== null && (told.stacktrace !== '' || (told.type !== '' && told.message !== '') || isObject)) return capped(told)
  const text = textOf(body)
  const found = isTextLikely || body?.kvlistValue !== undefined ? describeText(text.slice(0, STACK_BYTES_MAX)) : null
  return found === null ? null : capped(found)
}

// Whether one of them is an error as an object.
function takeFields(fields: readonly KeyValue[]): boolean {
  let isObject = false
  for (const { key = '', value } of fields.slice(0, FIELDS_MAX)) {
    const known = KNOWN.get(key)
    if (known === undefined || value === undefined || !ROLES.has(known.role)) continue
    errors.take(known.role, known.rank, key, logValue(value, 0), 0)
    isObject ||= known.role === 'error' && value.kvlistValue !== undefined
  }
  return isObject
}

const ROLES: ReadonlySet<string> = new Set(['error', 'stack', 'errorType', 'errorMessage'])

/** Names of attributes that may hold an error. */
export const ERROR_KEYS: readonly string[] = Array.from(KNOWN)
  .filter(([, { role }]) => ROLES.has(role))
  .map(([name]) => name)

function capped({ type, message, stacktrace }: Exception): Exception {
  return { type: type.slice(0, 512), message: message.slice(0, MESSAGE_BYTES_MAX), stacktrace: stacktrace.slice(0, STACK_BYTES_MAX) }
}

const TEXTS = ['message', 'msg', 'event']

function textOf(body: AnyValue | undefined): string {
  if (body?.stringValue !== undefined) return body.stringValue
  return body?.kvlistValue?.values?.find(({ key = '' }) => TEXTS.includes(key))?.value?.stringValue ?? ''
}

function logValue(value: AnyValue, depth: number): LogValue {
  if (value.stringValue !== undefined) return value.stringValue
  if (value.intValue !== undefined) return value.intValue
  if (value.doubleValue !== undefined) return value.doubleValue
  if (value.boolValue !== undefined) return value.boolValue
  if (depth >= DEPTH_MAX) return null
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map((each) => logValue(each, depth + 1))
  if (value.kvlistValue === undefined) return null
  return Object.fromEntries((value.kvlistValue.values ?? []).map(({ key = '', value: each = {} }) => [key, logValue(each, depth + 1)]))
}
