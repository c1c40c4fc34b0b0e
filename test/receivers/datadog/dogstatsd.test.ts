import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { z } from 'zod'
import type { Batch } from '../../../src/batch.ts'
import type { Host } from '../../../src/component.ts'
import { RefusedError } from '../../../src/errors.ts'
import { Sockets } from '../../../src/net/sockets.ts'
import { decode } from '../../../src/otlp/decode.ts'
import type { AnyValue, KeyValue, Metric, NumberDataPoint } from '../../../src/otlp/objects.ts'
import { datadog } from '../../../src/receivers/datadog/datadog.ts'
import { listenDogStatsD } from '../../../src/receivers/datadog/dogstatsd.ts'
import { Aggregation } from '../../../src/receivers/datadog/dogstatsd-aggregation.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { until } from '../../support/gateway-process.ts'
import { host } from '../../support/host.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const LIMITS = { seriesMax: 1000, expireAfterMs: 3_600_000, intervalMs: 1e6 }

interface Given {
  readonly seriesMax?: number
  readonly push?: (batch: Batch) => Promise<void>
}

/** An aggregation without sockets; `told` gives what it has told up to its end. */
function aggregating({ seriesMax = LIMITS.seriesMax, push }: Given = {}) {
  const batches: Batch[] = []
  const metrics = new Metrics()
  const keep = async (batch: Batch): Promise<void> => {
    await push?.(batch)
    batches.push({ ...batch, bytes: Buffer.from(batch.bytes) })
  }
  const aggregation = new Aggregation({ ...LIMITS, seriesMax }, keep, host({ metrics }))
  return {
    aggregation,
    batches,
    metrics,
    say: (...lines: string[]) => aggregation.read(Buffer.from(lines.join('\n')), '10.0.0.7'),
    async told() {
      await aggregation.stop()
      return batches
    }
  }
}

interface Shown {
  readonly name: string
  readonly value: unknown
  readonly tags: Record<string, unknown>
  readonly resource: Record<string, unknown>
  readonly metric: Metric
}

const plainValue = ({ stringValue, boolValue, intValue, doubleValue }: AnyValue = {}): unknown =>
  stringValue ?? boolValue ?? (intValue === undefined ? doubleValue : Number(intValue))
const plain = (attributes: readonly KeyValue[] = []): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key = '', value }) => [key, plainValue(value)]))

function shown(batches: readonly Batch[]): Shown[] {
  const all: Shown[] = []
  for (const { signal, bytes } of batches) {
    if (signal !== 'metrics') continue
    for (const { resource, scopeMetrics = [] } of decode('ExportMetricsServiceRequest', bytes).resourceMetrics ?? [])
      for (const { scope, metrics = [] } of scopeMetrics) {
        strictEqual(scope?.name, 'sluice.dogstatsd')
        for (const metric of metrics) {
          const { name = '', sum, gauge, exponentialHistogram } = metric
          for (const point of (sum ?? gauge)?.dataPoints ?? [])
            all.push({ name, value: numberOf(point), tags: plain(point.attributes), resource: plain(resource?.attributes), metric })
          for (const { count, sum: total, attributes } of exponentialHistogram?.dataPoints ?? [])
            all.push({ name, value: [Number(count), total], tags: plain(attributes), resource: plain(resource?.attributes), metric })
        }
      }
  }
  return all
}

const numberOf = ({ asInt, asDouble }: NumberDataPoint): number | undefined => (asInt === undefined ? asDouble : Number(asInt))

const countsOf = (metrics: Metrics, name: string, label: string): Record<string, number> =>
  Object.fromEntries(
    (metrics.families().find((family) => family.name === name)?.samples ?? []).map(({ labels, value }) => [labels[label], value])
  )

