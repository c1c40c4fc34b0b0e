import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { characterBorder, Framer, type Framing } from '../../../src/receivers/logs/framer.ts'
import { PartBudget } from '../../../src/receivers/logs/part-budget.ts'

const LINES: Framing = { newline: true }
const SYSLOG: Framing = { newline: true, nul: true, octets: true }

interface Outcome {
  readonly messages: string[]
  readonly isFramed: boolean
}

/** What comes of these chunks; a message that was cut is marked with … */
function framed(
  chunks: readonly (string | Buffer)[],
  framing: Framing,
  { bytesMax = 20, budget = new PartBudget(1000), isComplete = true } = {}
): Outcome {
  const messages: string[] = []
  const framer = new Framer(bytesMax, framing, budget, (text, isCut) => messages.push(isCut ? `${text}…` : text))
  const isFramed = chunks.every((chunk) => framer.read(Buffer.from(chunk)))
  if (isFramed) framer.end(isComplete)
  return { messages, isFramed }
}

test('lines end with a newline, wherever the chunks do', () => {
  const f = (chunks: (string | Buffer)[], expected: string[]): void => deepStrictEqual(framed(chunks, LINES).messages, expected)
  f(['one\ntwo\n'], ['one', 'two'])
  f(['one\r\ntwo\r\n'], ['one', 'two'])
  f(['o', 'ne', '\n', 'two'], ['one', 'two'])
  f(['one\r', '\ntwo\n'], ['one', 'two'])
  f(['\n\na\n'], ['', '', 'a'])
  f(['last'], ['last'])
  f([''], [])
  f(['a\0\n\0b\n'], ['a', 'b'])
  f(['a\0b\n'], ['a\0b'])
  // Half a character at the end of a chunk.
  f([Buffer.from([0x61, 0xe2, 0x82]), Buffer.from([0xac, 0x0a])], ['a€'])
  f([Buffer.from([0xff, 0xfe, 0x0a])], ['\ufffd\ufffd'])
})

test('a line that is too long is cut at the border of a character, and the rest of it is skipped', () => {
  const f = (chunks: string[], expected: string[], bytesMax = 4): void =>
    deepStrictEqual(framed(chunks, LINES, { bytesMax }).messages, expected)
  f(['abcd\n'], ['abcd'])
  f(['abcde\nf\n'], ['abcd…', 'f'])
  f(['abc', 'de', 'fg\nh'], ['abcd…', 'h'])
  f(['abcd', '\nh'], ['abcd', 'h'])
  f(['abcd', 'e', 'f'], ['abcd…'])
  f(['abc€\nd\n'], ['abc…', 'd'])
  f(['a€€\n'], ['a€…'])
  f(['x'.repeat(100), 'x'.repeat(100), '\n', 'y\n'], ['xxxx…', 'y'])
})

test('the last line is one, and is marked where the connection was cut', () => {
  deepStrictEqual(framed(['one\ntw'], LINES).messages, ['one', 'tw'])
  deepStrictEqual(framed(['one\ntw'], LINES, { isComplete: false }).messages, ['one', 'tw…'])
  deepStrictEqual(framed(['one\n'], LINES, { isComplete: false }).messages, ['one'])
})

test('each syslog message says how it ends', () => {
  const f = (chunks: string[], expected: string[], isFramed = true): void => {
    deepStrictEqual(framed(chunks, SYSLOG), { messages: expected, isFramed })
    // Byte by byte it is the same.
    const bytes = chunks.flatMap((chunk) => Array.from(Buffer.from(chunk), (byte) => Buffer.from([byte])))
    deepStrictEqual(framed(bytes, SYSLOG), { messages: expected, isFramed })
  }
  f(['<13>a\n<13>b\n'], ['<13>a', '<13>b'])
  f(['<13>a\0<13>b\0'], ['<13>a', '<13>b'])
  f(['<13>a\n\0<13>b\r\n'], ['<13>a', '<13>b'])
  f(['5 <13>a5 <13>b'], ['<13>a', '<13>b'])
  f(['6 <1>a\nb7 <13>€'], ['<1>a\nb', '<13>€'])
  f(['5 <13>a\n<13>b\n5 <13>c'], ['<13>a', '<13>b', '<13>c'])
  f(['6 <13>a\n<13>b\n'], ['<13>a', '<13>b'])
  f(['32 <13>0123456789012345678901234xyz9 <13>after'], ['<13>0123456789012345…', '<13>after'])
  // A count of more than there is.
  f(['9 <13>a'], ['<13>a…'])
  // Digits that are no count.
  f(['2024 was a year\n'], ['2024 was a year'])
  f(['12\n34\n'], ['12', '34'])
  f(['007 <13>a\n'], ['007 <13>a'])
  f(['12'], ['12'])
  // Once counted, a number that cannot be true leaves nothing to go by.
  f(['5 <13>ax <13>b'], ['<13>a', 'x <13>b'])
  f(['5 <13>a7x <13>b'], ['<13>a'], false)
  f(['99999999 <13>a'], [], false)
})

