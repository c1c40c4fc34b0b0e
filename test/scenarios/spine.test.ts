import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { exporterFor, type Protocol, sendSpans } from '../support/sdk.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

/** As many as a campaign wants; the share is looked at with the width that so many allow. */
const SPANS = Number(process.env.SLUICE_SCENARIO_SPANS ?? 10_000)
const ERROR_EVERY = 50

for (const protocol of ['http/protobuf', 'http/json', 'grpc'] satisfies Protocol[]) {
  test(`an unmodified SDK over ${protocol}: measured whole, sampled to a tenth, errors all there, books balanced`, async (t) => {
    const backend = await OtlpBackend.start(t)
    const gateway = await startGateway(t, {
      yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: 127.0.0.1:0 } }
admin: { listen: 127.0.0.1:0 }
queue: { dir: ${temporaryDirectory()} }
exporters: { otlp: { endpoint: ${backend.url}, signals: [traces] } }
`
    })
    const sent = await sendSpans(exporterFor(protocol, gateway.http, gateway.grpc), { spans: SPANS, errorEvery: ERROR_EVERY })
    await until(
      () => scrape(gateway, 'sluice_items_held'),
      (held) => sumOf(held, 'traces') === 0
    )

    const requests = await scrape(gateway, 'http_requests_total')
    strictEqual(sumOf(requests, 'method="GET"'), SPANS, '/metrics counts every span')

    for (const id of sent.errors) strictEqual(backend.spanCounts.get(id), 1, 'an error span is missing')
    const usual = SPANS - sent.errors.size
    const kept = backend.spanCounts.size - sent.errors.size
    const width = 5 * Math.sqrt(0.1 * 0.9 * usual)
    ok(Math.abs(kept - usual * 0.1) < width, `${kept} of ${usual} usual spans were kept`)
    for (const span of backend.records('traces')) {
      const failed = sent.errors.has(span.spanId.toString('hex'))
      strictEqual(span.traceState, failed ? 'ot=th:0' : 'ot=th:e666')
    }

    const items = await scrape(gateway, 'sluice_items_total')
    strictEqual(sumOf(items, 'signal="traces"', 'stage="receive"', 'outcome="accepted"'), SPANS)
    strictEqual(sumOf(items, 'signal="traces"', 'outcome="sampled_out"'), SPANS - backend.spanCounts.size)
    strictEqual(sumOf(items, 'signal="traces"', 'outcome="delivered"'), backend.spanCounts.size)
    for (const [labels, residue] of await scrape(gateway, 'sluice_ledger_residue')) strictEqual(residue, 0, labels)
    deepStrictEqual(backend.violations, [])
    strictEqual(await gateway.end('SIGTERM'), 0)
  })
}