test('each form of a metric amounts to what it should', async () => {
  const f = async (lines: string, ...expected: [string, unknown, object?][]): Promise<void> => {
    const { say, told, metrics } = aggregating()
    say(...lines.split('\n'))
    const all = shown(await told()).map(({ name, value, tags }) => [name, value, tags])
    deepStrictEqual(
      all,
      expected.map(([name, value, tags = {}]) => [name, value, tags]),
      lines
    )
    deepStrictEqual(countsOf(metrics, 'sluice_dogstatsd_dropped_total', 'reason'), {}, lines)
  }
  await f('a:1|c', ['a', 1])
  await f('a:1|c\na:2|c\n', ['a', 3])
  await f('a:1|c\r\na:2|c\r\n\r\n', ['a', 3])
  await f('a:1:2:3.5|c', ['a', 6.5])
  await f('a:3|c|@0.1', ['a', 30])
  await f('a:3|c|#t:1|@0.1\na:1|c|@0.5|#t:1', ['a', 32, { t: '1' }])
  await f('a:1|c|#x:1,y:2\na:1|c|#y:2,x:1', ['a', 2, { x: '1', y: '2' }])
  await f('a:5|c|T1656581400', ['a', 5])
  await f('a:+5|c\na:-2|c', ['a', 3])
  await f('a:1e3|c', ['a', 1000])
  await f('a:4|g\na:-2.5|g', ['a', -2.5])
  await f('a:1:2:3|g', ['a', 3])
  await f('a:3|g|T1700000010\na:2|g|T1700000000', ['a', 3])
  await f('a:3|g|T1700000010\na:2|g', ['a', 2])
  await f('a:1|h\na:3:5|h', ['a', [3, 9]])
  await f('a:1|d|@0.25', ['a', [4, 4]])
  await f('a:20|ms', ['a', [1, 20]])
  await f('a:-1|h\na:0|h', ['a', [2, -1]])
  await f('a:x|s\na:y|s\na:x|s', ['a', 2])
  await f('a:b:c|s\na:b|s', ['a', 2])
  await f('a:1|c\na:1|g', ['a', 1], ['a', 1])
  await f('naïve.метрика:1|c|#ключ:значение', ['naïve.метрика', 1, { ключ: 'значение' }])
  await f('a:1|c|#t:1|c:in-1|e:it-false|card:none|new:field', ['a', 1, { t: '1' }])
})

test('the kind decides how it adds up', async () => {
  const f = async (lines: string, expected: object): Promise<void> => {
    const { say, told } = aggregating()
    say(lines)
    const [{ metric }] = shown(await told())
    const { unit, sum, gauge, exponentialHistogram } = metric
    const data: Readonly<Record<string, unknown>> = { ...(sum ?? gauge ?? exponentialHistogram) }
    const { dataPoints, ...how } = data
    deepStrictEqual({ unit, ...how }, expected)
    ok(Array.isArray(dataPoints) && dataPoints.length > 0)
  }
  await f('a:1|c', { unit: undefined, aggregationTemporality: 2, isMonotonic: true })
  await f('a:1|c\na:-1|c', { unit: undefined, aggregationTemporality: 2 })
  await f('a:1|g', { unit: undefined })
  await f('a:1|s', { unit: undefined })
  await f('a:1|h', { unit: undefined, aggregationTemporality: 2 })
  await f('a:1|ms', { unit: 'ms', aggregationTemporality: 2 })
})

test('a gauge has the time that its sender gave it, unless that is far ahead', async () => {
  const f = async (time: number, expected: (nano: bigint) => boolean): Promise<void> => {
    const { say, told } = aggregating()
    say(`a:1|g|T${time}`)
    const [{ metric }] = shown(await told())
    ok(expected(metric.gauge?.dataPoints?.[0].timeUnixNano ?? 0n))
  }
  await f(1_700_000_000, (nano) => nano === 1_700_000_000_000_000_000n)
  const ahead = Math.floor(Date.now() / 1000) + 3600
  await f(ahead, (nano) => nano < BigInt(ahead) * 1_000_000_000n)
})

