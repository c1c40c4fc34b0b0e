import { jsonText } from './json-text.ts'
import type { LogValue } from './log-entry.ts'
import { describeText, type Exception, splitHead } from './traceback.ts'

type Fields = Readonly<Record<string, LogValue>>

// What languages and their loggers call the parts of an error.
const TYPE = ['type', 'name', 'kind', 'class', 'exc_type', 'exception_class', 'ClassName']
const MESSAGE = ['message', 'msg', 'exc_value', 'value', 'Message', 'localizedMessage']
const STACK = ['stack', 'stack_trace', 'stackTrace', 'stacktrace', 'traceback', 'extendedStackTrace', 'frames', 'StackTraceString']
const CAUSE = ['cause', 'inner', 'InnerException', 'Cause']
const OTHERS = ['aggregateErrors', 'errors', 'exceptions']
const READ: ReadonlySet<string> = new Set([...TYPE, ...MESSAGE, ...STACK, ...CAUSE, ...OTHERS])

const CAUSES_MAX = 8
const OTHERS_MAX = 16
const FRAMES_MAX = 256

/** Whether `describeError` reads this key of an error; what it does not read are attributes. */
export function isReadOfErrors(key: string): boolean {
  return READ.has(key)
}

/** What an error says as a logger wrote it: an object, a text, or a list of errors; null where it says nothing. Causes go behind the stack trace. */
export function describeError(error: LogValue, depth = 0): Exception | null {
  if (typeof error === 'string') {
    if (error === '') return null
    return error.includes('\n') ? (describeText(error) ?? { type: '', message: '', stacktrace: error }) : splitHead(error)
  }
  if (error === null || typeof error !== 'object' || error instanceof Uint8Array) return null
  if (Array.isArray(error)) return describeList(error, depth)
  const fields = error as Fields
  const type = textOf(fields, TYPE)
  const message = textOf(fields, MESSAGE)
  let stacktrace = stackOf(fields)
  if (type === '' && message === '' && stacktrace === '') return null
  if (depth < CAUSES_MAX) {
    for (const key of CAUSE) stacktrace += causeText(fields[key], stacktrace, 'Caused by: ', depth)
    for (const key of OTHERS) {
      const others = fields[key]
      if (!Array.isArray(others)) continue
      for (let i = 0; i < others.length && i < OTHERS_MAX; i++) stacktrace += causeText(others[i], stacktrace, `[${i}] `, depth)
    }
  }
  return { type, message, stacktrace }
}

// structlog writes the chain of exceptions as a list, the one that was raised last first.
function describeList(errors: readonly LogValue[], depth: number): Exception | null {
  const first = errors.length > 0 && isFields(errors[0]) && depth < CAUSES_MAX ? describeError(errors[0], depth + 1) : null
  if (first === null) return null
  let { stacktrace } = first
  for (let i = 1; i < errors.length && i < OTHERS_MAX; i++) stacktrace += causeText(errors[i], stacktrace, 'Caused by: ', depth)
  return { ...first, stacktrace }
}

function causeText(cause: LogValue | undefined, above: string, lead: string, depth: number): string {
  if (cause === undefined || cause === null) return ''
  const described = describeError(cause, depth + 1)
  if (described === null) return ''
  const { type, message, stacktrace } = described
  // Many stack traces tell of their causes already.
  const head = [type, message].filter((part) => part !== '').join(': ')
  if (above !== '' && (above.includes(stacktrace === '' ? head : stacktrace) || above.includes(`aused by: ${head}`))) return ''
  const text =
    stacktrace === '' || (head !== '' && !stacktrace.includes(message))
      ? [head, stacktrace].filter((part) => part !== '').join('\n')
      : stacktrace
  return `${above === '' ? '' : '\n'}${lead}${text}`
}

function textOf(fields: Fields, keys: readonly string[]): string {
  for (const key of keys) {
    const value = fields[key]
    if (typeof value === 'string' && value !== '') return value
    if (typeof value === 'number') return `${value}`
  }
  return ''
}

function stackOf(fields: Fields): string {
  for (const key of STACK) {
    const stack = stackText(fields[key])
    if (stack !== '') return stack
  }
  return ''
}

/** A stack trace as a text, whether it came as one or as a list of frames; empty where it is neither. */
export function stackText(stack: LogValue | undefined): string {
  if (typeof stack === 'string') return stack
  if (!Array.isArray(stack)) return ''
  return stack.slice(0, FRAMES_MAX).map(frameText).join('\n')
}

function frameText(frame: LogValue): string {
  if (typeof frame === 'string') return frame
  if (!isFields(frame)) return jsonText(frame)
  const called = [frame.class ?? frame.className, frame.func ?? frame.function ?? frame.method ?? frame.methodName ?? frame.name]
  const file = frame.file ?? frame.fileName ?? frame.filename ?? frame.source
  const line = frame.line ?? frame.lineNumber ?? frame.lineno
  const name = called.filter((part) => typeof part === 'string').join('.')
  return name === '' && file === undefined ? jsonText(frame) : `    at ${name} (${file ?? '?'}${line === undefined ? '' : `:${line}`})`
}

function isFields(value: LogValue): value is Fields {
  return value !== null && typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array)
}
