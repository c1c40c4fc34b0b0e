import { deepStrictEqual, rejects, strictEqual } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { RedactedBatch } from '../../../src/batch.ts'
import { ROW, STATISTICS_NAME } from '../../../src/datadog/statistics.ts'
import { AgentStats } from '../../../src/exporters/datadog/agent-stats.ts'
import { HistogramStats } from '../../../src/exporters/datadog/histogram-stats.ts'
import { encode } from '../../../src/otlp/encode.ts'
import { DatadogAgent } from '../../support/datadog-agent.ts'
import { DatadogBackend } from '../../support/datadog-backend.ts'
import { host } from '../../support/host.ts'
import { attributesOf, intakeFor, KEY, redacted, STOP } from './support.ts'

interface Row {
  resource?: string
  service?: string
  error?: boolean
  top?: boolean
  hits?: number
  /** The bin of all durations. */
  bin?: number
  start?: number
  second?: number
  env?: string
}

const START_S = Math.floor(Date.now() / 10_000) * 10 - 10
const NS = 1_000_000_000n

function metricOf({
  resource = 'GET /a',
  service,
  error = false,
  top = true,
  hits = 1,
  bin = 900,
  start = START_S,
  second = START_S + 12
}: Row) {
  const attributes = attributesOf({
    ...(service !== undefined && { [ROW.service]: service }),
    ...{ [ROW.operation]: 'http.server.request', [ROW.resource]: resource, [ROW.type]: 'web', [ROW.kind]: 'SPAN_KIND_SERVER' },
    ...{ [ROW.status]: error ? 'STATUS_CODE_ERROR' : 'STATUS_CODE_OK', [ROW.topLevel]: top, [ROW.traceRoot]: top, [ROW.httpStatus]: 200 }
  })
  const point = {
    ...{
      attributes,
      startTimeUnixNano: BigInt(start) * NS,
      timeUnixNano: BigInt(second) * NS,
      count: hits,
      sum: hits * 6.7e7,
      min: 6.6e7,
      max: 6.8e7
    },
    positive: { offset: bin, bucketCounts: [hits] }
  }
  return { name: STATISTICS_NAME, unit: 'ns', exponentialHistogram: { aggregationTemporality: 1, dataPoints: [point] } }
}

function batchOf(rows: readonly Row[]): RedactedBatch {
  const resourceMetrics = rows.map((row) => ({
    resource: {
      attributes: attributesOf({ 'service.name': 'named late', 'deployment.environment.name': row.env ?? 'test', 'host.name': 'node-1' })
    },
    scopeMetrics: [{ metrics: [metricOf(row)] }]
  }))
  return redacted('stats', encode('ExportMetricsServiceRequest', { resourceMetrics }))
}

async function agentOf(t: TestContext): Promise<{ agent: DatadogAgent; lane: AgentStats }> {
  const agent = await DatadogAgent.start(t)
  return { agent, lane: new AgentStats(new URL(`${agent.url}/v0.6/stats`), await intakeFor(t), host(), undefined) }
}

async function backendOf(t: TestContext): Promise<{ backend: DatadogBackend; lane: HistogramStats }> {
  const backend = await DatadogBackend.start(t)
  backend.key = KEY
  return { backend, lane: new HistogramStats(new URL(`${backend.url}/v1/metrics`), await intakeFor(t), undefined) }
}

const ROWS: readonly Row[] = [
  { hits: 3 },
  { hits: 2, error: true },
  // Alike, since redaction has made them so.
  { hits: 5, bin: 905 },
  { hits: 7, top: false },
  { hits: 11, service: 'other' },
  { hits: 13, env: 'prod' }
]

test('the Agent gets one row for the outcomes of what is alike, by sender and period', async (t) => {
  const { agent, lane } = await agentOf(t)
  strictEqual(await lane.send(batchOf([...ROWS, { hits: 17, start: START_S - 10, second: START_S + 1 }]), STOP), undefined)
  deepStrictEqual(agent.violations, [])
  const shown = agent.statistics.rows.map(({ service, env, hits, errors, topLevelHits, spanKind }) => [
    service,
    env,
    hits,
    errors,
    topLevelHits,
    spanKind
  ])
  deepStrictEqual(shown, [
    ['named late', 'test', 10, 2, 10, 'server'],
    ['named late', 'test', 7, 0, 0, 'server'],
    ['other', 'test', 11, 0, 11, 'server'],
    ['named late', 'prod', 13, 0, 13, 'server'],
    ['named late', 'test', 17, 0, 17, 'server']
  ])
  deepStrictEqual(
    agent.bucketStarts,
    [START_S, START_S, START_S - 10].map((s) => BigInt(s) * NS)
  )
  strictEqual(agent.statistics.rows[0].durationNs, 6.7e8)
})

test('what the Agent has got it does not get again', async (t) => {
  const { agent, lane } = await agentOf(t)
  const batch = batchOf(ROWS)
  agent.next('accept', 'stats')
  agent.next({ status: 503 }, 'stats')
  await rejects(lane.send(batch, STOP), { code: 'unavailable' })
  await lane.send(batch, STOP)
  strictEqual(agent.statistics.of().hits, 41)
  agent.next('accept', 'stats')
  agent.next({ status: 400 }, 'stats')
  const outcome = await lane.send(batchOf(ROWS), STOP)
  deepStrictEqual(
    outcome?.dropped?.map(({ reason, items }) => [reason, items]),
    [['invalid', 1]]
  )
})

test('the intake gets a histogram for each outcome', async (t) => {
  const { backend, lane } = await backendOf(t)
  strictEqual(await lane.send(batchOf(ROWS), STOP), undefined)
  deepStrictEqual(backend.violations, [])
  const shown = backend.statistics.rows.map(({ service, env, hits, errors, topLevelHits }) => [service, env, hits, errors, topLevelHits])
  deepStrictEqual(shown, [
    ['named late', 'test', 8, 0, 8],
    ['named late', 'test', 2, 2, 2],
    ['named late', 'test', 7, 0, 0],
    ['other', 'test', 11, 0, 11],
    ['named late', 'prod', 13, 0, 13]
  ])
  deepStrictEqual(backend.statistics.of().all.boundsOf(0.5), [5e7, 1e8])
})

test('many rows go in requests that the intake takes, and each once', async (t) => {
  const { backend, lane } = await backendOf(t)
  const rows = Array.from({ length: 4_000 }, (_, i): Row => ({ resource: `GET /${i}/${'x'.repeat(200)}`, hits: 1 }))
  const batch = batchOf(rows)
  backend.next('accept', 'otlp-metrics')
  backend.next({ status: 500 }, 'otlp-metrics')
  await rejects(lane.send(batch, STOP), { code: 'unavailable' })
  strictEqual(await lane.send(batch, STOP), undefined)
  deepStrictEqual(backend.violations, [])
  strictEqual(backend.statistics.of().hits, 4_000)
  strictEqual(backend.headers['otlp-metrics']!.length > 2, true)
})
