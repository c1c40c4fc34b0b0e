import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseBatch, type RedactedBatch } from '../../../src/batch.ts'
import { LogsLane } from '../../../src/exporters/datadog/logs.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { encode } from '../../../src/otlp/encode.ts'
import type { AnyValue, LogRecord } from '../../../src/otlp/objects.ts'
import { type IntakeLog, readLogs } from '../../support/datadog-logs.ts'
import { host } from '../../support/host.ts'
import { attributesOf, away, FakeIntake, invalid, logsBatch, tooLarge } from './fake-intake.ts'

const never = new AbortController().signal
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const now = (): bigint => BigInt(Date.now()) * 1_000_000n

function made(hostname?: string): { intake: FakeIntake; lane: LogsLane } {
  const intake = new FakeIntake()
  return { intake, lane: new LogsLane(new URL('http://127.0.0.1/'), intake.asIntake, host(), hostname) }
}

/** As the intake reads them, which must have nothing to say against it. */
function taken({ posts }: FakeIntake): IntakeLog[] {
  return posts.flatMap(({ body }) => {
    ok(body.length <= 5_000_000)
    const problems: string[] = []
    const { logs, tooOld, truncated } = readLogs(body, problems)
    deepStrictEqual([problems, tooOld, truncated], [[], 0, 0])
    return logs
  })
}

async function entryOf(record: LogRecord, resource?: Parameters<typeof logsBatch>[1]): Promise<Record<string, unknown>> {
  const { intake, lane } = made()
  strictEqual(await lane.send(logsBatch([{ timeUnixNano: now(), ...record }], resource), never), undefined)
  const [{ entry }] = taken(intake)
  return entry
}

test('a log says who wrote it, where, and how bad it is', async () => {
  const resource = {
    'service.name': 'worker',
    'service.version': '1.2',
    'deployment.environment.name': 'prod',
    'k8s.pod.name': 'worker-1',
    'k8s.namespace.name': 'gpu',
    'datadog.container.tag.team': 'voice, dub',
    'telemetry.sdk.language': 'nodejs',
    'host.name': 'node-7',
    host: 'localhost'
  }
  const {
    '@timestamp': time,
    'otel.timestamp': nanos,
    ...entry
  } = await entryOf(
    {
      body: { stringValue: 'done "at" \u0001 last\n' },
      severityNumber: 9,
      severityText: 'INFO',
      attributes: attributesOf({ stage: 'tts', ms: 12.5, n: 3, ok: true })
    },
    resource
  )
  deepStrictEqual(new Date(String(time)).getTime(), Number(BigInt(String(nanos)) / 1_000_000n))
  deepStrictEqual(entry, {
    message: 'done "at" \u0001 last\n',
    status: 'info',
    service: 'worker',
    hostname: 'node-7',
    ddsource: 'nodejs',
    ddtags: 'env:prod,version:1.2,pod_name:worker-1,kube_namespace:gpu,team:voice_ dub',
    'otel.severity_number': '9',
    'otel.severity_text': 'INFO',
    stage: 'tts',
    ms: 12.5,
    n: 3,
    ok: true,
    'service.name': 'worker',
    'service.version': '1.2',
    'deployment.environment.name': 'prod',
    'k8s.pod.name': 'worker-1',
    'k8s.namespace.name': 'gpu',
    'datadog.container.tag.team': 'voice, dub',
    'telemetry.sdk.language': 'nodejs',
    'host.name': 'node-7',
    'otel.host': 'localhost'
  })
})

test('a log is found from its trace and its span', async () => {
  const f = async (record: LogRecord, trace: string | undefined, span: string | undefined, hex?: string): Promise<void> => {
    const entry = await entryOf(record)
    deepStrictEqual([entry['dd.trace_id'], entry['dd.span_id'], entry['otel.trace_id']], [trace, span, hex])
  }
  await f({ traceId: TRACE, spanId: SPAN }, '9532127138774266268', '13235353014750950193', TRACE)
  await f({ attributes: attributesOf({ trace_id: TRACE, span_id: SPAN }) }, '9532127138774266268', '13235353014750950193', TRACE)
  await f({ attributes: attributesOf({ 'dd.trace_id': '42', 'dd.span_id': '7' }) }, '42', '7')
  await f({ attributes: attributesOf({ 'dd.trace_id': TRACE }) }, '9532127138774266268', undefined)
  // Its own ids go before those of its attributes.
  await f(
    { traceId: TRACE, spanId: SPAN, attributes: attributesOf({ 'dd.trace_id': '42', 'dd.span_id': '7' }) },
    '9532127138774266268',
    '13235353014750950193',
    TRACE
  )
  strictEqual((await entryOf({ attributes: attributesOf({ trace_id: 'none' }) }))['attributes.trace_id'], 'none')
  await f({}, undefined, undefined)
})

