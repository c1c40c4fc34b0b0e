import { deepStrictEqual, match, strictEqual } from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { type Span, SpanKind } from '@opentelemetry/api'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import { DatadogAgent } from '../support/datadog-agent.ts'
import { plain } from '../support/datadog-otlp.ts'
import { type GatewayProcess, scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { exporterFor } from '../support/sdk.ts'
import { SentryBackend } from '../support/sentry-backend.ts'
import { installNode } from './datadog-node.ts'
import { installPython, SOURCES as PYTHON_SOURCES } from './datadog-python.ts'

// An address of its own, so that programs need DD_AGENT_HOST and nothing else: ports are those of an Agent.
const HOST = '127.0.0.77'
const REQUESTS = 5

const python = installPython()
const node = installNode()

interface Backends {
  readonly otlp: OtlpBackend
  readonly agent: DatadogAgent
  readonly sentry: SentryBackend
  readonly gateway: GatewayProcess
}

async function start(t: { after(done: () => unknown): void }): Promise<Backends> {
  const [otlp, agent, sentry] = [await OtlpBackend.start(t), await DatadogAgent.start(t), await SentryBackend.start(t)]
  const gateway = await startGateway(t, {
    env: { DD_API_KEY: 'd'.repeat(32), SENTRY_DSN: sentry.dsn() },
    yaml: `
receivers:
  logs: off
  otlp: { http: 127.0.0.1:0, grpc: off }
  datadog: { agent: '${HOST}:8126', dogstatsd: off, whenTaken: fail }
admin: { listen: 127.0.0.1:0 }
processors: { sample: { traces: 100% } }
exporters:
  otlp: { endpoint: ${otlp.url} }
  datadog: { traces: agent, logs: off, metrics: off, endpoints: { agent: '${agent.url}' } }
`
  })
  return { otlp, agent, sentry, gateway }
}

/** Makes a span with the SDK of OpenTelemetry around `inside`, which is given what goes over the wire. */
async function within(gateway: GatewayProcess, inside: (traceparent: string, i: number) => Promise<unknown>, times = 1): Promise<string[]> {
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'frontend' }),
    spanProcessors: [new SimpleSpanProcessor(exporterFor('http/protobuf', gateway.http, ''))]
  })
  const traceIds: string[] = []
  for (let i = 0; i < times; i++) {
    const span: Span = provider.getTracer('test').startSpan('open project', { kind: SpanKind.CLIENT })
    const { traceId, spanId } = span.spanContext()
    await inside(`00-${traceId}-${spanId}-01`, i)
    span.end()
    traceIds.push(traceId)
  }
  await provider.shutdown()
  return traceIds
}

const servicesOf = (otlp: OtlpBackend, traceId: string): string[] => {
  const services = new Set<string>()
  for (const { message } of otlp.received.filter(({ signal }) => signal === 'traces'))
    for (const { resource, scopeSpans } of message.resourceSpans)
      for (const span of scopeSpans.flatMap(({ spans }: { spans: { traceId: Buffer }[] }) => spans))
        if (span.traceId.toString('hex') === traceId) services.add(String(plain(resource.attributes)['service.name']))
  return [...services].sort()
}

