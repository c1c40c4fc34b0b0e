import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { parseBatch } from '../../../src/batch.ts'
import { Engine } from '../../../src/processors/redact/engine.ts'
import { message, request, string } from '../../support/otlp-bytes.ts'
import { redactorOf } from '../../support/redactor.ts'

// What workers log that is long and even: padding, tensors, images. It holds heads of rules by the thousand, and is still text as any other.
const SIZES = [4_000, 20_000]
const OVER_BUDGET = '[redacted:over-budget]'

const engine = new Engine({ keys: [], patterns: [], allow: [], counted: () => undefined, exceeded: () => undefined })

function isHidden(text: Uint8Array): boolean {
  engine.begin('logs', engine.treatment, text.length)
  const redacted = engine.redact(text, 0, text.length)
  return redacted !== null && Buffer.from(redacted).includes(OVER_BUDGET)
}

/** The names of those that are hidden as a whole, with their sizes. */
function hidden(make: (size: number) => Uint8Array, name: string, sizes = SIZES): string[] {
  return sizes.filter((size) => isHidden(make(size))).map((size) => `${name}, ${size} bytes`)
}

test('no byte repeated runs over the budget', () => {
  const over: string[] = []
  for (let byte = 0; byte < 256; byte++) over.push(...hidden((size) => Buffer.alloc(size, byte), `byte ${byte}`))
  deepStrictEqual(over, [])
})

test('no pair of printable characters repeated runs over the budget', () => {
  const over: string[] = []
  const text = Buffer.alloc(SIZES[1])
  for (let first = 32; first < 127; first++) {
    for (let second = 32; second < 127; second++) {
      const pair = String.fromCharCode(first, second)
      over.push(...hidden(() => text.fill(pair), pair, [text.length]))
    }
  }
  deepStrictEqual(over, [])
})

const repeated = (size: number, unit: Uint8Array): Buffer => Buffer.alloc(size).fill(unit)
const floats = (size: number, at: (i: number) => number): Buffer =>
  Buffer.from(Float32Array.from({ length: size / 4 }, (_, i) => at(i)).buffer)
const everyNth = (size: number, n: number): Buffer => Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i % n === 0 ? i * 37 : 0)))
// Like the deflated rows of an image: what does not repeat beside long runs.
const row = Buffer.concat([
  Buffer.from(Uint8Array.from({ length: 300 }, (_, i) => (i * i * 31) >> 3)),
  Buffer.alloc(500),
  Buffer.alloc(500, 255)
])

const BINARY: Record<string, (size: number) => Buffer> = {
  zeros: (size) => Buffer.alloc(size),
  'all ones': (size) => Buffer.alloc(size, 255),
  'at signs': (size) => Buffer.alloc(size, 64),
  'text behind padding': (size) => Buffer.concat([Buffer.alloc(size * 0.7), repeated(size * 0.3, Buffer.from('xyz123'))]),
  structs: (size) => repeated(size, Buffer.from('0100000002000000ffffff7f00000000400921fb54442d18', 'hex')),
  'a value every 9 bytes': (size) => everyNth(size, 9),
  'a value every 100 bytes': (size) => everyNth(size, 100),
  'an image': (size) => Buffer.concat([Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), repeated(size - 16, row)]),
  'sparse floats': (size) => floats(size, (i) => (i % 9 === 0 ? Math.sin(i) : 0)),
  floats: (size) => floats(size, (i) => Math.sin(i)),
  'not a number': (size) => floats(size, () => Number.NaN),
  indices: (size) => Buffer.from(Int32Array.from({ length: size / 4 }, (_, i) => i).buffer)
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
function base32(bytes: Buffer): string {
  let [out, bits, count] = ['', 0, 0]
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xffff
    for (count += 8; count >= 5; count -= 5) out += BASE32[(bits >> (count - 5)) & 31]
  }
  return out
}
const escaped = (bytes: Buffer, head: string): string => bytes.toString('hex').replace(/../g, `${head}$&`)

const ENCODINGS: Record<string, (bytes: Buffer) => string> = {
  base64: (bytes) => bytes.toString('base64'),
  base64url: (bytes) => bytes.toString('base64url'),
  'lines of base64': (bytes) => bytes.toString('base64').replace(/.{76}/g, '$&\n'),
  'base64 in JSON': (bytes) => JSON.stringify({ data: bytes.toString('base64') }),
  'data URL': (bytes) => `data:image/png;base64,${bytes.toString('base64')}`,
  base32,
  hex: (bytes) => bytes.toString('hex'),
  'capital hex': (bytes) => bytes.toString('hex').toUpperCase(),
  percent: (bytes) => escaped(bytes, '%'),
  '\\x': (bytes) => escaped(bytes, '\\x'),
  '\\u': (bytes) => escaped(bytes, '\\u00'),
  entities: (bytes) => Array.from(bytes, (byte) => `&#${byte};`).join(''),
  numbers: (bytes) => Array.from(bytes).join(', ')
}

test('no binary data runs over the budget, however it is written', () => {
  const over: string[] = []
  for (const [data, make] of Object.entries(BINARY))
    for (const [encoding, encode] of Object.entries(ENCODINGS))
      over.push(...hidden((size) => Buffer.from(encode(make(size))), `${data} as ${encoding}`))
  deepStrictEqual(over, [])
})

test('a request of nothing but zeroes as base64 stays as it is', () => {
  const record = message(5, string(1, Buffer.alloc(16_000).toString('base64')))
  const batch = parseBatch('logs', request(new Array(200).fill(record)))
  const after = redactorOf().process(batch)
  deepStrictEqual(Buffer.from(after!.bytes).equals(batch.bytes), true)
})

test('a token that begins with a run of As is found behind whatever ends a word, and behind other runs', () => {
  const token = `${'A'.repeat(22)}${'aB3xK9'.repeat(12)}`
  const f = (text: string, expected: string): void => {
    const bytes = Buffer.from(text)
    engine.begin('logs', engine.treatment, bytes.length)
    strictEqual(Buffer.from(engine.redact(bytes, 0, bytes.length) ?? bytes).toString(), expected)
  }
  const marker = '[redacted:x-bearer-token]'
  for (const before of ['', 'x ', '%3A', '\\u003A', '\\uAAAA', '\\n', `${'A'.repeat(5_000)} `, 'A,', '@'.repeat(9)])
    f(before + token, before + marker)
  f(`%AA${token}`, `%${marker}`)
  for (const before of ['x', '/', '+']) f(before + token, before + token)
})
