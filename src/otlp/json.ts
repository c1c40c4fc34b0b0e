// OTLP/JSON is protobuf's JSON mapping with ids in hex: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
// Read in one pass, text to bytes, without objects between. As lenient as real senders need: keys in snake_case, enums by name, 64-bit integers
// as numbers or strings, numbers in strings, ids in base64 if the length says so, base64 in either alphabet. Strict in JSON's own grammar.
import { DEPTH_MAX } from './check.ts'
import { type JsonField, type JsonLayout, jsonLayout } from './json-layout.ts'
import { printJson } from './json-print.ts'
import { readScalar } from './json-scalar.ts'
import { CLOSE_ARRAY, CLOSE_OBJECT, COMMA, JsonFault, JsonScanner, OPEN_ARRAY, OPEN_OBJECT } from './json-scanner.ts'
import { MessageWriter } from './message-writer.ts'
import { type OtlpSignal, SHAPES } from './signal.ts'
import { WireError } from './wire.ts'

/**
 * Turns an OTLP/JSON request into the bytes of the same request in protobuf. Unknown keys are skipped, null means absent, a key that comes
 * twice counts as the wire would count it: the last scalar wins, lists are joined, messages merged. Half surrogates become U+FFFD. The result
 * is at most some four times as long as the text (lists of zeros). Throws WireError with the JSON path, the kind of what came and what was
 * expected, never the content. Profiles have no stable JSON and are refused.
 */
export function fromJson(signal: OtlpSignal, body: Uint8Array): Uint8Array {
  if (signal === 'profiles') throw new WireError('profiles are taken as protobuf only')
  try {
    pathLength = 0
    out.open()
    scanner.open(body)
    readMessage(jsonLayout(SHAPES[signal].request), 0, false)
    if (scanner.peek() !== 0) throw new JsonFault(`${scanner.describeNext()}, expected the end of the text`)
    return out.close()
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    throw new WireError(`${pathText()}${error.message} (offset ${scanner.pos})`)
  } finally {
    scanner.close()
    out.release()
  }
}

/** The same request as OTLP/JSON text. The bytes have been checked; unknown fields, which JSON has no name for, are left out. */
export function toJson(signal: OtlpSignal, bytes: Uint8Array): string {
  return printJson(SHAPES[signal].request, bytes)
}

const LETTER_N = 0x6e // of null

const scanner = new JsonScanner()
const out = new MessageWriter()

// Where we are: the fields from the request inwards, and the index in each that is a list, or -1.
const pathFields: JsonField[] = []
const pathIndexes: number[] = []
let pathLength = 0

function pathText(): string {
  let path = ''
  for (let i = 0; i < pathLength; i++) {
    const index = pathIndexes[i] < 0 ? '' : `[${pathIndexes[i]}]`
    path += `${i === 0 ? '' : '.'}${pathFields[i].name}${index}`
  }
  return path === '' ? '' : `${path}: `
}

// A zero goes unwritten, unless it has to undo what came before: earlier in this object, or in one that this is merged into (`again`).
function readMessage(layout: JsonLayout, depth: number, again: boolean): void {
  if (scanner.peek() !== OPEN_OBJECT) throw scanner.unexpected('an object')
  if (depth > DEPTH_MAX) throw new JsonFault(`nested deeper than ${DEPTH_MAX} messages`)
  scanner.pos++
  if (scanner.take(CLOSE_OBJECT)) return
  let seen = again ? -1 : 0
  do {
    scanner.key()
    const field = scanner.escaped ? layout.findByName(scanner.token()) : layout.find(scanner.text, scanner.start, scanner.end, scanner.hash)
    if (field === undefined) scanner.skip(DEPTH_MAX)
    else if (scanner.peek() === LETTER_N) scanner.word('null')
    else {
      pathFields[depth] = field
      pathIndexes[depth] = -1
      pathLength = depth + 1
      const known = (seen & field.bit) !== 0
      if (field.repeated) readList(field, depth)
      else if (field.child === undefined) readScalar(scanner, out, field, field.presence || known)
      else readInner(field, field.child, depth, known)
      seen |= field.bit
      pathLength = depth
    }
  } while (scanner.take(COMMA))
  scanner.expect(CLOSE_OBJECT)
}

function readInner(field: JsonField, child: JsonLayout, depth: number, again: boolean): void {
  const start = out.openLength(field.tag)
  readMessage(child, depth + 1, again)
  out.closeLength(start)
}

function readList(field: JsonField, depth: number): void {
  if (scanner.peek() !== OPEN_ARRAY) throw scanner.unexpected('an array')
  scanner.pos++
  if (scanner.take(CLOSE_ARRAY)) return
  const { child, kind } = field
  // Numbers are packed: one length around them all, and no tags.
  const packed = child === undefined && kind !== 'string'
  const start = packed ? out.openLength(field.tag) : 0
  let index = 0
  do {
    pathIndexes[depth] = index++
    if (child === undefined) readScalar(scanner, out, field, true)
    else if (scanner.peek() !== LETTER_N) readInner(field, child, depth, false)
    else {
      // A value that is null is an empty value; a null among other things has no meaning.
      if (child.name !== 'AnyValue') throw scanner.unexpected('an object')
      scanner.word('null')
      out.closeLength(out.openLength(field.tag))
    }
    pathLength = depth + 1
  } while (scanner.take(COMMA))
  pathIndexes[depth] = -1
  scanner.expect(CLOSE_ARRAY)
  if (packed) out.closeLength(start)
}
