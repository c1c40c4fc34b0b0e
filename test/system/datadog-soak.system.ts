import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { booksOf } from '../support/books.ts'
import { DatadogBackend, type IntakeKind } from '../support/datadog-backend.ts'
import { nano, RESOURCE, sendOtlp, startForDatadog, text } from '../support/datadog-gateway.ts'
import type { DatadogBehaviour } from '../support/datadog-server.ts'
import { scrape, sumOf, until } from '../support/gateway-process.ts'
import type { Tree } from '../support/otlp-message.ts'
import { isKept } from '../support/sender.ts'

const MINUTES = Number(process.env.SLUICE_SOAK_MINUTES ?? 1)
const SEED = Number(process.env.SLUICE_SOAK_SEED ?? 1)
const ROUND_MS = 200
const SPANS_PER_ROUND = 100
const LOGS_PER_ROUND = 100
const ROUNDS_PER_METRICS = 5
const INSTANCES = ['tts-0', 'tts-1', 'mux-0']
const BOUNDS = [0.1, 1, 10]
const DRAIN_WITHIN_MS = 120_000

// What the intakes do, beside taking everything: so often a second, on average.
const FAULTS_PER_SECOND = 1
const FAULTS: readonly DatadogBehaviour[] = [
  { status: 500 },
  { status: 503, headers: { 'retry-after': '1' } },
  { status: 408 },
  'reset',
  'half',
  { accept: { afterMs: 1_500 } }
]
const KINDS: readonly IntakeKind[] = ['logs', 'otlp-traces', 'otlp-metrics']

test(`${MINUTES} min of traces, logs and metrics to Datadog with faults, seed ${SEED}`, {
  timeout: 120_000 + MINUTES * 60_000 + DRAIN_WITHIN_MS
}, async (t) => {
  const backend = await DatadogBackend.start(t)
  const gateway = await startForDatadog(t, backend, { sample: '10%', endpoints: [`traces: ${backend.url}/v1/traces`] })
  const random = numbers(SEED)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]
  const sent = { traces: [] as string[], logs: [] as string[] }
  const jobs = new Map(INSTANCES.map((name) => [name, { done: 0, seconds: [0, 0, 0, 0], sum: 0, startMs: Date.now() }]))
  /** Over restarts. */
  const done = new Map(INSTANCES.map((name) => [name, 0]))
  const untilMs = Date.now() + MINUTES * 60_000
  for (let round = 0; Date.now() < untilMs; round++) {
    const nextMs = Date.now() + ROUND_MS
    if (random() < (FAULTS_PER_SECOND * ROUND_MS) / 1000) {
      if (random() < 0.2) backend.limit(pick(KINDS), 1 + Math.floor(random() * 3))
      else backend.next(pick(FAULTS), pick(KINDS))
    }
    const spans = Array.from({ length: SPANS_PER_ROUND }, () => makeSpan(random() < 0.02))
    const logs = Array.from({ length: LOGS_PER_ROUND }, (_, i) => `line ${i} of round ${round}`)
    await Promise.all([
      sendOtlp(gateway, 'traces', { resourceSpans: [{ resource: RESOURCE, scopeSpans: [{ spans }] }] }),
      sendOtlp(gateway, 'logs', { resourceLogs: [{ resource: RESOURCE, scopeLogs: [{ logRecords: logs.map(makeLog) }] }] })
    ])
    sent.traces.push(...spans.map(({ traceId }) => traceId.toString('hex')))
    sent.logs.push(...logs)
    if (round % ROUNDS_PER_METRICS === 0) {
      // A process that starts again begins at 0.
      if (random() < 0.02) jobs.set(pick(INSTANCES), { done: 0, seconds: [0, 0, 0, 0], sum: 0, startMs: Date.now() })
      for (const [name, job] of jobs) done.set(name, done.get(name)! + work(job, random))
      await sendOtlp(gateway, 'metrics', { resourceMetrics: [...jobs].map(([name, job]) => makeMetrics(name, job)) })
    }
    await sleep(Math.max(0, nextMs - Date.now()))
  }
  const signals = ['traces', 'logs', 'metrics', 'stats']
  await until(
    async () => Promise.all(signals.map((signal) => booksOf(gateway, signal))),
    (books) => books.every(({ held }) => held === 0),
    DRAIN_WITHIN_MS
  )
  for (const [labels, residue] of await scrape(gateway, 'sluice_ledger_residue')) strictEqual(residue, 0, labels)
  for (const signal of signals) strictEqual((await booksOf(gateway, signal)).dropped, 0, signal)
  const refused =
    sumOf(await scrape(gateway, 'sluice_exporter_requests_total')) -
    sumOf(await scrape(gateway, 'sluice_exporter_requests_total'), 'answer="2xx"')
  strictEqual(await gateway.end('SIGTERM'), 0)

  deepStrictEqual(backend.violations, [])
  // Of a gauge that was told twice within a second, as by a busy machine, the last value stays.
  deepStrictEqual(
    backend.series.overwritten.filter((series) => !series.startsWith('queue.depth{')),
    []
  )
  // Logs: all of them; twice only what was taken and whose answer was lost.
  const logs = new Set(backend.logs.map(({ message }) => message))
  deepStrictEqual([logs.size, sent.logs.every((line) => logs.has(line))], [sent.logs.length, true])
  // Traces: those that are chosen by their id, and those that failed; and statistics of all.
  const traces = new Map(backend.otlpSpans.map((span) => [span.traceId, span]))
  ok(sent.traces.filter(isKept).every((id) => traces.has(id)))
  ok([...traces.values()].every(({ traceId, status }) => status === 2 || isKept(traceId)))
  // A request of statistics whose answer was lost has been counted twice by this double, and once by series of which the last value stays.
  strictEqual(backend.series.total('traces.span.sdk.metrics.duration'), sent.traces.length)
  for (const name of INSTANCES) {
    strictEqual(backend.series.total('jobs', `service.instance.id:${name}`), done.get(name), name)
    strictEqual(backend.series.total('job.duration', `service.instance.id:${name}`), done.get(name), name)
  }
  t.diagnostic(
    `${sent.traces.length} traces, ${traces.size} kept, ${sent.logs.length} logs; answers: ${[...backend.answers].map(([key, count]) => `${key}: ${count}`).join(', ')}; ${refused} requests were not taken`
  )
})

