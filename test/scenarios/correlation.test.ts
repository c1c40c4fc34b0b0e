import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'

const SEED = join(import.meta.dirname, '..', '..', '..', 'shared', 'seed')
// Above and below the threshold of 10 %.
const KEPT = '0af7651916cd43dd84f0000000000001'
const CUT = '0af7651916cd43dd8410000000000002'

/** The line that the platform's own documentation shows, made one line. */
function sampleLine(): string | undefined {
  if (!existsSync(SEED)) return undefined
  for (const file of readdirSync(SEED)) {
    const [, json] = /\*\*Log Format:\*\*\s*```json\s*([\s\S]*?)```/.exec(readFileSync(join(SEED, file), 'utf8')) ?? []
    if (json !== undefined) return JSON.stringify(JSON.parse(json))
  }
  return undefined
}

const line = sampleLine()
const skip = line === undefined ? 'SKIPPED: the platform’s documentation is not at ../shared/seed' : false

test('the platform’s line becomes the documented record, and its correlation id finds its trace', { skip, timeout: 240_000 }, async (t) => {
  const backend = await OtlpBackend.start(t)
  const gateway = await startGateway(t, {
    yaml: `
receivers: { otlp: { http: 127.0.0.1:0, grpc: off }, logs: { tcp: 127.0.0.1:0, syslog: off, fluent: off, batchDelay: 10ms, joinWithin: 20ms } }
admin: { listen: 127.0.0.1:0 }
exporters: { otlp: { endpoint: ${backend.url} } }
`
  })
  const ready = gateway.log.find(({ msg }) => msg === 'ready') as { listening: Record<string, string[]> }
  const [host, port] = ready.listening.tcp[0].split(':')
  const socket = connect(Number(port), host)
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  const say = async (...lines: string[]): Promise<void> => {
    const before = backend.records('logs').length
    for (const each of lines) socket.write(`${each}\n`)
    await until(
      () => backend.records('logs').length,
      (count) => count === before + lines.length
    )
  }
  const span = async (traceId: string, attributes: Record<string, string>): Promise<void> => {
    const list = Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } }))
    const spans = [{ traceId, spanId: '00f067aa0ba902b7', name: 'POST /jobs', kind: 2, startTimeUnixNano: '1', endTimeUnixNano: '2' }]
    const response = await fetch(`${gateway.http}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [{ ...spans[0], attributes: list }] }] }] })
    })
    strictEqual(response.status, 200)
  }

  // Before anybody knows the trace, it is the documented record and nothing more.
  await say(line!)
  // One trace is kept and one is sampled out; of both, spans told the id.
  await span(KEPT, { 'http.request.header.x_correlation_id': 'req-abc123' })
  await span(CUT, { 'x-correlation-id': 'req-of-the-other' })
  await say(line!, line!.replace('req-abc123', 'req-of-the-other'))
  // A line of the trace alone is told the id.
  await say(JSON.stringify({ level: 'info', message: 'done', trace_id: KEPT }))

  const records = backend.records('logs').map((record) => ({
    ...record,
    attributes: Object.fromEntries(
      record.attributes.map(({ key, value }: { key: string; value: Record<string, unknown> }) => [key, Object.values(value)[0]])
    )
  }))
  const [first, joined, other, done] = records
  const documented = {
    'correlation.id': 'req-abc123',
    'user.id': 'user-xyz789',
    'project.id': 'proj-456',
    'job.stage': 'stt',
    duration: 125.5
  }
  strictEqual(first.body.stringValue, 'Video processing started')
  strictEqual(first.severityNumber, 9)
  strictEqual(first.severityText, 'info')
  strictEqual(String(first.timeUnixNano), '1730716245123000000')
  deepStrictEqual(first.attributes, documented)
  strictEqual(first.traceId?.length ?? 0, 0)
  const inferred = { 'correlation.trace_id': KEPT, 'correlation.inferred': true, 'trace.sampled': true }
  deepStrictEqual(joined.attributes, { ...documented, ...inferred })
  strictEqual(joined.traceId?.length ?? 0, 0)
  deepStrictEqual(other.attributes, {
    ...documented,
    'correlation.id': 'req-of-the-other',
    ...inferred,
    'correlation.trace_id': CUT,
    'trace.sampled': false
  })
  strictEqual(done.traceId.toString('hex'), KEPT)
  deepStrictEqual(done.attributes, { 'correlation.id': 'req-abc123', 'correlation.inferred': true, 'trace.sampled': true })
  // The span that was kept is found by the same name and value.
  const [kept] = backend.records('traces')
  const ids = kept.attributes.filter(({ key }: { key: string }) => key === 'correlation.id')
  deepStrictEqual(
    ids.map(({ value }: { value: { stringValue: string } }) => value.stringValue),
    ['req-abc123']
  )
  strictEqual(sumOf(await scrape(gateway, 'sluice_correlate_records_total'), 'outcome="trace_found"', 'signal="logs"'), 2)
})