test('what is no message is counted, and the next line is read', async () => {
  const f = async (line: string | Buffer, reason: string): Promise<void> => {
    const { aggregation, told, metrics } = aggregating()
    aggregation.read(Buffer.concat([Buffer.from(line), Buffer.from('\ngood:1|c')]), '')
    deepStrictEqual(
      shown(await told()).map(({ name, value }) => [name, value]),
      [['good', 1]]
    )
    deepStrictEqual(countsOf(metrics, 'sluice_dogstatsd_dropped_total', 'reason'), { [reason]: 1 }, String(line))
    deepStrictEqual(countsOf(metrics, 'sluice_dogstatsd_messages_total', 'kind'), { metric: 1 })
  }
  for (const line of ['a', ':', '|', 'a:', 'a:|c', ':1|c', 'a:1', 'a:1|', 'a:1|x', 'a:1|m', 'a:one|c', 'a:1:two|c', 'a:1:|c', 'a: 1|c'])
    await f(line, 'malformed')
  for (const value of ['NaN', 'Infinity', 'inf', '1e999', '0x10', '1e', '.', '-', '1_000', '--1']) await f(`a:${value}|g`, 'malformed')
  for (const field of ['@0', '@-1', '@2', '@x', '@', '@1e-30', 'T', 'T0', 'Tx', 'T-5']) await f(`a:1|c|${field}`, 'malformed')
  for (const line of [
    '_e{',
    '_e{1,1}',
    '_e{9,9}:a|b',
    '_e{0,1}:|b',
    '_e{1,1}:ab|c',
    '_sc',
    '_sc|',
    '_sc|a',
    '_sc|a|4',
    '_sc|a|x',
    '_sc||0'
  ])
    await f(line, 'malformed')
  await f(Buffer.alloc(500, 0), 'malformed')
  await f(`${'n'.repeat(600)}:1|c`, 'malformed')
  await f(`a:1|c|#${'t'.repeat(9000)}`, 'too-long')
})

test('a total that would be infinite stays as it was', async () => {
  const { say, told, metrics } = aggregating()
  say('a:1.5e308|c', 'a:1.5e308|c', 'b:1.5e308|h', 'b:1.5e308|h')
  deepStrictEqual(
    shown(await told()).map(({ value }) => value),
    [1.5e308, [1, 1.5e308]]
  )
  deepStrictEqual(countsOf(metrics, 'sluice_dogstatsd_dropped_total', 'reason'), { overflow: 2 })
})

test('resources are apart, and so are senders', async () => {
  const { aggregation, told } = aggregating()
  aggregation.read(Buffer.from('a:1|c|#service:x,env:prod\na:1|c|#service:y\na:1|c'), '10.0.0.1')
  aggregation.read(Buffer.from('a:5|c|#service:x,env:prod'), '10.0.0.2')
  aggregation.read(Buffer.from('a:7|c'))
  const batches = await told()
  deepStrictEqual(batches.map(({ sender, items }) => [sender ?? '', items]).sort(), [
    ['', 1],
    ['10.0.0.1', 3],
    ['10.0.0.2', 1]
  ])
  const all = shown(batches)
  deepStrictEqual(all.map(({ value, resource }) => `${value} ${resource['service.name']}`).sort(), [
    '1 undefined',
    '1 x',
    '1 y',
    '5 x',
    '7 undefined'
  ])
  const starts = all.map(({ metric }) => metric.sum?.dataPoints?.[0].startTimeUnixNano)
  strictEqual(new Set(starts).size, starts.length, 'no two series begin in the same nanosecond')
  ok(all.every(({ metric }) => (metric.sum?.dataPoints?.[0].startTimeUnixNano ?? 0n) < (metric.sum?.dataPoints?.[0].timeUnixNano ?? 0n)))
})

test('there are as many series as there may be, and those that are there go on', async () => {
  const { say, told, metrics } = aggregating({ seriesMax: 10 })
  for (let i = 0; i < 100; i++) say(`a:1|c|#i:${i}`)
  say('a:1|c|#i:3')
  const all = shown(await told())
  strictEqual(all.length, 10)
  strictEqual(all.find(({ tags }) => tags.i === '3')?.value, 2)
  deepStrictEqual(countsOf(metrics, 'sluice_dogstatsd_dropped_total', 'reason'), { 'no-room': 90 })
})

test('a refused round is made up for by the next', async () => {
  let refusals = 2
  const push = async (): Promise<void> => {
    if (refusals-- > 0) throw new RefusedError('overloaded', 'full')
  }
  const { say, told, metrics } = aggregating({ push })
  say('a:1|c', 'a:1|c', 'b:4|g', 'd:2|d')
  deepStrictEqual(
    shown(await told()).map(({ name, value }) => [name, value]),
    [
      ['a', 2],
      ['b', 4],
      ['d', [1, 2]]
    ]
  )
  deepStrictEqual(countsOf(metrics, 'sluice_dogstatsd_refused_rounds_total', 'reason'), { overloaded: 2 })
})