async function checkService(t: TestContext, more: Record<string, string>): Promise<void> {
  const { otlp, agent, sentry, gateway } = await start(t)
  const service = spawn(process.execPath, ['--require', 'dd-trace/init', 'service.cjs'], {
    cwd: (node as { dir: string }).dir,
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, DD_AGENT_HOST: HOST, DD_SERVICE: 'projects', DD_ENV: 'prod', DD_VERSION: '1.2.3', ...more }
  })
  t.after(() => service.kill('SIGKILL'))
  const [line] = await once(service.stdout, 'data')
  const url = `http://127.0.0.1:${Number(String(line))}`
  const traceIds = await within(
    gateway,
    async (traceparent, i) => {
      const path = i === REQUESTS - 1 ? '/projects/broken' : '/projects/1'
      await (await fetch(url + path, { headers: { traceparent } })).arrayBuffer()
    },
    REQUESTS
  )
  service.stdin.end()
  await once(service, 'exit')

  // One trace of spans of both kinds, wherever it is looked at.
  const spans = await until(
    () => agent.spans.filter(({ traceIdHex }) => traceIds.includes(traceIdHex)),
    (spans) => traceIds.every((id) => spans.filter((span) => span.traceIdHex === id && span.service === 'projects').length >= 3)
  )
  for (const traceId of traceIds) {
    deepStrictEqual(servicesOf(otlp, traceId), ['frontend', 'projects'])
    const [root] = spans.filter((span) => span.traceIdHex === traceId && span.service === 'frontend')
    const [entry] = spans.filter((span) => span.traceIdHex === traceId && span.parentId === root.spanId)
    deepStrictEqual([entry.name, entry.type, entry.meta.env], ['web.request', 'web', 'prod'])
    const [inner] = spans.filter((span) => span.traceIdHex === traceId && span.name === 'tts.synthesize')
    deepStrictEqual([inner.resource, inner.meta['model.name']], ['xtts', 'xtts-v2'])
  }
  const [failed] = spans.filter(({ name, error }) => name === 'tts.synthesize' && error)
  deepStrictEqual([failed.meta['error.type'], failed.meta['error.message']], ['TypeError', 'synthesis failed'])
  match(failed.meta['error.stack'], /service\.cjs/)
  strictEqual(agent.unprotected, 0)
  const requests = await scrape(gateway, 'http_requests_total')
  strictEqual(sumOf(requests, 'service="projects"', 'method="GET"'), 2 * REQUESTS, [...requests.keys()].join(' '))
  const [{ json: event }] = await until(
    () => sentry.items('event'),
    (events) => events.length > 0
  )
  deepStrictEqual(
    [event.contexts.trace.trace_id, event.exception.values.at(-1).type, event.exception.values.at(-1).value],
    [traceIds.at(-1), 'TypeError', 'synthesis failed']
  )

  strictEqual(await gateway.end('SIGTERM'), 0)
  // Two servers answer each request, in one service; what the tracer has counted itself is not counted again.
  const { hits, errors } = agent.statistics.of({ service: 'projects', name: 'web.request' })
  deepStrictEqual([hits, errors], [2 * REQUESTS, 1])
  deepStrictEqual([...otlp.violations, ...agent.violations, ...sentry.violations], [])
}

test('a service with dd-trace that is told DD_AGENT_HOST alone', { skip: node.skip, timeout: 120_000 }, (t) => checkService(t, {}))

test('a service whose tracer counts for itself, and speaks the other version', { skip: node.skip, timeout: 120_000 }, (t) =>
  checkService(t, { DD_TRACE_STATS_COMPUTATION_ENABLED: 'true', DD_TRACE_AGENT_PROTOCOL_VERSION: '0.5' })
)

test('a worker with ddtrace for Python that is told DD_AGENT_HOST alone', {
  skip: node.skip || python.skip,
  timeout: 120_000
}, async (t) => {
  const { otlp, agent, sentry, gateway } = await start(t)
  const program = join((python as { bin: string }).bin, 'python')
  const [traceId] = await within(gateway, (traceparent) =>
    promisify(execFile)(program, [join(PYTHON_SOURCES, 'client.py')], {
      env: { PATH: process.env.PATH, DD_AGENT_HOST: HOST, DD_ENV: 'prod', TRACEPARENT: traceparent }
    })
  )
  const spans = await until(
    () => agent.spans.filter((span) => span.traceIdHex === traceId),
    (spans) => spans.length === 3
  )
  deepStrictEqual(servicesOf(otlp, traceId), ['frontend', 'tts-worker'])
  deepStrictEqual(spans.map(({ service, resource, error }) => [service, resource, error]).sort(), [
    ['frontend', 'open project', false],
    ['tts-worker', 'tts', false],
    ['tts-worker', 'xtts-v2', true]
  ])
  const failed = spans.find(({ error }) => error)!
  match(failed.meta['error.type'], /ValueError$/)
  strictEqual(failed.meta['error.message'], 'no voice')
  const jobs = await scrape(gateway, 'job_processing_duration_seconds_count')
  strictEqual(sumOf(jobs, 'stage="tts"'), 1)
  const [{ json: event }] = await until(
    () => sentry.items('event'),
    (events) => events.length > 0
  )
  strictEqual(event.contexts.trace.trace_id, traceId)
  strictEqual(await gateway.end('SIGTERM'), 0)
  deepStrictEqual([...otlp.violations, ...agent.violations, ...sentry.violations], [])
})
