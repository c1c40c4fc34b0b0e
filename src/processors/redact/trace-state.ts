import type { Engine } from './engine.ts'

const COMMA = Buffer.from(',')
const EQUALS = 61
const OVER_BUDGET = Buffer.alloc(0)
const WORK_PER_MEMBER = 40

/**
 * A tracestate in [start, stop) without its secrets, or null when there are none. It is key=value,key=value: a marker may stand in a value; a
 * member with a secret in its key is left out. Nothing is left when the work of the request is used up.
 */
export function redactTraceState(engine: Engine, bytes: Uint8Array, start: number, stop: number): Buffer | null {
  const members: Uint8Array[] = []
  let changed = false
  for (let at = start; at <= stop; ) {
    const comma = bytes.indexOf(COMMA[0], at)
    const end = comma < 0 || comma > stop ? stop : comma
    engine.spend(WORK_PER_MEMBER)
    if (engine.isSpent) return OVER_BUDGET
    const redacted = engine.redact(bytes, at, end)
    if (redacted === null) members.push(bytes.subarray(at, end))
    else {
      changed = true
      const equals = bytes.indexOf(EQUALS, at) + 1 - at
      if (equals > 0 && at + equals <= end && Buffer.compare(bytes.subarray(at, at + equals), redacted.subarray(0, equals)) === 0) {
        members.push(redacted)
      }
    }
    at = end + 1
  }
  return changed ? Buffer.concat(members.flatMap((member, i) => (i === 0 ? [member] : [COMMA, member]))) : null
}
