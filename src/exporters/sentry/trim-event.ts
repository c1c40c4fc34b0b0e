import { bytesOf } from './contexts.ts'
import { cut, EVENT_BYTES_MAX, EXTRA_BYTES_MAX, EXTRA_TOTAL_BYTES_MAX, type Trimmed } from './limits.ts'
import { type Json, type JsonMap, jsonMap } from './values.ts'

/** The event as JSON within what Sentry takes. What goes first is what is missed least; exceptions stay, at the end with fewer frames. */
export function eventPayload(event: JsonMap, trimmed: Trimmed, bytesMax = EVENT_BYTES_MAX): Buffer {
  let payload = Buffer.from(JSON.stringify(event))
  for (const step of STEPS) {
    if (payload.length <= bytesMax) break
    if (step(event, trimmed)) payload = Buffer.from(JSON.stringify(event))
  }
  return payload
}

// Each returns whether it cut anything.
const STEPS: readonly ((event: JsonMap, trimmed: Trimmed) => boolean)[] = [
  (event, trimmed) => cutCrumbs(event, trimmed),
  (event, trimmed) => drop(event, 'extra', trimmed),
  (event, trimmed) => eachFrame(event, trimmed, 'variables', (frame) => without(frame, 'vars')),
  (event, trimmed) => drop(event, 'breadcrumbs', trimmed),
  (event, trimmed) => eachFrame(event, trimmed, 'source lines', (frame) => without(frame, 'pre_context', 'post_context', 'context_line')),
  (event, trimmed) => drop(event, 'request', trimmed),
  (event, trimmed) => keepContexts(event, trimmed),
  (event, trimmed) => keepFrames(event, trimmed, 50),
  (event, trimmed) => keepFrames(event, trimmed, 10),
  (event, trimmed) => cutFrames(event, trimmed),
  (event, trimmed) => keepOutermost(event, trimmed)
]

function drop(event: JsonMap, part: string, trimmed: Trimmed): boolean {
  if (event[part] === undefined) return false
  delete event[part]
  trimmed.add(part)
  return true
}

function cutCrumbs({ breadcrumbs }: JsonMap, trimmed: Trimmed): boolean {
  const crumbs = (breadcrumbs ?? []) as JsonMap[]
  let count = 0
  for (const crumb of crumbs) if (without(crumb, 'data')) count++
  if (count > 0) trimmed.add('breadcrumbs', count)
  return count > 0
}

function keepContexts(event: JsonMap, trimmed: Trimmed): boolean {
  const { trace, gpu } = (event.contexts ?? {}) as JsonMap
  event.contexts = { ...(trace !== undefined && { trace }), ...(gpu !== undefined && { gpu }) }
  trimmed.add('contexts')
  return true
}

function valuesOf({ exception }: JsonMap): JsonMap[] {
  return ((exception as JsonMap | undefined)?.values ?? []) as JsonMap[]
}

function eachFrame(event: JsonMap, trimmed: Trimmed, part: string, change: (frame: JsonMap) => boolean): boolean {
  let count = 0
  for (const { stacktrace } of valuesOf(event))
    for (const frame of ((stacktrace as JsonMap | undefined)?.frames ?? []) as JsonMap[]) if (change(frame)) count++
  if (count > 0) trimmed.add(part, count)
  return count > 0
}

// The first and the last calls tell most: where it began, and where it broke.
function keepFrames(event: JsonMap, trimmed: Trimmed, framesMax: number): boolean {
  let count = 0
  for (const { stacktrace } of valuesOf(event)) {
    const frames = ((stacktrace as JsonMap | undefined)?.frames ?? []) as Json[]
    if (frames.length <= framesMax) continue
    count += frames.length - framesMax
    frames.splice(framesMax / 2, frames.length - framesMax)
  }
  if (count > 0) trimmed.add('frames', count)
  return count > 0
}

const FRAME_TEXT_CHARACTERS_MAX = 512

function cutFrames(event: JsonMap, trimmed: Trimmed): boolean {
  return eachFrame(event, trimmed, 'frames', (frame) => {
    let isCut = false
    for (const [key, value] of Object.entries(frame)) {
      if (typeof value !== 'string' || value.length <= FRAME_TEXT_CHARACTERS_MAX) continue
      frame[key] = cut(value, FRAME_TEXT_CHARACTERS_MAX)
      isCut = true
    }
    return isCut
  })
}

function keepOutermost(event: JsonMap, trimmed: Trimmed): boolean {
  const values = valuesOf(event)
  if (values.length < 2) return false
  trimmed.add('exceptions', values.length - 1)
  const { exception_id: _, parent_id: __, source: ___, ...mechanism } = values.at(-1)!.mechanism as JsonMap
  event.exception = { values: [{ ...values.at(-1)!, mechanism }] }
  return true
}

function without(map: JsonMap, ...keys: readonly string[]): boolean {
  let has = false
  for (const key of keys) {
    if (map[key] === undefined) continue
    delete map[key]
    has = true
  }
  return has
}

/** The extra data within what Sentry takes: of each value, and of all. */
export function fittedExtra(extra: JsonMap, trimmed: Trimmed): JsonMap {
  const found = jsonMap()
  let bytes = 2
  for (const [key, value] of Object.entries(extra)) {
    const short = fittedValue(value, trimmed)
    const size = Buffer.byteLength(JSON.stringify(key)) + bytesOf(short) + 2
    if (bytes + size > EXTRA_TOTAL_BYTES_MAX) {
      trimmed.add('extra')
      continue
    }
    bytes += size
    found[key] = short
  }
  return found
}

function fittedValue(value: Json, trimmed: Trimmed): Json {
  if (bytesOf(value) <= EXTRA_BYTES_MAX) return value
  trimmed.add('extra')
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  // As many characters as fit whatever they are; escaped, one may take six bytes.
  const cutText = cut(text, EXTRA_BYTES_MAX - 16)
  return bytesOf(cutText) <= EXTRA_BYTES_MAX ? cutText : cut(text, Math.floor(EXTRA_BYTES_MAX / 6) - 1)
}
