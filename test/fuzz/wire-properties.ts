import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert/strict'
import { checkRequest, DEPTH_MAX } from '../../src/otlp/check.ts'
import { decode } from '../../src/otlp/decode.ts'
import { encode } from '../../src/otlp/encode.ts'
import { concatenate, editRecords, editResources, splitRequest, walkRecords } from '../../src/otlp/request.ts'
import { type OtlpSignal, SHAPES, SIGNALS } from '../../src/otlp/signal.ts'
import { SpanView, stringAttribute } from '../../src/otlp/views.ts'
import { Fields, lengthDelimited, WireError } from '../../src/otlp/wire.ts'
import { canonical, filtered, flattened, itemsOf, judged, knownOnly, type Plain, rendered } from './judge.ts'
import { deepLog, wireRequest } from './requests.ts'
import type { Tape } from './tape.ts'

/** A fact that holds for every tape. */
export type Property = (tape: Tape) => void

/** What holds for every request, valid or not. Each throws when it does not. */
export const wireProperties: Record<string, Property> = {
  'a valid request passes the check, and counts as the judge counts'(tape) {
    const signal = tape.pick(SIGNALS)
    const bytes = wireRequest(signal, tape)
    strictEqual(checkRequest(signal, bytes), itemsOf(signal, judged(signal, bytes)))
  },

  'decode agrees with the judge, and encode undoes it'(tape) {
    const signal = tape.pick(SIGNALS)
    const bytes = wireRequest(signal, tape)
    const { request } = SHAPES[signal]
    strictEqual(knownOnly(signal, encode(request, decode(request, bytes))), knownOnly(signal, bytes))
  },

  'a damaged request is refused, or means the same to the judge'(tape) {
    const signal = tape.pick(SIGNALS)
    const bytes = damaged(wireRequest(signal, tape), tape)
    const items = checked(signal, bytes)
    if (items === undefined) return
    const object = judged(signal, bytes)
    // A metric of two kinds is counted by what was sent, though the last kind alone is read.
    if (signal !== 'metrics') strictEqual(items, itemsOf(signal, object))
    const { request } = SHAPES[signal]
    strictEqual(knownOnly(signal, encode(request, decode(request, bytes))), knownOnly(signal, bytes))
    let count = 0
    walkRecords(bytes, { record: () => count++ })
    const all = editRecords(bytes, { record: () => true })
    ok(all.bytes === bytes)
    strictEqual(all.records, count)
    checkRequest(signal, editRecords(bytes, { record: () => tape.oneIn(2) }).bytes)
  },

  'noise is refused, or means the same to the judge'(tape) {
    const signal = tape.pick(SIGNALS)
    const bytes = Buffer.from(Array.from({ length: tape.below(64) }, () => (tape.oneIn(2) ? tape.pick(TELLING_BYTES) : tape.byte())))
    if (checked(signal, bytes) !== undefined) judged(signal, bytes)
  },

  'a request is as deep as the judge goes, and no deeper'(tape) {
    const [bytes, depth] = deepLog(tape)
    const { request } = SHAPES.logs
    if (depth > DEPTH_MAX) {
      strictEqual(checked('logs', bytes), undefined)
      throws(() => judged('logs', bytes), /max depth/)
    } else {
      strictEqual(checked('logs', bytes), 1)
      strictEqual(knownOnly('logs', encode(request, decode(request, bytes))), knownOnly('logs', bytes))
    }
  },

  'keeping all returns the same bytes'(tape) {
    const bytes = wireRequest(tape.pick(SIGNALS), tape)
    ok(editRecords(bytes, { record: () => true }).bytes === bytes)
    ok(editResources(bytes, { resource: () => {}, missing: () => null }) === bytes)
  },

  'keeping some is filtering the objects'(tape) {
    const signal = tape.pick(SIGNALS)
    const bytes = wireRequest(signal, tape)
    const choices: boolean[] = []
    const edited = editRecords(bytes, {
      record: () => {
        choices.push(tape.oneIn(2))
        return choices.at(-1)!
      }
    })
    strictEqual(edited.records, choices.filter(Boolean).length)
    checkRequest(signal, edited.bytes)
    strictEqual(canonical(signal, edited.bytes), rendered(signal, filtered(signal, judged(signal, bytes), choices)))
  },

  'editing names in place is editing the objects'(tape) {
    const bytes = wireRequest('traces', tape)
    const name = Buffer.from('n'.repeat(tape.pick([0, 1, 5, 120, 130, 20_000])))
    const choices: boolean[] = []
    const named = new Set<number>()
    const fields = new Fields()
    const edited = editRecords(bytes, {
      record: (within, start, end, patch) => {
        const index = choices.length
        choices.push(!tape.oneIn(4))
        // What is edited in a record that is then cut must leave no trace.
        if (tape.oneIn(2)) {
          fields.open(within, start, end)
          while (fields.next()) {
            if (fields.number !== 5) continue
            patch.enter(fields.tagStart, fields.start, fields.end)
            patch.replace(fields.start, fields.end, name)
            patch.leave()
            named.add(index)
          }
        }
        return choices[index]
      }
    })
    const object = judged('traces', bytes)
    for (const [index, { record }] of flattened('traces', object).entries()) if (named.has(index)) record.name = name.toString()
    strictEqual(canonical('traces', edited.bytes), rendered('traces', filtered('traces', object, choices)))
  },

  'adding to resources in place is adding to the objects'(tape) {
    const signal = tape.pick(SIGNALS)
    const bytes = wireRequest(signal, tape)
    const added = { key: 'k'.repeat(tape.pick([1, 100, 20_000])), value: { stringValue: 'v' } }
    const attribute = lengthDelimited(1, encode('KeyValue', added))
    const edited = editResources(bytes, {
      resource: (_within, _start, end, patch, last) => {
        if (last) patch.replace(end, end, attribute)
      },
      missing: () => attribute
    })
    const object = judged(signal, bytes)
    for (const entry of object.entries) {
      entry.resource ??= {}
      const resource = entry.resource as Plain
      resource.attributes = [...((resource.attributes as Plain[] | undefined) ?? []), added]
    }
    checkRequest(signal, edited)
    strictEqual(canonical(signal, edited), rendered(signal, object))
  },

  'splitting and joining keeps every record with its resource and scope'(tape) {
    const signal = tape.pick(SIGNALS.filter((each) => SHAPES[each].concatenates))
    const bytes = concatenate([wireRequest(signal, tape), wireRequest(signal, tape)])
    const bytesMax = tape.below(Math.min(bytes.length + 20, 0xffff))
    const parts = splitRequest(signal, bytes, bytesMax)
    let items = 0
    for (const part of parts) {
      let records = 0
      walkRecords(part, { record: () => records++ })
      ok(part.length <= bytesMax || records <= 1, `${part.length} bytes and ${records} records, where ${bytesMax} bytes were allowed`)
      items += checkRequest(signal, part)
    }
    strictEqual(items, checkRequest(signal, bytes))
    const facts = (request: Uint8Array): string[] => flattened(signal, judged(signal, request)).map(({ fact }) => fact())
    deepStrictEqual(parts.flatMap(facts), facts(bytes))
    deepStrictEqual(facts(concatenate(parts)), facts(bytes))
  },

  'views say what the judge says'(tape) {
    const bytes = wireRequest('traces', tape)
    const spans = flattened('traces', judged('traces', bytes)).map(({ record }) => record)
    const view = new SpanView()
    const text = (start: number, end: number, encoding: BufferEncoding): string => bytes.toString(encoding, start, end)
    let index = 0
    walkRecords(bytes, {
      record: (within, start, end) => {
        const { traceId = [], spanId = [], name = '', traceState = '', kind = 0, flags = 0, status, attributes } = spans[index++]
        view.open(within, start, end)
        strictEqual(text(view.traceIdStart, view.traceIdEnd, 'hex'), Buffer.from(traceId as Uint8Array).toString('hex'))
        strictEqual(text(view.spanIdStart, view.spanIdEnd, 'hex'), Buffer.from(spanId as Uint8Array).toString('hex'))
        strictEqual(text(view.nameStart, view.nameEnd, 'utf8'), name)
        strictEqual(text(view.traceStateStart, view.traceStateEnd, 'utf8'), traceState)
        deepStrictEqual([view.kind | 0, view.flags, view.statusCode | 0], [kind, flags, (status as Plain | undefined)?.code ?? 0])
        // Of a value in pieces a view reads the last; no sender writes one.
        if (valueInPieces(within, start, end)) return
        const texts = new Map<string, unknown>()
        for (const { key, value } of (attributes ?? []) as { key: string; value: Plain | null }[]) {
          texts.set(key, value !== null && Object.hasOwn(value, 'stringValue') ? value.stringValue : undefined)
        }
        for (const [key, expected] of texts) strictEqual(stringAttribute(within, start, end, 9, Buffer.from(key)), expected)
      }
    })
  }
}

