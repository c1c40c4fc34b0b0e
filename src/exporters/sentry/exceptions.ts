// exception.values of an event: {type, value, module?, mechanism, stacktrace?: {frames}}, the innermost cause first and the exception that was seen
// last. https://develop.sentry.dev/sdk/foundations/transport/event-payloads/exception/
import { compact } from './contexts.ts'
import { cut, EXCEPTIONS_MAX, FRAMES_MAX, MESSAGE_CHARACTERS_MAX, NAME_CHARACTERS_MAX, type Trimmed } from './limits.ts'
import type { Json, JsonMap } from './values.ts'

/** One exception of a stack trace, as its parser understood it: in Sentry's words and order. */
export interface StackException {
  readonly type?: string | undefined
  readonly value?: string | undefined
  readonly module?: string | undefined
  /** The oldest call first. */
  readonly frames: readonly object[]
  /** How it hangs on its parent: `__cause__`, `cause`, `errors[1]` … */
  readonly mechanismSource?: string | undefined
  readonly isGroup?: boolean | undefined
  /** Which of the list it is the cause, or a member, of; the next one where it does not say. */
  readonly parent?: number | undefined
}

/** What is told of an error beside its stack trace. */
export interface Told {
  readonly type: string | undefined
  readonly message: string | undefined
  /** `auto.otlp.exception` or `auto.log.exception`. */
  readonly mechanism: string
  readonly handled: boolean | undefined
}

/** The values of an error, from its stack trace and what is told of it; empty where there is nothing to tell. */
export function exceptionValues(told: Told, parsed: readonly StackException[], trimmed: Trimmed): JsonMap[] {
  const first = Math.max(0, parsed.length - EXCEPTIONS_MAX)
  if (first > 0) trimmed.add('exceptions', first)
  const known = parsed.slice(first).map((each, i) => (i + first === parsed.length - 1 ? merged(told, each) : each))
  if (known.length === 0) known.push(merged(told, { frames: [] }))
  const last = known.length - 1
  const values: JsonMap[] = []
  for (const [i, each] of known.entries()) {
    const { type, value, module } = each
    const mechanism = compact({
      type: i === last ? told.mechanism : 'chained',
      handled: told.handled,
      synthetic: i === last && told.type === undefined && parsed.length === 0 ? true : undefined,
      is_exception_group: each.isGroup === true ? true : undefined
    })
    if (last > 0) {
      mechanism.exception_id = last - i
      if (i < last) {
        mechanism.parent_id = last - parentOf(i, each.parent === undefined ? undefined : each.parent - first, last)
        if (each.mechanismSource !== undefined) mechanism.source = cut(each.mechanismSource, NAME_CHARACTERS_MAX)
      }
    }
    const exception = compact({
      type: type === undefined ? undefined : cut(type, TYPE_CHARACTERS_MAX),
      value: value === undefined ? undefined : cut(value, MESSAGE_CHARACTERS_MAX),
      module: module === undefined ? undefined : cut(module, TYPE_CHARACTERS_MAX)
    })
    if (exception.type === undefined && exception.value === undefined) {
      if (last === 0 && each.frames.length === 0) return []
      exception.type = UNKNOWN_TYPE
    }
    exception.mechanism = mechanism
    if (each.frames.length > 0) exception.stacktrace = { frames: framesOf(each.frames, trimmed) }
    values.push(exception)
  }
  return values
}

const TYPE_CHARACTERS_MAX = 512
const UNKNOWN_TYPE = 'Error'

// A parent comes later in the list, or the chain would have no end.
function parentOf(index: number, parent: number | undefined, last: number): number {
  return parent !== undefined && parent > index && parent <= last ? parent : index + 1
}

// What was told is whole, where a stack trace may have been cut; its type may have the module in front.
function merged(told: Told, parsed: StackException): StackException {
  const { type, module, ...rest } = parsed
  const isSameType = type !== undefined && told.type !== undefined && (told.type === type || told.type.endsWith(`.${type}`))
  return {
    ...rest,
    type: isSameType ? type : (told.type ?? type),
    module,
    value: told.message ?? parsed.value
  }
}

function framesOf(frames: readonly object[], trimmed: Trimmed): Json {
  if (frames.length <= FRAMES_MAX) return frames as unknown as Json
  trimmed.add('frames', frames.length - FRAMES_MAX)
  return [...frames.slice(0, FRAMES_MAX / 2), ...frames.slice(-FRAMES_MAX / 2)] as unknown as Json
}