test('events and service checks are log records', async () => {
  const f = async (line: string, expected: object): Promise<void> => {
    const { say, told } = aggregating()
    say(line)
    const [{ bytes, sender }] = await told()
    strictEqual(sender, '10.0.0.7')
    const [{ resource, scopeLogs = [] }] = decode('ExportLogsServiceRequest', bytes).resourceLogs ?? []
    const [{ timeUnixNano = 0n, severityNumber, severityText, eventName, body, attributes }] = scopeLogs[0].logRecords ?? []
    const time = Number(timeUnixNano / 1_000_000n)
    deepStrictEqual(
      {
        resource: plain(resource?.attributes),
        time,
        severityNumber,
        severityText,
        eventName,
        body: plainValue(body),
        ...plain(attributes)
      },
      expected,
      line
    )
  }
  const event = { resource: {}, time: 0, severityNumber: 9, severityText: 'info', eventName: 'datadog.event' }
  await f('_e{5,4}:title|text', { ...event, body: 'text', 'datadog.event.title': 'title' })
  await f('_e{5,0}:title|', { ...event, body: 'title', 'datadog.event.title': 'title' })
  await f('_e{4,8}:a|b |one\\ntwo|#x:1', { ...event, body: 'one\ntwo', 'datadog.event.title': 'a|b ', x: '1' })
  // In bytes, and in characters.
  await f('_e{5,7}:naïf|größe|p:low', {
    ...event,
    body: 'größe',
    'datadog.event.title': 'naïf',
    'datadog.event.priority': 'low'
  })
  await f('_e{4,5}:naïf|größe', { ...event, body: 'größe', 'datadog.event.title': 'naïf' })
  await f('_e{1,1}:a|b|d:1700000000|h:h1|p:normal|t:error|k:key|s:git|#service:dub,stage:tts', {
    ...event,
    resource: { 'host.name': 'h1', 'service.name': 'dub' },
    time: 1_700_000_000_000,
    severityNumber: 17,
    severityText: 'error',
    body: 'b',
    stage: 'tts',
    'datadog.event.title': 'a',
    'datadog.event.priority': 'normal',
    'datadog.event.aggregation_key': 'key',
    'datadog.event.source_type_name': 'git'
  })
  const check = { resource: {}, time: 0, eventName: 'datadog.service_check', 'datadog.service_check.name': 'db.up' }
  await f('_sc|db.up|0', { ...check, severityNumber: 9, severityText: 'OK', body: 'db.up is OK', 'datadog.service_check.status': 0 })
  await f('_sc|db.up|3', {
    ...check,
    severityNumber: 13,
    severityText: 'UNKNOWN',
    body: 'db.up is UNKNOWN',
    'datadog.service_check.status': 3
  })
  await f('_sc|db.up|2|d:1700000000|h:h1|#shard:3|m:gone\\nm\\: twice', {
    ...check,
    resource: { 'host.name': 'h1' },
    time: 1_700_000_000_000,
    severityNumber: 17,
    severityText: 'CRITICAL',
    body: 'gone\nm: twice',
    shard: '3',
    'datadog.service_check.status': 2
  })
})

async function listening(t: TestContext, asked: Partial<Parameters<typeof listenDogStatsD>[0]>, parts: Partial<Host> = {}) {
  const batches: Batch[] = []
  const options = { dogstatsd: [], dogstatsdStream: [], flushInterval: 100, seriesMax: 1000, expireAfter: 60_000 }
  const push = async (batch: Batch): Promise<void> => void batches.push({ ...batch, bytes: Buffer.from(batch.bytes) })
  const settings = { connectionsMax: 10, attempt: async <T>(opened: Promise<T>): Promise<T> => await opened }
  const listener = await listenDogStatsD({ ...options, ...asked }, settings, push, host(parts))
  t.after(() => listener.stop(0))
  const totals = (): unknown[] => shown(batches).map(({ name, value }) => [name, value])
  return { listener, batches, totals }
}