test('the status is what was said, else by text, else by number', async () => {
  const f = async (record: LogRecord, expected: string): Promise<void> => strictEqual((await entryOf(record)).status, expected)
  for (const [number, status] of [
    [0, 'info'],
    [1, 'debug'],
    [8, 'debug'],
    [9, 'info'],
    [13, 'warning'],
    [17, 'error'],
    [24, 'emergency']
  ] as const)
    await f({ severityNumber: number }, status)
  await f({ severityNumber: 9, severityText: 'Critical' }, 'critical')
  await f({ severityNumber: 9, severityText: 'NOTICE', attributes: attributesOf({ level: 'warn' }) }, 'warning')
  // A status of HTTP is none of a log.
  const entry = await entryOf({ severityNumber: 17, attributes: attributesOf({ status: 200 }) })
  deepStrictEqual([entry.status, entry['otel.status']], ['error', 200])
})

test('exceptions, maps, lists, repeated and reserved names', async () => {
  const values = (entries: Parameters<typeof attributesOf>[0]): AnyValue => ({ kvlistValue: { values: attributesOf(entries) } })
  const entry = await entryOf(
    {
      body: values({ a: 1 }),
      attributes: [
        ...attributesOf({
          'exception.type': 'TypeError',
          'exception.message': 'no',
          'exception.stacktrace': 'at x',
          user: values({ id: 7, deep: values({ er: 'x' }) }),
          'user.id': 8,
          list: {
            arrayValue: {
              values: [{ stringValue: 'a' }, { kvlistValue: { values: attributesOf({ k: 1 }).concat(attributesOf({ k: 2 })) } }]
            }
          },
          bytes: { bytesValue: Buffer.from('abc') },
          big: { intValue: 2n ** 60n },
          nan: { doubleValue: Number.NaN },
          message: 'of an attribute',
          service: 'other',
          ddtags: 'a:b, ,c,',
          none: {}
        }),
        ...attributesOf({ list: 'again', 'sluice.truncated': true })
      ]
    },
    {}
  )
  const { '@timestamp': _, 'otel.timestamp': __, ...rest } = entry
  deepStrictEqual(rest, {
    message: '{"a":1}',
    status: 'info',
    ddsource: 'otlp',
    ddtags: 'a:b,c',
    'error.kind': 'TypeError',
    'error.message': 'no',
    'error.stack': 'at x',
    'user.id': 7,
    'user.deep.er': 'x',
    list: ['a', { k: 1 }],
    bytes: 'YWJj',
    big: '1152921504606846976',
    nan: 'NaN',
    'otel.message': 'of an attribute',
    'otel.service': 'other'
  })
})

test('an array of 5,000 logs, a payload over 5 MB, a log of 1.5 MB and a log of last week', async () => {
  const { intake, lane } = made()
  const many = Array.from({ length: 5000 }, (_, i): LogRecord => ({ timeUnixNano: now(), body: { stringValue: `log ${i}` } }))
  strictEqual(await lane.send(logsBatch(many), never), undefined)
  deepStrictEqual(
    intake.posts.map(({ body }) => (JSON.parse(Buffer.from(body).toString()) as unknown[]).length),
    [1000, 1000, 1000, 1000, 1000]
  )
  deepStrictEqual(
    taken(intake).map(({ message }) => message),
    many.map((_, i) => `log ${i}`)
  )

  const heavy = Array.from(
    { length: 20 },
    (_, i): LogRecord => ({ timeUnixNano: now(), body: { stringValue: `${i} ${'"\n'.repeat(150_000)}` } })
  )
  intake.posts.length = 0
  strictEqual(await lane.send(logsBatch(heavy), never), undefined)
  ok(intake.posts.length > 2)
  strictEqual(taken(intake).length, 20)

  const long: LogRecord[] = [
    { timeUnixNano: now(), body: { stringValue: 'é'.repeat(750_000) }, attributes: attributesOf({ stage: 'tts' }) },
    {
      timeUnixNano: now(),
      body: { stringValue: 'short' },
      attributes: attributesOf({ data: 'x'.repeat(1_500_000), list: { arrayValue: { values: [{ stringValue: 'y' }] } } })
    },
    { timeUnixNano: now() - 19n * 3_600_000_000_000n, body: { stringValue: 'old' } }
  ]
  intake.posts.length = 0
  const outcome = await lane.send(logsBatch(long), never)
  deepStrictEqual(
    outcome?.dropped?.map(({ reason, items }) => [reason, items]),
    [['too-old', 1]]
  )
  const [cut, other] = taken(intake)
  ok(cut.message.startsWith('éé') && cut.message.endsWith('...TRUNCATED...') && cut.message.length > 400_000)
  deepStrictEqual([cut.entry.stage, cut.entry['sluice.truncated']], ['tts', true])
  deepStrictEqual([other.message, other.entry['sluice.truncated']], ['short', true])
  ok(String(other.entry.data).endsWith('...TRUNCATED...'))
})