interface Job {
  done: number
  readonly seconds: number[]
  sum: number
  readonly startMs: number
}

/** How many jobs were done. */
function work(job: Job, random: () => number): number {
  const seconds = [0.05, 0.5, 5, 50]
  const count = Math.floor(random() * 20)
  for (let i = 0; i < count; i++) {
    const at = Math.floor(random() * 4)
    job.done++
    job.seconds[at]++
    job.sum += seconds[at]
  }
  return count
}

function makeMetrics(name: string, { done, seconds, sum, startMs }: Job): Tree {
  const times = { startTimeUnixNano: nano(startMs), timeUnixNano: nano(Date.now()) }
  return {
    resource: { attributes: [...RESOURCE.attributes, text('service.instance.id', name)] },
    scopeMetrics: [
      {
        metrics: [
          { name: 'jobs', sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [{ ...times, asInt: done }] } },
          {
            name: 'job.duration',
            histogram: {
              aggregationTemporality: 2,
              dataPoints: [{ ...times, count: done, sum, bucketCounts: seconds, explicitBounds: BOUNDS }]
            }
          },
          { name: 'queue.depth', gauge: { dataPoints: [{ ...times, asInt: done % 7 }] } }
        ]
      }
    ]
  }
}

function makeSpan(failed: boolean): Tree {
  return {
    traceId: randomBytes(16),
    spanId: randomBytes(8),
    name: 'GET /voices',
    kind: 2,
    startTimeUnixNano: nano(Date.now() - 50),
    endTimeUnixNano: nano(Date.now()),
    attributes: [text('http.request.method', 'GET'), text('http.route', '/voices')],
    ...(failed && { status: { code: 2 } })
  }
}

const makeLog = (line: string): Tree => ({ timeUnixNano: nano(Date.now()), severityNumber: 9, body: { stringValue: line } })

/** The same numbers from 0 to 1 for the same seed. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}
