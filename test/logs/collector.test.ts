import { deepStrictEqual, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import type { Batch } from '../../src/batch.ts'
import type { Push } from '../../src/component.ts'
import { RefusedError } from '../../src/errors.ts'
import { openCollector } from '../../src/logs/collector.ts'
import type { CollectorSettings, LogCollector } from '../../src/logs/log-collector.ts'
import type { LogSource } from '../../src/logs/log-source.ts'
import { openRequest } from '../../src/logs/request.ts'
import { decode } from '../../src/otlp/decode.ts'
import { Metrics } from '../../src/telemetry/metrics.ts'
import { host } from '../support/host.ts'

const SETTINGS: CollectorSettings = { batchBytes: 65_536, delayMs: 5, pendingBytesMax: 1_000_000, joinWithinMs: 40, lineBytesMax: 1000 }

function source(sender?: string): LogSource {
  return {
    resource: { 'service.name': 'worker' },
    attributes: {},
    scope: 'test',
    format: 'text',
    ...(sender === undefined ? {} : { sender })
  }
}

function bodiesOf({ bytes }: Batch): string[] {
  const { resourceLogs = [] } = decode('ExportLogsServiceRequest', bytes)
  return resourceLogs.flatMap(({ scopeLogs = [] }) =>
    scopeLogs.flatMap(({ logRecords = [] }) => logRecords.map(({ body }) => body?.stringValue ?? ''))
  )
}

/** A queue that answers as it is told to. */
class Queue {
  readonly taken: { readonly bodies: string[]; readonly sender: string | undefined }[] = []
  pushes = 0
  answer: () => Promise<void> = () => Promise.resolve()
  readonly metrics = new Metrics()

  readonly push: Push = async (batch) => {
    this.pushes++
    const kept = { bodies: bodiesOf(batch), sender: batch.sender }
    deepStrictEqual(kept.bodies.length, batch.items)
    await this.answer()
    this.taken.push(kept)
  }

  open(settings: Partial<CollectorSettings> = {}): LogCollector {
    return openCollector(host({ metrics: this.metrics }), 'tcp', { ...SETTINGS, ...settings }, this.push)
  }

  get bodies(): string[] {
    return this.taken.flatMap(({ bodies }) => bodies)
  }

  counts(name: string): Record<string, number> {
    const { samples = [] } = this.metrics.families().find((family) => family.name === name) ?? {}
    return Object.fromEntries(samples.map(({ labels, value }) => [labels.outcome ?? labels.reason, value]))
  }
}

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `line ${from + i}`)

test('lines become batches, in order, by size and by time', async () => {
  const queue = new Queue()
  const collector = queue.open({ batchBytes: 2000 })
  const stream = collector.open(source())
  for (const line of numbers(0, 1000)) stream.line(line, 1)
  await collector.flush()
  deepStrictEqual(queue.bodies, numbers(0, 1000))
  ok(queue.taken.length > 10)
  stream.line('late', 1)
  await until(() => queue.bodies.includes('late'))
  await collector.stop()
  deepStrictEqual(queue.counts('sluice_log_lines_total'), { accepted: 1001 })
})

test('each sender has batches of its own', async () => {
  const queue = new Queue()
  const collector = queue.open({ delayMs: 1000 })
  const streams = ['10.0.0.1', '10.0.0.2', undefined].map((sender) => collector.open(source(sender)))
  for (const line of numbers(0, 10)) for (const stream of streams) stream.line(line, 1)
  await collector.stop()
  deepStrictEqual(
    queue.taken,
    ['10.0.0.1', '10.0.0.2', undefined].map((sender) => ({ bodies: numbers(0, 10), sender }))
  )
})

test('of many senders, those that have waited longest go on early', async () => {
  const queue = new Queue()
  const collector = queue.open({ delayMs: 60_000 })
  for (let i = 0; i < 200; i++) collector.open(source(`10.0.0.${i}`)).line('plain', 1)
  await until(() => queue.taken.length === 200 - 128)
  await collector.stop()
  deepStrictEqual(queue.taken.length, 200)
})

test('a position is durable when all before it is, whatever is answered first', async () => {
  const queue = new Queue()
  const answers: (() => void)[] = []
  queue.answer = () => new Promise((resolve) => answers.push(resolve))
  const collector = queue.open({ batchBytes: 1 })
  const stream = collector.open(source())
  deepStrictEqual(stream.durable, -1)
  for (let i = 0; i < 6; i++) stream.line(`line ${i}`, 1, i * 10)
  deepStrictEqual(queue.pushes, 4)
  answers[1]()
  await turn()
  deepStrictEqual([stream.durable, queue.pushes], [-1, 5])
  answers[0]()
  await turn()
  deepStrictEqual([stream.durable, queue.pushes], [10, 6])
  const stopping = collector.stop()
  while (answers.length > 0) {
    for (const answer of answers.splice(0)) answer()
    await turn()
  }
  await stopping
  deepStrictEqual(stream.durable, 50)
})

test('lines without a record are durable with what came before them', async () => {
  const queue = new Queue()
  const collector = queue.open()
  const stream = collector.open(source())
  stream.line('', 1, 5)
  deepStrictEqual(stream.durable, 5)
  stream.line('plain', 1, 10)
  stream.line('', 1, 11)
  deepStrictEqual(stream.durable, 5)
  await collector.flush()
  deepStrictEqual(stream.durable, 11)
  await collector.stop()
  deepStrictEqual(queue.counts('sluice_log_lines_total'), { accepted: 1, blank: 2 })
})