test('messages over UDP and in frames over a stream are told each interval, and at the end', async (t) => {
  const path = join(temporaryDirectory(), 'stream.sock')
  const { listener, totals } = await listening(t, { dogstatsd: [{ host: '127.0.0.1', port: 0 }], dogstatsdStream: [{ path }] })
  const [udp, stream] = listener.addresses
  strictEqual(stream, `unix:${path}`)
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  socket.send('a:1|c\na:1|c\n', Number(udp.split(':').at(-1)), '127.0.0.1')
  await until(totals, (all) => all.length === 1)
  deepStrictEqual(totals(), [['a', 2]])
  const connection = connect(path)
  connection.end(Buffer.concat([Buffer.from([5, 0, 0, 0]), Buffer.from('b:7|g'), Buffer.from([5, 0, 0, 0]), Buffer.from('c:8|g')]))
  await new Promise((resolve) => connection.once('close', resolve))
  socket.send('a:1|c', Number(udp.split(':').at(-1)), '127.0.0.1')
  await until(totals, (all) => all.length === 4)
  socket.send('a:5|c', Number(udp.split(':').at(-1)), '127.0.0.1', () => undefined)
  await listener.stop(1000)
  deepStrictEqual(totals().at(-1), ['a', 8])
})

// Node has no Unix datagram sockets of its own.
const SEND = 'import socket, sys; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(sys.argv[2].encode(), sys.argv[1])'
const skip =
  process.platform !== 'linux'
    ? 'SKIPPED: Unix datagram sockets are read on Linux only'
    : spawnSync('python3', ['--version']).status !== 0 && 'SKIPPED: there is no python3 to send with'

test('messages over a Unix datagram socket', { skip }, async (t) => {
  const path = join(temporaryDirectory(), 'dsd.sock')
  const { listener, totals } = await listening(t, { dogstatsd: [{ path }] })
  deepStrictEqual(listener.addresses, [`unix:${path}`])
  spawnSync('python3', ['-c', SEND, path, 'a:1|c\na:2|c'])
  await until(totals, (all) => all.length === 1)
  deepStrictEqual(totals(), [['a', 3]])
})

test('a next generation takes the socket over, and each tells what it has read', async (t) => {
  const sockets = new Sockets()
  const address = { host: '127.0.0.1', port: 0 }
  const first = await listening(t, { dogstatsd: [address], flushInterval: 1_000_000 }, { sockets })
  const port = Number(first.listener.addresses[0].split(':').at(-1))
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  socket.send('a:1|c', port, '127.0.0.1')
  const second = await listening(t, { dogstatsd: [address], flushInterval: 1_000_000 }, { sockets })
  deepStrictEqual(second.listener.addresses, first.listener.addresses)
  await first.listener.stop(1000)
  socket.send('a:5|c', port, '127.0.0.1')
  await second.listener.stop(1000)
  const values = [...first.totals(), ...second.totals()].map((shown) => (shown as [string, number])[1])
  strictEqual(
    values.reduce((all, value) => all + value, 0),
    6
  )
  ok(second.totals().length > 0)
})

test('where another program has the port, the gateway goes on without it', async (t) => {
  const taken = createSocket('udp4')
  t.after(() => taken.close())
  await new Promise<void>((resolve) => taken.bind(0, '127.0.0.1', resolve))
  const { port } = taken.address()
  const f = async (whenTaken: string): Promise<unknown> => {
    const warnings: string[] = []
    const log = { ...host().log, warn: (fields: object) => void warnings.push((fields as { error: string }).error) }
    const options = z.strictObject(datadog.options).parse({ agent: 'off', dogstatsd: `127.0.0.1:${port}`, whenTaken })
    const receiver = datadog.create(options as never, host({ log, name: 'datadog' }))
    t.after(() => receiver.stop())
    await receiver.start(async () => undefined)
    return warnings
  }
  deepStrictEqual(await f('warn'), [
    `receivers.datadog.dogstatsd: cannot listen on 127.0.0.1:${port}: the address is in use by another program`
  ])
  await rejects(f('fail'), /the address is in use/)
})

test('without addresses nothing runs', async (t) => {
  const { listener } = await listening(t, {})
  deepStrictEqual(listener.addresses, [])
})
