import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { LogValue } from '../../src/logs/log-entry.ts'
import { MsgpackFault, MsgpackFrame } from '../../src/msgpack/frame.ts'
import { MsgpackReader } from '../../src/msgpack/reader.ts'
import { msgpack } from '../../src/receivers/logs/msgpack-writer.ts'
import { encoded, eventTime, Raw } from '../receivers/logs/msgpack.ts'

const read = (bytes: Buffer): LogValue => new MsgpackReader().open(bytes, 0, bytes.length).value()

const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }).filter((value) => !Object.is(value, -0)),
    fc.string({ unit: 'binary', maxLength: 400 }),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(fc.string({ maxLength: 20 }), tie('value'), { maxKeys: 20, noNullPrototype: true })
  )
})).value

test('what was written is read', () => {
  fc.assert(
    fc.property(values, (value) => {
      deepStrictEqual(read(encoded(value)), value)
    })
  )
})

test('every kind is read', () => {
  const f = (value: unknown, expected: unknown): void => deepStrictEqual(read(encoded(value)), expected)
  f(2n ** 63n, 2n ** 63n)
  f(-(2n ** 63n), -(2n ** 63n))
  f(new Raw(0xca, 0x3f, 0xc0, 0, 0), 1.5)
  f(Buffer.from('text as bytes'), 'text as bytes')
  f(Buffer.from([0xff, 0xfe]), Uint8Array.of(0xff, 0xfe))
  f(new Raw(0xa2, 0xff, 0x61), '\ufffda')
  f(new Raw(0xd4, 5, 1), Uint8Array.of(0xd4, 5, 1))
  f(new Raw(0xc7, 2, 5, 1, 2), Uint8Array.of(0xc7, 2, 5, 1, 2))
  f(new Raw(0x81, 0x07, 0x01), { 7: 1 })
  f(new Raw(0x81, 0xc4, 1, 0x6b, 0x01), { k: 1 })
  const polluted = read(encoded(new Raw(0x81, 0xa9, ...Buffer.from('__proto__'), 0x81, 0xa1, 0x78, 1)))
  deepStrictEqual(Object.keys(polluted as object), ['__proto__'])
  strictEqual((polluted as { x?: number }).x, undefined)
})

test('what is nested too deep is null', () => {
  let value = read(Buffer.concat([Buffer.alloc(100_000, 0x91), Buffer.from([1])]))
  let depth = 0
  for (; Array.isArray(value); depth++) value = value[0]
  deepStrictEqual([depth, value], [32, null])
})

test('bombs are seen by their sizes', () => {
  const f = (...bytes: number[]): void => {
    throws(() => read(Buffer.from(bytes)), MsgpackFault)
    const frame = new MsgpackFrame(1000)
    throws(() => frame.scan(Buffer.from(bytes), 0, bytes.length), MsgpackFault)
  }
  f(0xdb, 0xff, 0xff, 0xff, 0xff)
  f(0xc6, 0xff, 0xff, 0xff, 0xff, 0)
  f(0xdd, 0xff, 0xff, 0xff, 0xff, 0)
  f(0xdf, 0xff, 0xff, 0xff, 0xff, 0)
  f(0xc9, 0xff, 0xff, 0xff, 0xff, 0)
  f(0xc1)
  throws(() => read(Buffer.concat([Buffer.from([0xdd, 0, 2, 0, 0]), Buffer.alloc(131_072, 0xc0)])), /more than 65536 values/)
})

test('a frame ends where its value ends, however the bytes come', () => {
  fc.assert(
    fc.property(values, fc.array(fc.nat(50), { minLength: 1 }), (value, steps) => {
      const bytes = encoded(value)
      const stream = Buffer.concat([Buffer.from([1, 2, 3]), bytes, Buffer.from([0xc0])])
      const frame = new MsgpackFrame(stream.length)
      let isWhole = false
      let sent = 3
      for (let i = 0; !isWhole && i < 1_000_000; i++) {
        isWhole = frame.scan(stream, 3, sent)
        if (!isWhole) sent = Math.min(stream.length, sent + steps[i % steps.length] + (i >= steps.length ? 1 : 0))
      }
      deepStrictEqual([isWhole, frame.size], [true, bytes.length])
      ok(sent >= 3 + bytes.length)
    }),
    { numRuns: 200 }
  )
})

test('no bytes do more harm than to be refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      try {
        read(Buffer.from(bytes))
      } catch (error) {
        ok(error instanceof MsgpackFault)
      }
    }),
    { numRuns: 3000 }
  )
})

test('what the gateway says is msgpack', () => {
  const f = (value: Parameters<typeof msgpack>[0]): void => deepStrictEqual(msgpack(value), encoded(value))
  f({ ack: 'x'.repeat(20) })
  f(['HELO', { nonce: Buffer.alloc(16), auth: Buffer.alloc(0), keepalive: true }])
  f(['PONG', false, 'x'.repeat(300), 'é', 'd'.repeat(128)])
  f([Buffer.alloc(300)])
})

test('an event time is an extension of type 0', () => {
  const bytes = encoded(eventTime(1, 2))
  const reader = new MsgpackReader().open(bytes, 0, bytes.length)
  deepStrictEqual([reader.extension(1), reader.extension(0), reader.slice()], [false, true, Buffer.from([0, 0, 0, 1, 0, 0, 0, 2])])
})

test('whole numbers are read in two halves, and doubles as they are', () => {
  const f = (bytes: number[], expected: readonly [high: number, low: number] | null, double: number | undefined): void => {
    const reader = new MsgpackReader().open(Buffer.from(bytes), 0, bytes.length)
    const isRead = reader.integer()
    deepStrictEqual(isRead ? [reader.high, reader.low] : null, expected)
    strictEqual(reader.pos, isRead ? bytes.length : 0)
    strictEqual(new MsgpackReader().open(Buffer.from(bytes), 0, bytes.length).double(), double)
  }
  f([7], [0, 7], 7)
  f([0xff], [0xffff_ffff, 0xffff_ffff], -1)
  f([0xcc, 200], [0, 200], 200)
  f([0xce, 255, 255, 255, 255], [0, 0xffff_ffff], 0xffff_ffff)
  f([0xcf, 0x3b, 0xb9, 0x62, 0x63, 0x21, 0xeb, 0x5d, 0x3b], [0x3bb9_6263, 0x21eb_5d3b], Number(0x3bb9_6263_21eb_5d3bn))
  f([0xd0, 0x80], [0xffff_ffff, 0xffff_ff80], -128)
  f([0xd3, 255, 255, 255, 255, 255, 255, 255, 254], [0xffff_ffff, 0xffff_fffe], -2)
  f([0xcb, 0x40, 0x04, 0, 0, 0, 0, 0, 0], [0, 2], 2.5)
  f([0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0], [0, 0], Number.POSITIVE_INFINITY)
  f([0xa1, 0x61], null, undefined)
  f([0xc0], null, undefined)
})
