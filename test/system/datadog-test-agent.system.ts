import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { booksOf } from '../support/books.ts'
import { startGateway, until } from '../support/gateway-process.ts'
import type { Tree } from '../support/otlp-message.ts'
import { exporterFor, sendSpans } from '../support/sdk.ts'
import { installPython, startTestAgent } from './datadog-python.ts'

const SPANS = 2_000
const ERROR_EVERY = 40

const python = installPython()

test("Datadog's test agent takes traces and statistics", { skip: python.skip, timeout: 120_000 }, async (t) => {
  const url = await startTestAgent(t, (python as { bin: string }).bin)
  const gateway = await startGateway(t, {
    env: { DD_API_KEY: 'd'.repeat(32) },
    yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: off } }
admin: { listen: 127.0.0.1:0 }
processors: { sample: { traces: 10% } }
exporters: { datadog: { traces: agent, logs: off, metrics: off, endpoints: { agent: '${url}' } } }
`
  })
  await sendSpans(exporterFor('http/protobuf', gateway.http, ''), { spans: SPANS, errorEvery: ERROR_EVERY })
  const { delivered } = await until(
    () => booksOf(gateway, 'traces'),
    ({ received, sampledOut, delivered, held }) => received === SPANS && delivered + sampledOut === SPANS && held === 0
  )
  strictEqual(await gateway.end('SIGTERM'), 0)

  const failures = await fetch(`${url}/test/trace_check/failures`)
  deepStrictEqual([failures.status, await failures.text()], [200, '200: OK'])
  const look = async (path: string): Promise<Tree> => (await fetch(url + path)).json()
  const summary = await look('/test/trace_check/summary')
  ok(summary.trace_count_header?.Passed_Checks > 0, JSON.stringify(summary))
  const traces = await look('/test/session/traces')
  const spans = traces.flat()
  strictEqual(spans.length, delivered)
  ok(delivered > 0 && delivered < SPANS / 2)
  for (const span of spans)
    deepStrictEqual([span.service, span.resource, span.metrics._sampling_priority_v1 >= 1], ['dubbing-worker', 'GET /projects/:id', true])
  strictEqual(spans.filter(({ error }: Tree) => error === 1).length, SPANS / ERROR_EVERY)
  const rows = (await look('/test/session/stats')).flatMap(({ Stats }: Tree) => Stats.flatMap((bucket: Tree) => bucket.Stats))
  const sum = (key: string): number => rows.reduce((all: number, row: Tree) => all + row[key], 0)
  deepStrictEqual([sum('Hits'), sum('TopLevelHits'), sum('Errors')], [SPANS, SPANS, SPANS / ERROR_EVERY])
})