test('what arrived is not sent again, what is too large is halved, what is bad becomes a dead letter', async () => {
  const { intake, lane } = made()
  const batch = logsBatch(Array.from({ length: 2500 }, (_, i): LogRecord => ({ timeUnixNano: now(), body: { stringValue: `${i}` } })))
  intake.next.push(null, away())
  await rejects(lane.send(batch, never), /away/)
  intake.next.push(tooLarge(), null, invalid())
  const outcome = await lane.send({ ...batch, bytes: Buffer.from(batch.bytes) }, never)
  const [{ reason, items, batch: dead }] = outcome!.dropped!
  deepStrictEqual([reason, items], ['invalid', 1000])
  const records = decode('ExportLogsServiceRequest', dead!.bytes).resourceLogs![0].scopeLogs![0].logRecords!
  deepStrictEqual(
    records.map(({ body }) => body!.stringValue),
    Array.from({ length: 1000 }, (_, i) => `${1500 + i}`)
  )
  deepStrictEqual(
    taken(intake).map(({ message }) => message),
    Array.from({ length: 1500 }, (_, i) => `${i}`)
  )
  // One that is too large by itself.
  intake.next.push(tooLarge())
  deepStrictEqual(
    (await lane.send(logsBatch([{ timeUnixNano: now() }]), never))?.dropped?.map((each) => each.reason),
    ['too-large']
  )
  // Given up half way.
  intake.next.push(null, away())
  const late = logsBatch(Array.from({ length: 1200 }, (): LogRecord => ({ timeUnixNano: now() })))
  await rejects(lane.send(late, never))
  deepStrictEqual(
    lane.abandon(late, 'expired').dropped?.map((each) => [each.reason, each.items]),
    [['expired', 200]]
  )
})

test('whatever a log holds, the intake takes it', async () => {
  const key = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('message', 'status', 'dd.trace_id', 'dd', 'trace_id', 'exception.type', 'error.kind', 'ddtags', 'host', 'a', 'a.b')
  )
  const { value } = fc.letrec<{ value: AnyValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.string({ unit: 'binary' }).map((stringValue) => ({ stringValue })),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((intValue) => ({ intValue })),
      fc.double().map((doubleValue) => ({ doubleValue })),
      fc.uint8Array().map((bytesValue) => ({ bytesValue })),
      fc.array(tie('value'), { maxLength: 3 }).map((values) => ({ arrayValue: { values } })),
      fc.array(fc.record({ key, value: tie('value') }), { maxLength: 3 }).map((values) => ({ kvlistValue: { values } })),
      fc.constant({})
    )
  }))
  const attributes = fc.array(fc.record({ key, value }), { maxLength: 6 })
  const record = fc.record({ body: value, attributes, severityNumber: fc.nat(30), severityText: fc.string(), eventName: fc.string() })
  await fc.assert(
    fc.asyncProperty(attributes, fc.array(record, { minLength: 1, maxLength: 4 }), async (resource, logRecords) => {
      const { intake, lane } = made()
      const bytes = encode('ExportLogsServiceRequest', {
        resourceLogs: [{ resource: { attributes: resource }, scopeLogs: [{ logRecords }] }]
      })
      const batch = parseBatch('logs', bytes) as RedactedBatch
      strictEqual(await lane.send(batch, never), undefined)
      strictEqual(taken(intake).length, logRecords.length)
    }),
    { numRuns: 200 }
  )
})
