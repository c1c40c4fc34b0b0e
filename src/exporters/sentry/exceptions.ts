// exception.values of an event: {type, value, module?, mechanism, stacktrace?: {frames}}, the innermost cause first and the exception that was seen
// last. https://develop.sentry.dev/sdk/foundations/transport/event-payloads/exception/
import { compact } from './contexts.ts'
import { cut, FRAMES_MAX, MESSAGE_CHARACTERS_MAX, NAME_CHARACTERS_MAX, type Trimmed } from './limits.ts'
import type { Frame, ParsedException } from './stacks/stack.ts'
import type { Json, JsonMap } from './values.ts'

/** What is told of an error beside its stack trace. */
export interface Told {
  readonly type: string | undefined
  readonly message: string | undefined
  /** `auto.otlp.exception` or `auto.log.exception`. */
  readonly mechanism: string
  readonly handled: boolean | undefined
}

/** The values of an error, from its stack trace and what is told of it; empty where there is nothing to tell. */
export function exceptionValues(told: Told, parsed: readonly ParsedException[], trimmed: Trimmed): JsonMap[] {
  const isChain = parsed.length > 1
  if (parsed.length > 0) return parsed.map((each) => exceptionOf(each.id === 0 ? merged(told, each) : each, told, isChain, trimmed))
  if (told.type === undefined && told.message === undefined) return []
  return [exceptionOf(merged(told, { id: 0, type: '', value: '', frames: [] }), told, false, trimmed)]
}

function exceptionOf(parsed: ParsedException, told: Told, isChain: boolean, trimmed: Trimmed): JsonMap {
  const { id, parent, source, type, value, module, isGroup } = parsed
  const mechanism = compact({
    type: id === 0 ? told.mechanism : 'chained',
    handled: told.handled,
    // Sentry then does not group by a type that nobody has thrown.
    synthetic: id === 0 && type === '' ? true : undefined,
    is_exception_group: isGroup,
    exception_id: isChain ? id : undefined,
    parent_id: isChain ? parent : undefined,
    source: source === undefined ? undefined : cut(source, NAME_CHARACTERS_MAX)
  })
  const frames = framesOf(parsed.frames, trimmed)
  return compact({
    type: cut(type === '' && value === '' ? UNKNOWN_TYPE : type, TYPE_CHARACTERS_MAX),
    value: cut(value, MESSAGE_CHARACTERS_MAX),
    module: module === undefined ? undefined : cut(module, TYPE_CHARACTERS_MAX),
    mechanism,
    stacktrace: frames.length === 0 ? undefined : { frames: frames as unknown as Json }
  })
}

const TYPE_CHARACTERS_MAX = 512
const UNKNOWN_TYPE = 'Error'

// What was told is whole, where a stack trace may have been cut; its type may have the module in front.
function merged({ type, message }: Told, parsed: ParsedException): ParsedException {
  const isSame = type === undefined || type === parsed.type || (parsed.type !== '' && type.endsWith(`.${parsed.type}`))
  return { ...parsed, type: isSame ? parsed.type : type, value: message ?? parsed.value }
}

function framesOf(frames: readonly Frame[], trimmed: Trimmed): readonly Frame[] {
  if (frames.length <= FRAMES_MAX) return frames
  trimmed.add('frames', frames.length - FRAMES_MAX)
  return [...frames.slice(0, FRAMES_MAX / 2), ...frames.slice(-FRAMES_MAX / 2)]
}
