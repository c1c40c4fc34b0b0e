import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FrameReader } from '../../../src/receivers/datadog/dogstatsd-frames.ts'

function reading() {
  const packets: string[] = []
  const events: string[] = []
  const sink = {
    packet: (packet: Buffer) => void packets.push(String(packet)),
    tooLarge: () => void events.push('too large'),
    unfinished: () => void events.push('unfinished')
  }
  const open = (): FrameReader => new FrameReader(sink, { close: () => void events.push('closed') })
  return { packets, events, open }
}

function framed(...packets: readonly string[]): Buffer {
  return Buffer.concat(
    packets.map((packet) => {
      const head = Buffer.alloc(4)
      head.writeUInt32LE(Buffer.byteLength(packet))
      return Buffer.concat([head, Buffer.from(packet)])
    })
  )
}

test('packets are found however they are cut, and whoever goes on reading', () => {
  const packet = fc.string({ minLength: 1, maxLength: 40 }).map((text) => Buffer.from(text).toString())
  const cuts = fc.array(fc.tuple(fc.nat({ max: 300 }), fc.boolean()))
  fc.assert(
    fc.property(fc.array(packet, { maxLength: 6 }), cuts, (sent, borders) => {
      const { packets, events, open } = reading()
      const bytes = framed(...sent)
      let reader = open()
      let at = 0
      for (const [border, isHandedOver] of [...borders].sort(([a], [b]) => a - b)) {
        if (border > at) reader.read(bytes.subarray(at, border))
        at = Math.max(at, border)
        if (!isHandedOver) continue
        const rest = Buffer.from(reader.leave())
        reader = open()
        reader.read(rest)
      }
      reader.read(bytes.subarray(at))
      reader.end()
      deepStrictEqual(packets, sent)
      deepStrictEqual(events, [])
    })
  )
})

test('a packet may be empty, but not too large, and is to come to its end', () => {
  const { packets, events, open } = reading()
  open().read(Buffer.concat([Buffer.alloc(8), framed('a')]))
  deepStrictEqual(packets, ['a'])
  const liar = open()
  liar.read(Buffer.from([1, 0, 1, 0]))
  liar.read(framed('not read'))
  liar.end()
  deepStrictEqual(events, ['too large', 'closed'])
  const cut = open()
  cut.read(framed('half').subarray(0, 6))
  cut.end()
  strictEqual(events.at(-1), 'unfinished')
  deepStrictEqual(packets, ['a'])
})
