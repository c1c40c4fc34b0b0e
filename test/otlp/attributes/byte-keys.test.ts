import { strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { ByteKeys } from '../../../src/otlp/attributes/byte-keys.ts'

type Part = readonly [header: number, content: Uint8Array]

// A key's bytes lie behind four others, as they do in a request.
function ask(keys: ByteKeys<string>, word: number, ...parts: Part[]): string | undefined {
  const bytes = Buffer.concat([Buffer.alloc(4), ...parts.map(([, content]) => content)])
  keys.begin(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), word)
  let at = 4
  for (const [header, content] of parts) {
    keys.part(header, at, content.length)
    at += content.length
  }
  return keys.find()
}

const text = (content: string): Part => [content.length, Buffer.from(content)]

test('a key is found by its word, its headers and its bytes', () => {
  const keys = new ByteKeys<string>(4, 2 ** 20)
  const f = (...key: [number, ...Part[]]): void => {
    const name = JSON.stringify(key)
    strictEqual(ask(keys, ...key), undefined, name)
    keys.remember(name)
    strictEqual(ask(keys, ...key), name)
  }
  f(0)
  f(1)
  f(0, text(''))
  f(0, text(''), text(''))
  f(0, text('a'))
  f(1, text('a'))
  f(0, text('b'))
  f(0, text('ab'), text('c'))
  f(0, text('a'), text('bc'))
  f(0, text('abc'))
  f(0, text('abcd'))
  f(0, text('abcde'))
  f(0, text('abcdf'))
  f(0, text('xbcdabcd'))
  f(0, text('abcdabcd'))
  f(0, [7, Buffer.from('abcd')])
})

test('keys with one hash are told apart by their bytes', () => {
  // The top bit of a word goes through the hash unchanged, so two of them cancel each other.
  const keys = new ByteKeys<string>(4, 2 ** 20)
  const top = (bytes: number[]): Buffer => Buffer.from(bytes)
  const colliding: Part[][] = [
    [[8, top([1, 2, 3, 4, 5, 6, 7, 8])]],
    [[8, top([1, 2, 3, 4 | 0x80, 5, 6, 7, 8 | 0x80])]],
    [[8 | (1 << 31), top([1, 2, 3, 4 | 0x80, 5, 6, 7, 8])]],
    [[8 | (1 << 31), top([1, 2, 3, 4, 5, 6, 7, 8 | 0x80])]]
  ]
  for (const [i, key] of colliding.entries()) {
    strictEqual(ask(keys, 0, ...key), undefined)
    keys.remember(`${i}`)
  }
  for (const [i, key] of colliding.entries()) strictEqual(ask(keys, 0, ...key), `${i}`)
})

test('full, it forgets, and goes on', () => {
  const keys = new ByteKeys<string>(1, 8192)
  let found = 0
  for (let i = 0; i < 5000; i++) {
    const key = text(`key ${i}`.padEnd(40))
    strictEqual(ask(keys, 0, key), undefined)
    keys.remember(`${i}`)
    if (ask(keys, 0, key) === `${i}`) found++
  }
  strictEqual(found, 5000)
  strictEqual(ask(keys, 0, text('key 0'.padEnd(40))), undefined)
  strictEqual(ask(keys, 0, text('x'.repeat(9000))), undefined)
  keys.remember('too large')
  strictEqual(ask(keys, 0, text('x'.repeat(9000))), undefined)
})
