import { ok, strictEqual, throws } from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { checkRequest, DEPTH_MAX } from '../../src/otlp/check.ts'
import { fromJson, toJson } from '../../src/otlp/json.ts'
import { type OtlpSignal, SIGNALS } from '../../src/otlp/signal.ts'
import { WireError } from '../../src/otlp/wire.ts'
import { jsonRequest } from './json-text.ts'
import { judgedKnown, knownOnly } from './judge.ts'
import { deepLog, wireRequest } from './requests.ts'
import type { Tape } from './tape.ts'
import { damaged, type Property } from './wire-properties.ts'

// Profiles have no JSON.
const JSON_SIGNALS = SIGNALS.filter((signal) => signal !== 'profiles')

export const jsonProperties: Record<string, Property> = {
  'JSON and back is the same request'(tape) {
    const signal = tape.pick(JSON_SIGNALS)
    const bytes = wireRequest(signal, tape)
    const text = toJson(signal, bytes)
    JSON.parse(text)
    const back = fromJson(signal, Buffer.from(text))
    checkRequest(signal, back)
    strictEqual(knownOnly(signal, back), knownOnly(signal, bytes))
  },

  'every spelling in JSON reads as the judge writes it'(tape) {
    const signal = tape.pick(JSON_SIGNALS)
    const bytes = wireRequest(signal, tape)
    const text = spelled(signal, bytes, tape)
    JSON.parse(text)
    const read = fromJson(signal, Buffer.from(tape.oneIn(8) ? `\ufeff${text}` : text))
    checkRequest(signal, read)
    strictEqual(knownOnly(signal, read), knownOnly(signal, bytes))
  },

  'JSON is as deep as a request may be, and no deeper'(tape) {
    const [bytes, depth] = deepLog(tape)
    const text = Buffer.from(toJson('logs', bytes))
    if (depth > DEPTH_MAX) throws(() => fromJson('logs', text), /nested deeper than 100 messages/)
    else strictEqual(knownOnly('logs', fromJson('logs', text)), knownOnly('logs', bytes))
  },

  'damaged JSON is refused wherever it is no JSON, and else makes a valid request'(tape) {
    const signal = tape.pick(JSON_SIGNALS)
    const text = Buffer.from(spelled(signal, wireRequest(signal, tape), tape))
    readOrRefused(signal, tape.oneIn(2) ? damaged(text, tape) : retold(text, tape))
  },

  'noise is refused wherever it is no JSON'(tape) {
    const signal = tape.pick(JSON_SIGNALS)
    const length = tape.below(30)
    const tokens = Array.from({ length }, () => tape.pick(TOKENS))
    readOrRefused(signal, Buffer.from(`{"resourceLogs":[${tokens.join('')}`))
  }
}

const TOKENS = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  '"scopeLogs"',
  '"logRecords"',
  '"body"',
  '"stringValue"',
  '0',
  '-',
  '.',
  'e',
  'null',
  'true',
  ' ',
  '\0'
]

const spelled = (signal: OtlpSignal, bytes: Uint8Array, tape: Tape): string => jsonRequest(signal, judgedKnown(signal, bytes), tape)

// One place of a text says something else of JSON's vocabulary.
function retold(text: Buffer, tape: Tape): Buffer {
  const places = [...text.toString('latin1').matchAll(/[[\]{}:,]|"(?:[^"\\]|\\.)*"|[-\d.eE+]+|null|true|false/g)]
  const place = places[tape.below(places.length)]
  const words = [
    '{}',
    '[]',
    '""',
    'null',
    '0',
    '-1',
    '1.5',
    '1e400',
    '99999999999999999999',
    '"NaN"',
    '"x"',
    'true',
    ',',
    '',
    '{"a":',
    '[[',
    '"\\ud800"'
  ]
  return Buffer.concat([
    text.subarray(0, place.index),
    Buffer.from(tape.pick(words)),
    text.subarray(place.index + (tape.oneIn(8) ? 0 : place[0].length))
  ])
}

// Either it is read, and then it was JSON and makes a request that passes the check; or it is refused in the one way there is.
function readOrRefused(signal: OtlpSignal, text: Buffer): void {
  let bytes: Uint8Array
  try {
    bytes = fromJson(signal, text)
  } catch (error) {
    ok(error instanceof WireError, `refused with ${error}`)
    ok(!/GET \/|service\.name/.test(error.message), `quotes the payload: ${error.message}`)
    return
  }
  checkRequest(signal, bytes)
  ok(isUtf8(text))
  JSON.parse(text.toString().replace(/^\ufeff/, ''))
}