function valueInPieces(bytes: Uint8Array, start: number, end: number): boolean {
  const fields = new Fields().open(bytes, start, end)
  while (fields.next()) {
    if (fields.number !== 9) continue
    let values = 0
    const attribute = new Fields().open(bytes, fields.start, fields.end)
    while (attribute.next()) if (attribute.number === 2) values++
    if (values > 1) return true
  }
  return false
}

// The items of a request that passes the check; undefined when it is refused in the one way it may be.
function checked(signal: OtlpSignal, bytes: Uint8Array): number | undefined {
  try {
    return checkRequest(signal, bytes)
  } catch (error) {
    ok(error instanceof WireError, `refused with ${error}`)
    return undefined
  }
}

// Tags of field 0, groups and reserved wire types; ends of varints; lengths of nothing and of too much.
const TELLING_BYTES = [0, 1, 2, 3, 4, 5, 7, 8, 10, 11, 12, 0x1a, 0x7f, 0x80, 0xff]

/** Cut short, or with bits flipped, bytes put in, taken out or doubled. */
export function damaged(bytes: Buffer, tape: Tape): Buffer {
  if (bytes.length === 0) return bytes
  let result = Buffer.from(bytes)
  for (let times = 1 + tape.below(3); times > 0 && result.length > 0; times--) {
    const at = tape.below(result.length)
    switch (tape.below(7)) {
      case 0:
        result = result.subarray(0, at)
        break
      case 1:
        result = Buffer.concat([result.subarray(0, at), tape.take(1 + tape.below(3)), result.subarray(at)])
        break
      case 4:
        result[at] = tape.pick(TELLING_BYTES)
        break
      case 2:
        result = Buffer.concat([result.subarray(0, at), result.subarray(at + 1 + tape.below(3))])
        break
      case 3:
        result = Buffer.concat([result.subarray(0, at), result.subarray(tape.below(result.length))])
        break
      default:
        result[at] ^= 1 << tape.below(8)
    }
  }
  return result
}
