import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decode } from '../../../src/otlp/decode.ts'
import { type DropReason, LineReader } from '../../../src/receivers/datadog/dogstatsd-lines.ts'
import { partsOf } from '../../../src/receivers/datadog/dogstatsd-rounds.ts'
import { SET_MEMBERS_MAX, Store } from '../../../src/receivers/datadog/dogstatsd-store.ts'

const MINUTE = 60_000

function storing({ seriesMax = 100, expireAfterMs = 60 * MINUTE } = {}) {
  const store = new Store({ seriesMax, expireAfterMs })
  const drops: Partial<Record<DropReason, number>> = {}
  const others: string[] = []
  const reader = new LineReader(store, {
    taken: () => undefined,
    dropped: (reason, count) => {
      drops[reason] = (drops[reason] ?? 0) + count
    },
    other: (line) => void others.push(line)
  })
  const startMs = Date.now()
  const say = (text: string, sender = ''): void => reader.read(text, store.sourceOf(sender))
  /** What is told after so many minutes: names, values and attributes. */
  const told = (minutes: number): string[] => {
    store.expire(startMs + minutes * MINUTE)
    return [...partsOf(store, startMs + minutes * MINUTE)].flatMap(({ batch }) =>
      (decode('ExportMetricsServiceRequest', batch.bytes).resourceMetrics ?? []).flatMap(({ scopeMetrics = [] }) =>
        (scopeMetrics[0].metrics ?? []).flatMap(({ name, sum, gauge, exponentialHistogram }) => [
          ...((sum ?? gauge)?.dataPoints ?? []).map(({ asInt, asDouble }) => `${name} ${asInt ?? asDouble}`),
          ...(exponentialHistogram?.dataPoints ?? []).map(({ count }) => `${name} ${count}`)
        ])
      )
    )
  }
  return { store, drops, others, say, told, startMs }
}

test('what has changed is told; what counts is told again each minute; what has been quiet for long is forgotten', () => {
  const { say, told, store } = storing({ expireAfterMs: 10 * MINUTE })
  say('a:1|c\nb:1|g\nc:1|h\nd:x|s')
  deepStrictEqual(told(0), ['a 1', 'b 1', 'c 1', 'd 1'])
  deepStrictEqual(told(0.2), [])
  say('a:1|c\nd:x|s\nd:y|s')
  deepStrictEqual(told(0.5), ['a 2', 'd 2'])
  deepStrictEqual(told(1.5), ['a 2', 'c 1'])
  strictEqual(store.size, 4)
  deepStrictEqual(told(10.2), ['a 2'])
  deepStrictEqual(told(11), [])
  deepStrictEqual([store.size, store.expired], [0, 4])
  say('a:1|c')
  deepStrictEqual(told(12), ['a 1'])
})

test('where there is no room, what was quiet for a minute makes some', () => {
  const { say, told, store, drops } = storing({ seriesMax: 3 })
  say('a:1|c\nb:1|c\nc:1|c\nd:1|c')
  deepStrictEqual(told(0), ['a 1', 'b 1', 'c 1'])
  say('a:1|c')
  told(0.9)
  say('d:1|c')
  deepStrictEqual(drops, { 'no-room': 2 })
  told(1.1)
  strictEqual(store.size, 1)
  say('d:1|c')
  deepStrictEqual(drops, { 'no-room': 2 })
  deepStrictEqual(told(1.2), ['d 1'])
})

test('long names and tags have a limit in all', () => {
  const { say, store, drops } = storing({ seriesMax: 10 })
  for (let i = 0; i < 10; i++) say(`a${i}:1|c|#t:${'x'.repeat(4000)}`)
  strictEqual(store.size, 2)
  deepStrictEqual(drops, { 'no-room': 8 })
  say('b:1|c')
  strictEqual(store.size, 3)
})

test('the same tags in many orders are one metric', () => {
  const { say, store, told } = storing({ seriesMax: 2 })
  for (let i = 0; i < 100; i++) say(`a:1|c|#t:1,${','.repeat(i)}u:2`)
  strictEqual(store.size, 1)
  deepStrictEqual(told(0), ['a 100'])
})

test('sets have so many members in one interval, all together', () => {
  const { say, told, drops } = storing()
  for (let i = 0; i < SET_MEMBERS_MAX; i++) say(`${i % 2 === 0 ? 'a' : 'b'}:member-${i}|s`)
  say('a:one-more|s\na:member-0|s')
  deepStrictEqual(drops, { 'no-room': 1 })
  deepStrictEqual(told(0), [`a ${SET_MEMBERS_MAX / 2}`, `b ${SET_MEMBERS_MAX / 2}`])
  say('a:one-more|s')
  deepStrictEqual(told(0.1), ['a 1'])
})

test('more senders than can be told apart are one', () => {
  const { store, say } = storing({ seriesMax: 1000 })
  for (let i = 0; i < 300; i++) say('a:1|c', `10.0.${i >> 8}.${i & 255}`)
  strictEqual(store.size, 257)
  const senders = [...partsOf(store, Date.now())].map(({ batch }) => batch.sender)
  strictEqual(senders.length, 257)
  strictEqual(senders.filter((sender) => sender === undefined).length, 1)
})

test('many metrics are told in several batches', () => {
  const { store, say } = storing({ seriesMax: 5000 })
  for (let i = 0; i < 2500; i++) say(`a:1|c|#i:${i},service:s${i % 3}`)
  const parts = [...partsOf(store, Date.now())]
  deepStrictEqual(
    parts.map(({ batch }) => batch.items),
    [1000, 1000, 500]
  )
  strictEqual(new Set(parts.flatMap(({ series }) => series)).size, 2500)
  for (let i = 0; i < 300; i++) say(`b:1|c|#i:${i},t:${'x'.repeat(4000)}`)
  const sizes = [...partsOf(store, Date.now())].map(({ batch }) => batch.bytes.length)
  ok(sizes.length > 1 && sizes.every((size) => size < 700_000), String(sizes))
})

test('nothing that comes does harm', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'a',
      'b:',
      ':',
      '|',
      '|c',
      '|g',
      '|h',
      '|s',
      '|ms',
      '1',
      '-2.5',
      '@0.5',
      '|#',
      ',',
      'service:x',
      '\n',
      '_e{1,1}:',
      '_sc|'
    ),
    fc.constantFrom('|T1700000000', '|c:ci-', 'e:cn-x', '\0', '\r\n', '1e308', 'dd.internal.entity_id:'),
    fc.string({ maxLength: 10, unit: 'binary' })
  )
  fc.assert(
    fc.property(fc.array(fc.array(piece, { maxLength: 30 }), { maxLength: 10 }), (packets) => {
      const { store, say, told } = storing({ seriesMax: 5 })
      for (const packet of packets) say(Buffer.from(packet.join('')).toString(), '10.0.0.1')
      ok(store.size <= 5)
      const known = [...store.sources.values()].flatMap(({ targets }) =>
        [...targets.values()].flatMap(({ series }) => [...series.values()])
      )
      strictEqual(known.length, store.size)
      // Encoded, and checked once more at the door.
      ok(told(0).length <= 5)
    }),
    { numRuns: 500 }
  )
})
