// Whatever valid telemetry comes: what is made of it is what Sentry takes, and each record is in it once or is said to be rejected.
import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import type { Payloads } from '../../../src/exporters/sentry/context.ts'
import { errorItems, type Stacks } from '../../../src/exporters/sentry/error-event.ts'
import { logItems } from '../../../src/exporters/sentry/log-items.ts'
import { fixedLogs, fixedTraces } from '../../../src/exporters/sentry/otlp-fixes.ts'
import { spanItems } from '../../../src/exporters/sentry/span-items.ts'
import { transactionItems } from '../../../src/exporters/sentry/transaction.ts'
import { checkRequest } from '../../../src/otlp/check.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { encode } from '../../../src/otlp/encode.ts'
import type { AnyValue, KeyValue, LogRecord, Resource, Span } from '../../../src/otlp/objects.ts'
import { hold } from '../../fuzz/properties.ts'
import { text, wireRequest } from '../../fuzz/requests.ts'
import type { Tape } from '../../fuzz/tape.ts'
import { buildOf, envelopesOf, NOW_NANO } from '../../support/sentry-build.ts'

const RUNS = Number(process.env.SLUICE_FUZZ_RUNS ?? 300)

const always = (property: (tape: Tape) => void) => (): void => hold(property, RUNS)

const KEYS = [
  ...['service.name', 'service.version', 'deployment.environment.name', 'telemetry.sdk.language', 'telemetry.sdk.name', 'k8s.pod.name'],
  ...[
    'k8s.__proto__',
    '__proto__',
    'host.name',
    'hw.id',
    'hw.type',
    'gpu.memory.size',
    'gpu.memory.used',
    'gpu.throttle.reasons',
    'os.type'
  ],
  ...['exception.type', 'exception.message', 'exception.stacktrace', 'error.fingerprint', 'error.group', 'error.count', 'error.origin'],
  ...['error.breadcrumbs', 'error.mechanism.handled', 'span.kind', 'span.name', 'span.parent_id', 'http.request.method', 'http.route'],
  ...['http.response.status_code', 'url.full', 'url.path', 'url.query', 'http.request.header.x', 'http.request.header.__proto__'],
  ...['client.address', 'user.id', 'user.email', 'user.name', 'db.system.name', 'rpc.system', 'rpc.grpc.status_code', 'messaging.system'],
  ...['messaging.operation.type', 'gen_ai.operation.name', 'sentry.op', 'sentry.segment.name', 'correlation.id', 'job.stage', 'tier', 'x']
]

const WORDS = ['server', 'client', 'internal', 'None', 'a b/c\\d', 'python', 'a@b.example', '10.0.0.1', '', 'line\nline', '💥'.repeat(300)]

function value(tape: Tape, depth = 0): AnyValue {
  switch (tape.below(depth > 3 ? 5 : 9)) {
    case 0:
      return { stringValue: tape.pick(WORDS) }
    case 1:
      return { intValue: tape.pick([0n, 1n, 200n, 404n, -(2n ** 63n), 2n ** 63n - 1n]) }
    case 2:
      return { doubleValue: tape.pick([0, -0, 0.5, 200, Number.NaN, Number.POSITIVE_INFINITY, 1e300]) }
    case 3:
      return { boolValue: tape.oneIn(2) }
    case 4:
      return tape.oneIn(8) ? { stringValue: '"\u0001'.repeat(40_000) } : { stringValue: text(tape) }
    case 5:
      return { bytesValue: tape.take(tape.below(10)) }
    case 6:
      return { arrayValue: { values: Array.from({ length: tape.below(5) }, () => value(tape, depth + 1)) } }
    case 7:
      return { kvlistValue: { values: attributes(tape, ['timestamp', 'level', 'message', 'category', 'data', '__proto__'], depth + 1) } }
    default:
      return {}
  }
}

function attributes(tape: Tape, keys: readonly string[] = KEYS, depth = 0): KeyValue[] {
  return Array.from({ length: tape.below(depth === 0 ? 24 : 6) }, () => ({
    key: tape.oneIn(10) ? text(tape) : tape.pick(keys),
    value: value(tape, depth)
  }))
}

const time = (tape: Tape): bigint => tape.pick([NOW_NANO, 0n, 1n, 2n ** 64n - 1n, NOW_NANO + 123_456_789n, NOW_NANO - 5_000_000_001n])
const resource = (tape: Tape): Resource => (tape.oneIn(5) ? {} : { attributes: attributes(tape) })
const traceId = (tape: Tape): string => tape.pick(['0af7651916cd43dd8448eb211c80319c', 'f'.repeat(32), '', '0'.repeat(32)])
const spanId = (tape: Tape): string => tape.pick(['1', '2', '3', '4']).repeat(16)

function span(tape: Tape): Span {
  return {
    traceId: traceId(tape),
    spanId: tape.oneIn(12) ? '' : spanId(tape),
    parentSpanId: tape.oneIn(2) ? spanId(tape) : '',
    traceState: tape.pick([
      '',
      'ot=th:e666',
      'ot=th:0',
      'ot=rv:00000000000000',
      'ot=th:8;rv:80000000000000,x=y',
      'ot=th:xyz',
      'ot=th:ffffffffffffff'
    ]),
    name: text(tape),
    kind: tape.below(7),
    startTimeUnixNano: time(tape),
    endTimeUnixNano: time(tape),
    attributes: attributes(tape),
    events: Array.from({ length: tape.below(3) }, () => ({ name: text(tape), timeUnixNano: time(tape), attributes: attributes(tape) })),
    links: Array.from({ length: tape.below(3) }, () => ({ traceId: traceId(tape), spanId: spanId(tape), attributes: attributes(tape) })),
    status: { code: tape.below(4), message: text(tape) },
    flags: tape.pick([0, 1, 0x101, 0x301])
  }
}

