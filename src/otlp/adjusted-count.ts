// How many spans a sampled span stands for: https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/
// tracestate = member *( OWS "," OWS member ); the member of OpenTelemetry is `ot=` subkey:value *( ";" subkey:value ), and its `th` is the
// rejection threshold T: 1 to 14 lowercase hex digits, zeros on the right left out. The span stands for 2^56 / (2^56 - T) spans.

/** A span that claims to stand for more than this counts as one: no sampler is that sparse, and one lie must not drown all true counts. */
export const ADJUSTED_COUNT_MAX = 1e6

const O = 0x6f
const T = 0x74
const H = 0x68
const EQUALS = 0x3d
const COLON = 0x3a
const SEMICOLON = 0x3b
const COMMA = 0x2c
const SPACE = 0x20
const TAB = 0x09

const HALF = 2 ** 28 // seven hex digits

/** The adjusted count that the tracestate in [start, end) says; 1 when it says none, 0 when what it says cannot be used. */
export function adjustedCount(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end) {
    while (at < end && isBlank(bytes[at])) at++
    let next = at
    while (next < end && bytes[next] !== COMMA) next++
    if (next - at > 3 && bytes[at] === O && bytes[at + 1] === T && bytes[at + 2] === EQUALS) return countOfMember(bytes, at + 3, next)
    at = next + 1
  }
  return 1
}

function countOfMember(bytes: Uint8Array, start: number, end: number): number {
  while (end > start && isBlank(bytes[end - 1])) end--
  let at = start
  while (at < end) {
    let next = at
    while (next < end && bytes[next] !== SEMICOLON) next++
    if (bytes[at] === T && bytes[at + 1] === H && bytes[at + 2] === COLON && next - at >= 3) return countOfThreshold(bytes, at + 3, next)
    at = next + 1
  }
  return 1
}

// 56 bits are more than a number holds exactly, so T is read in two halves and the small difference 2^56 - T is formed from them.
function countOfThreshold(bytes: Uint8Array, start: number, end: number): number {
  if (end === start || end - start > 14) return 0
  let high = 0
  let low = 0
  for (let i = 0; i < 14; i++) {
    const digit = start + i < end ? hexDigit(bytes[start + i]) : 0
    if (digit < 0) return 0
    if (i < 7) high = high * 16 + digit
    else low = low * 16 + digit
  }
  const count = (HALF * HALF) / ((HALF - high) * HALF - low)
  return count <= ADJUSTED_COUNT_MAX ? count : 0
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  return byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : -1
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB
}