test('a syslog message that ends with a zero may have newlines', () => {
  const f = (chunks: string[], expected: string[]): void => deepStrictEqual(framed(chunks, SYSLOG).messages, expected)
  f(['<13>a\nb\nc\0<13>d\0'], ['<13>a\nb\nc', '<13>d'])
  f(['<13>a\nb\0', '<13>c\nd\0'], ['<13>a\nb', '<13>c\nd'])
  f(['<13>a', '\nb\0'], ['<13>a\nb'])
  f(['<13>a\n<13>b\n<13>c\0'], ['<13>a', '<13>b', '<13>c'])
  f(['<13>a\n<13>b\0c\n<13>d\n'], ['<13>a', '<13>b', 'c', '<13>d'])
  f(['<13>a\n5 <13>b<13>c\0'], ['<13>a', '<13>b', '<13>c'])
  f(['a\nb\0'], ['a', 'b'])
})

test('GELF messages end with a zero', () => {
  deepStrictEqual(framed(['{"a":\n1}\0{}\0{'], { nul: true }).messages, ['{"a":\n1}', '{}', '{'])
})

test('unfinished messages of all connections have a limit together', () => {
  const budget = new PartBudget(1000)
  const messages: string[] = []
  const framers = Array.from({ length: 5 }, () => new Framer(600, LINES, budget, (text, isCut) => messages.push(`${text.length} ${isCut}`)))
  for (const framer of framers) framer.read(Buffer.from('x'.repeat(300)))
  deepStrictEqual(messages, ['300 true', '300 true'])
  for (const framer of framers) framer.read(Buffer.from('y\nz\n'))
  deepStrictEqual(messages.slice(2), ['301 false', '1 false', '301 false', '1 false', '301 false', '1 false', '1 false', '1 false'])
  for (const framer of framers) framer.end(true)
  ok(budget.take(1000))
})

test('what is left goes to the next reader', () => {
  const framer = new Framer(20, LINES, new PartBudget(1000), () => undefined)
  framer.read(Buffer.from('one\ntw'))
  strictEqual(String(Buffer.from(framer.leave()!)), 'tw')
  strictEqual(framer.leave(), undefined)
})

test('characters are not cut', () => {
  const f = (text: string, end: number, expected: string): void => {
    const bytes = Buffer.from(text)
    strictEqual(bytes.toString('utf8', 0, characterBorder(bytes, 0, end)), expected)
  }
  f('a€', 2, 'a')
  f('a€', 3, 'a')
  f('a€b', 4, 'a€')
  f('😀😀', 7, '😀')
})

test('any chunks of the same bytes make the same messages', () => {
  const part = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 30 }),
    fc.constantFrom('\n', '\0', '\r\n', '<13>', '5 <13>a', '12 ', '3 <1>', '99 <'),
    fc.string({ unit: 'binary', maxLength: 5 })
  )
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 12 }),
      fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 8 }),
      fc.constantFrom<Framing>(LINES, { newline: true, octets: true }, { nul: true }),
      (parts, cuts, framing) => {
        const bytes = Buffer.from(parts.join(''))
        const edges = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
        const chunks = edges.slice(1).map((edge, i) => bytes.subarray(edges[i], edge))
        const options = { bytesMax: 10, budget: new PartBudget(1e9) }
        const seen = framed(chunks, framing, options)
        deepStrictEqual(seen, framed([bytes], framing, options))
        for (const message of seen.messages) ok(Buffer.byteLength(message.replace(/…$/, '').replaceAll('\ufffd', '')) <= 10)
      }
    ),
    { numRuns: 2000 }
  )
})