function log(tape: Tape): LogRecord {
  return {
    timeUnixNano: time(tape),
    observedTimeUnixNano: time(tape),
    severityNumber: tape.below(30),
    severityText: tape.pick(['', 'ERROR', 'warn', 'x'.repeat(99)]),
    body: value(tape),
    attributes: attributes(tape),
    traceId: traceId(tape),
    spanId: tape.oneIn(3) ? '' : spanId(tape),
    eventName: tape.pick(['', 'exception', 'gpu.xid'])
  }
}

const records = <T>(tape: Tape, make: (tape: Tape) => T): T[] => Array.from({ length: tape.below(7) }, () => make(tape))
const traces = (tape: Tape): Buffer =>
  tape.oneIn(4)
    ? wireRequest('traces', tape)
    : encode('ExportTraceServiceRequest', {
        resourceSpans: records(tape, () => ({
          resource: resource(tape),
          scopeSpans: [{ scope: { name: text(tape), version: text(tape) }, spans: records(tape, span) }]
        }))
      })
const logs = (tape: Tape): Buffer =>
  tape.oneIn(4)
    ? wireRequest('logs', tape)
    : encode('ExportLogsServiceRequest', {
        resourceLogs: records(tape, () => ({
          resource: resource(tape),
          scopeLogs: [{ scope: { name: text(tape), version: text(tape) }, logRecords: records(tape, log) }]
        }))
      })

// A parser of stacks as strange as can be.
const stacks = (tape: Tape): Stacks => ({
  detect: () => tape.pick([undefined, 'python', 'klingon']),
  parse: () =>
    records(tape, (each) => each.below(256)).map((seed, i, { length }) => ({
      id: length - 1 - i,
      ...(i === length - 1 ? {} : { parent: seed % (length - 1 - i), source: '__cause__' }),
      ...(seed % 5 === 0 ? { isGroup: true } : {}),
      type: tape.pick(['ValueError', '']),
      value: tape.pick(['bad', '']),
      ...(seed % 7 === 0 ? { module: 'pkg' } : {}),
      frames: Array.from({ length: tape.below(4) }, () => ({ filename: text(tape), function: 'f', lineno: 1, in_app: true }))
    }))
})

function check(all: readonly object[], payloads: Payloads): void {
  deepStrictEqual(
    envelopesOf(payloads).flatMap(({ problems }) => problems),
    []
  )
  const told = [...payloads.built.flatMap(({ records }) => records), ...Array.from(payloads.rejected.values()).flat()]
  deepStrictEqual([told.length, new Set(told).size], [all.length, all.length])
}

const entriesOfTraces = (bytes: Buffer) => decode('ExportTraceServiceRequest', bytes).resourceSpans ?? []
const entriesOfLogs = (bytes: Buffer) => decode('ExportLogsServiceRequest', bytes).resourceLogs ?? []

test(
  'any spans become items that Sentry takes',
  always((tape) => {
    const entries = entriesOfTraces(traces(tape))
    const all = entries.flatMap(({ scopeSpans = [] }) => scopeSpans.flatMap(({ spans = [] }) => spans))
    check(all, spanItems(entries, buildOf()))
  })
)

test(
  'any spans become transactions that Sentry takes, or are rejected',
  always((tape) => {
    const entries = entriesOfTraces(traces(tape))
    const all = entries.flatMap(({ scopeSpans = [] }) => scopeSpans.flatMap(({ spans = [] }) => spans))
    check(all, transactionItems(entries, buildOf()))
  })
)

test(
  'any log records become items that Sentry takes',
  always((tape) => {
    const entries = entriesOfLogs(logs(tape))
    const all = entries.flatMap(({ scopeLogs = [] }) => scopeLogs.flatMap(({ logRecords = [] }) => logRecords))
    check(all, logItems(entries, buildOf()))
  })
)

test(
  'any errors become events that Sentry takes, with the same ids however often they are built',
  always((tape) => {
    const entries = entriesOfLogs(logs(tape))
    const all = entries.flatMap(({ scopeLogs = [] }) => scopeLogs.flatMap(({ logRecords = [] }) => logRecords))
    const build = buildOf({ sendEmail: tape.oneIn(2), tags: ['x', 'a b', '__proto__'] })
    const payloads = errorItems(entries, build, stacks(tape))
    check(all, payloads)
    const ids = ({ built }: Payloads) => built.map(({ eventId }) => eventId)
    deepStrictEqual(ids(errorItems(entries, buildOf(), stacks(tape))), ids(payloads))
  })
)

test(
  'requests for the intake of OTLP stay valid, and as many',
  always((tape) => {
    const [spans, records] = [traces(tape), logs(tape)]
    deepStrictEqual(checkRequest('traces', fixedTraces(spans, buildOf().trimmed)), checkRequest('traces', spans))
    deepStrictEqual(checkRequest('logs', fixedLogs(records, Date.now())), checkRequest('logs', records))
  })
)