test('a full queue is asked again, nothing is lost, and sources wait for room', async () => {
  const queue = new Queue()
  let isFull = true
  queue.answer = () =>
    isFull ? Promise.reject(new RefusedError('overloaded', 'the queue is full', { retryAfterMs: 20 })) : Promise.resolve()
  const collector = queue.open({ batchBytes: 2000, pendingBytesMax: 20_000 })
  const stream = collector.open(source())
  let given = 0
  while (!collector.isFull) stream.line(`line ${given}`, 1, given++)
  let hasRoom = false
  const waiting = collector.room().then(() => {
    hasRoom = true
  })
  await until(() => queue.pushes > 8)
  deepStrictEqual([stream.durable, queue.taken.length, hasRoom], [-1, 0, false])
  isFull = false
  await waiting
  await collector.flush()
  deepStrictEqual(stream.durable, given - 1)
  await collector.stop()
  deepStrictEqual(queue.bodies.toSorted(), numbers(0, given).toSorted())
  deepStrictEqual(queue.counts('sluice_log_lines_total'), { accepted: given })
})

test('what is refused for good is counted, and what follows goes on', async () => {
  const f = async (error: Error, reason: string): Promise<void> => {
    const queue = new Queue()
    queue.answer = () => (queue.pushes === 1 ? Promise.reject(error) : Promise.resolve())
    const collector = queue.open({ batchBytes: 1 })
    const stream = collector.open(source())
    for (let i = 0; i < 3; i++) stream.line(`line ${i}`, 1, i)
    await collector.flush()
    deepStrictEqual([queue.bodies, stream.durable], [['line 1', 'line 2'], 2])
    deepStrictEqual(queue.counts('sluice_log_dropped_total'), { [reason]: 1 })
    await collector.stop()
  }
  await f(new RefusedError('too-large', 'too large'), 'too-large')
  await f(new TypeError('a fault'), 'internal')
})

test('a stop gives up on a full queue after a while: what can be read again is not durable, the rest is counted', async (t) => {
  const queue = new Queue()
  queue.answer = () => Promise.reject(new RefusedError('overloaded', 'the queue is full', { retryAfterMs: 20 }))
  const collector = queue.open()
  const [file, socket] = [collector.open(source()), collector.open(source('10.0.0.1'))]
  file.line('from a file', 1, 10)
  socket.line('from a socket', 1)
  t.mock.method(performance, 'now', () => Date.now() * 100)
  await collector.stop()
  deepStrictEqual(file.durable, -1)
  deepStrictEqual(queue.counts('sluice_log_dropped_total'), { stopped: 1 })
})

test('a record that waits for its next line is let go when none comes, and at the stop', async () => {
  const queue = new Queue()
  const collector = queue.open()
  const stream = collector.open(source())
  stream.line('2026-08-14 12:00:00 ERROR first', 1)
  await until(() => queue.taken.length === 1)
  stream.line('Traceback (most recent call last):', 1)
  stream.line('  File "x.py", line 1, in f', 1)
  await collector.flush()
  deepStrictEqual(queue.taken.length, 1)
  await collector.stop()
  deepStrictEqual(queue.bodies.at(-1)?.split('\n').length, 2)
})

test('records that wait take no more than their share of the memory', async () => {
  const queue = new Queue()
  const collector = queue.open({ joinWithinMs: 60_000, pendingBytesMax: 10_000 })
  for (let i = 0; i < 100; i++) collector.open(source()).line(`2026-08-14 12:00:00 ERROR ${'x'.repeat(100)}`, 1)
  await until(() => queue.bodies.length === 100)
  ok(!collector.isFull)
  await collector.stop()
})

test('lines that are cut are counted apart', async () => {
  const queue = new Queue()
  const collector = queue.open()
  collector.open(source()).line('x'.repeat(2000), 1)
  await collector.stop()
  deepStrictEqual(queue.counts('sluice_log_lines_total'), { accepted: 0, truncated: 1 })
  deepStrictEqual(queue.bodies[0].length, 1000)
})

test('a request is one batch per sender, and its sender is told what the queue says', async () => {
  const queue = new Queue()
  const open = () => openRequest(host({ metrics: queue.metrics }), 'http', SETTINGS, queue.push)
  const request = open()
  for (const sender of ['10.0.0.1', '10.0.0.2']) {
    const stream = request.stream(source(sender))
    for (const line of ['Traceback (most recent call last):', '  File "x.py", line 1', 'plain words']) stream.line(line, 1)
  }
  await request.send()
  deepStrictEqual(
    queue.taken.map(({ bodies, sender }) => [bodies.length, sender]),
    [
      [2, '10.0.0.1'],
      [2, '10.0.0.2']
    ]
  )
  await open().send()
  deepStrictEqual(queue.pushes, 2)
  queue.answer = () => Promise.reject(new RefusedError('overloaded', 'the queue is full'))
  const refused = open()
  refused.stream(source()).line('plain', 1)
  await rejects(refused.send(), { code: 'overloaded' })
  deepStrictEqual(queue.counts('sluice_log_lines_total'), { accepted: 6 })
})

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 1))
}
