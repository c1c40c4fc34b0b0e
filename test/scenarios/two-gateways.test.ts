import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createTraceState } from '@opentelemetry/api'
import { type Sampler, SamplingDecision, type SpanExporter, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-node'
import { type GatewayProcess, scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { exporterFor, sendSpans } from '../support/sdk.ts'

const SPANS = 5_000
const ERROR_EVERY = 50
const E666 = 2 ** 56 / (2 ** 56 - 0xe6660000000000)

function gatewayTo(t: TestContext, endpoint: string, share = '10%'): Promise<GatewayProcess> {
  return startGateway(t, {
    yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: off } }
admin: { listen: 127.0.0.1:0 }
processors: { sample: { traces: ${share} } }
exporters: { otlp: { endpoint: ${endpoint}, signals: [traces] } }
`
  })
}

const exporterTo = (gateway: GatewayProcess): SpanExporter => exporterFor('http/protobuf', gateway.http, '')

/** Gives every batch to both. */
function both(one: SpanExporter, other: SpanExporter): SpanExporter {
  return {
    export: (spans, done) => one.export(spans, (result) => (result.error === undefined ? other.export(spans, done) : done(result))),
    shutdown: async () => void (await Promise.all([one.shutdown(), other.shutdown()]))
  }
}

/** Half of all traces, as the specification of consistent sampling has it: by the trace id's last 56 bits, and said so in tracestate. */
const consistentHalf: Sampler = {
  shouldSample: (_context, traceId) => ({
    decision: traceId.slice(18) >= '80000000000000' ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD,
    traceState: createTraceState('ot=th:8')
  }),
  toString: () => 'half'
}

async function settled(...gateways: GatewayProcess[]): Promise<void> {
  for (const gateway of gateways) {
    await until(
      () => scrape(gateway, 'sluice_items_held'),
      (held) => sumOf(held) === 0
    )
  }
}

interface Kept {
  readonly spanId: string
  readonly traceId: string
  readonly traceState: string
}

const keptBy = (backend: OtlpBackend): Kept[] =>
  backend
    .records('traces')
    .map(({ spanId, traceId, traceState }) => ({ spanId: spanId.toString('hex'), traceId: traceId.toString('hex'), traceState }))
    .sort((a, b) => (a.spanId < b.spanId ? -1 : 1))

const sampledOut = async (gateway: GatewayProcess): Promise<number> =>
  sumOf(await scrape(gateway, 'sluice_items_total'), 'outcome="sampled_out"')
const counted = async (gateway: GatewayProcess): Promise<number> => sumOf(await scrape(gateway, 'http_requests_total'), 'method="GET"')

// Every kept span, and no other, is one that the rule keeps; errors beside the rule are marked as such.
function checkKept(kept: readonly Kept[], sent: { all: Set<string>; errors: Set<string> }, threshold: string, errorState: string): void {
  const th = threshold.replace(/0+$/, '')
  for (const { spanId, traceId, traceState } of kept) {
    const failed = sent.errors.has(spanId)
    ok(sent.all.has(spanId))
    ok(failed || traceId.slice(18) >= threshold, `${traceId} is under the threshold`)
    strictEqual(traceState, failed ? errorState : `ot=th:${th}`)
  }
}

const about = (count: number, expected: number, share: number, of: number): void =>
  ok(Math.abs(count - expected) < 5 * Math.sqrt(share * (1 - share) * of), `${count}, expected about ${expected}`)

test('two gateways side by side keep the same spans of the same traces', async (t) => {
  const [left, right] = [await OtlpBackend.start(t), await OtlpBackend.start(t)]
  const [one, other] = [await gatewayTo(t, left.url), await gatewayTo(t, right.url)]
  const sent = await sendSpans(both(exporterTo(one), exporterTo(other)), { spans: SPANS, errorEvery: ERROR_EVERY })
  await settled(one, other)
  const kept = keptBy(left)
  deepStrictEqual(kept, keptBy(right))
  checkKept(kept, sent, 'e6660000000000', 'ot=th:0')
  about(kept.length - sent.errors.size, (SPANS - sent.errors.size) * 0.1, 0.1, SPANS)
})

test('two gateways in a row: the second agrees with the first, or goes on from where it stopped, and both count all that was sent', async (t) => {
  const f = async (share: string, threshold: string): Promise<void> => {
    const backend = await OtlpBackend.start(t)
    const second = await gatewayTo(t, backend.url, share)
    const first = await gatewayTo(t, second.http)
    const sent = await sendSpans(exporterTo(first), { spans: SPANS, errorEvery: ERROR_EVERY })
    await settled(first, second)
    const kept = keptBy(backend)
    checkKept(kept, sent, threshold, 'ot=th:0')
    const passed = SPANS - (await sampledOut(first))
    strictEqual(kept.length, passed - (await sampledOut(second)))
    if (share === '10%') strictEqual(await sampledOut(second), 0)
    // The first counts spans; the second what each of those that came stands for: errors for themselves, the others for ten.
    strictEqual(await counted(first), SPANS)
    const expected = sent.errors.size + (passed - sent.errors.size) * E666
    const seen = await counted(second)
    // Counters count whole spans; what is left over is carried on.
    ok(Math.abs(seen - expected) <= 1, `${seen}, expected ${expected}`)
    about(seen / E666, SPANS / E666, 0.1, SPANS)
  }
  await f('10%', 'e6660000000000')
  await f('5%', 'f3333000000000')
  await f('50%', 'e6660000000000')
})

test('an SDK that keeps a half and says so: a tenth of all traces in the end, each span counted for two', async (t) => {
  const backend = await OtlpBackend.start(t)
  const gateway = await gatewayTo(t, backend.url)
  const sent = await sendSpans(exporterTo(gateway), { spans: SPANS, errorEvery: ERROR_EVERY, sampler: consistentHalf })
  await settled(gateway)
  const kept = keptBy(backend)
  // An error span that the SDK let through stands for two, whatever the gateway does.
  checkKept(kept, sent, 'e6660000000000', 'ot=th:8')
  const errors = kept.filter(({ spanId }) => sent.errors.has(spanId)).length
  strictEqual(errors, [...sent.errors].filter((id) => sent.all.has(id)).length)
  about(kept.length - errors, (SPANS - sent.errors.size) * 0.1, 0.1, SPANS)
  about(sent.all.size, SPANS / 2, 0.5, SPANS)
  strictEqual(await counted(gateway), 2 * sent.all.size)
})

test('an SDK that keeps a half and does not say so: a tenth of what came, by the same rule, counted as what came', async (t) => {
  const backend = await OtlpBackend.start(t)
  const gateway = await gatewayTo(t, backend.url)
  const sampler = new TraceIdRatioBasedSampler(0.5)
  const sent = await sendSpans(exporterTo(gateway), { spans: SPANS, errorEvery: ERROR_EVERY, sampler })
  await settled(gateway)
  const kept = keptBy(backend)
  checkKept(kept, sent, 'e6660000000000', 'ot=th:0')
  const errors = kept.filter(({ spanId }) => sent.errors.has(spanId)).length
  about(kept.length - errors, (sent.all.size - errors) * 0.1, 0.1, sent.all.size)
  strictEqual(await counted(gateway), sent.all.size)
})
