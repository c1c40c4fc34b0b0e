import { hash } from 'node:crypto'

/** Of a type, a message and a stack trace, so much is looked at. */
export const TYPE_BYTES_MAX = 512
export const MESSAGE_BYTES_MAX = 16 * 1024
export const STACK_BYTES_MAX = 64 * 1024

export type Origin = 'span_event' | 'log'

/** Where a record stands in its request. */
export interface Place {
  /** The pieces of the Resource, as pairs of offsets. */
  readonly resources: readonly number[]
  /** The pieces of the InstrumentationScope. */
  readonly scopes: readonly number[]
}

/** One error that was seen. Offsets are into the batch that it came in, and end with it. */
export interface Sighting {
  readonly origin: Origin
  readonly place: Place
  /** The span or the log record. */
  readonly start: number
  readonly end: number
  /** The event of the span; both 0 where the record itself is the error. */
  readonly eventStart: number
  readonly eventEnd: number
  /** Nanoseconds since 1970, to some hundred of them. */
  readonly atNano: number
  /** Small hex digits, or empty. */
  readonly traceId: string
  /** What is not known is empty. */
  readonly type: string
  readonly message: string
  readonly stacktrace: string
  /** Type, message and stack trace were read out of a text or an object, and the record does not have them as attributes. */
  readonly isDescribed: boolean
}

/** The last part of a type's name: some writers say `torch.cuda.OutOfMemoryError`, others `OutOfMemoryError`, of one and the same. */
export function shortType(type: string): string {
  const end = type.lastIndexOf('.')
  const colon = type.lastIndexOf(':')
  const backslash = type.lastIndexOf('\\')
  return type.slice(Math.max(end, colon, backslash) + 1)
}

const SITE_CHARACTERS_MAX = 300
const FRAME = /\n[ \t|]{1,64}at [^\n]{1,300}/
const NUMBERED_FRAME = /(?:^|\n)#\d{1,4} [^\n]{1,300}/
const GO_FRAME = /\n\t[^\n]{1,300}/

/**
 * The frame of a stack trace in which the exception was thrown, as it is written there; empty where none is found. As an exception passes through
 * its callers some languages write more frames at the other end, so this is what stays the same.
 */
export function crashSite(stacktrace: string): string {
  if (stacktrace === '') return ''
  // Python writes the crash last.
  const python = stacktrace.lastIndexOf('  File "')
  if (python >= 0) return lineAt(stacktrace, python).trim()
  const frame = FRAME.exec(stacktrace) ?? NUMBERED_FRAME.exec(stacktrace) ?? GO_FRAME.exec(stacktrace)
  return frame === null ? '' : frame[0].trim()
}

function lineAt(text: string, at: number): string {
  const end = text.indexOf('\n', at)
  return text.slice(at, Math.min(end < 0 ? text.length : end, at + SITE_CHARACTERS_MAX))
}

const KEY_CHARACTERS_MAX = 64

/** A text as part of a key: itself while it is short, else its hash. */
export function keyOf(text: string): string {
  return text.length <= KEY_CHARACTERS_MAX ? text : hash('sha1', text, 'base64')
}
