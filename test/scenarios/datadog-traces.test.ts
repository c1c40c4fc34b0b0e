// Traces at the doubles of Datadog, sampled, and the hits, errors and latencies of all of them, for each way that statistics go.
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it, type TestContext } from 'node:test'
import { booksOf } from '../support/books.ts'
import { DatadogAgent } from '../support/datadog-agent.ts'
import { DatadogBackend } from '../support/datadog-backend.ts'
import { Durations, type Statistics } from '../support/datadog-statistics.ts'
import { type GatewayProcess, startGateway, until } from '../support/gateway-process.ts'
import { message, request, span } from '../support/otlp-bytes.ts'
import { Secrets } from '../support/secrets.ts'

/** Spans of each test; a million in the long form. */
const SPANS = Number(process.env.DATADOG_SPANS ?? 40_000)
const SPANS_PER_REQUEST = 500
const ROUTES = ['/projects', '/projects/{id}', '/uploads', '/voices']
const SHARES = [0.5, 0.95, 0.99]

/** What Datadog should show of the spans that were sent. */
class Truth {
  readonly hits = new Map<string, number>()
  readonly errors = new Map<string, number>()
  readonly durations = new Map<string, number[]>()

  add(resource: string, isError: boolean, durationNs: number): void {
    this.hits.set(resource, (this.hits.get(resource) ?? 0) + 1)
    if (isError) this.errors.set(resource, (this.errors.get(resource) ?? 0) + 1)
    const known = this.durations.get(resource)
    if (known === undefined) this.durations.set(resource, [durationNs])
    else known.push(durationNs)
  }

  quantile(resource: string, share: number): number {
    const sorted = Float64Array.from(this.durations.get(resource)!).sort()
    return sorted[Math.floor(share * (sorted.length - 1))]
  }
}

const idOf = (what: string, length: number): string => createHash('sha256').update(what).digest('hex').slice(0, length)

// Each trace is a request of its own: a span of a server and, inside, a call of a database. Durations spread over three orders of magnitude.
async function sendTraces(gateway: GatewayProcess, truth: Truth, seed: string): Promise<void> {
  const endMs = Date.now()
  let random = 1
  const next = (): number => {
    random = (random * 48_271) % 2_147_483_647
    return random / 2_147_483_647
  }
  for (let sent = 0; sent < SPANS; sent += SPANS_PER_REQUEST) {
    const spans: Buffer[] = []
    for (let i = 0; i < SPANS_PER_REQUEST; i += 2) {
      const traceId = idOf(`${seed} trace ${sent + i}`, 32)
      const [serverId, clientId] = [idOf(`${traceId} server`, 16), idOf(`${traceId} client`, 16)]
      const route = ROUTES[Math.floor(next() * ROUTES.length)]
      const isError = next() < 0.03
      const duration = Math.round(1e6 * 10 ** (3 * next()))
      const call = Math.round(duration * next() * 0.5) + 1
      const endUnixNano = BigInt(endMs) * 1_000_000n
      const server = { 'http.request.method': 'GET', 'http.route': route, 'http.response.status_code': isError ? '500' : '200' }
      const client = { 'db.system.name': 'postgresql', 'db.query.text': `SELECT * FROM voices WHERE id = ${sent + i}` }
      const times = (ns: number) => ({ startUnixNano: endUnixNano - BigInt(ns), endUnixNano })
      spans.push(
        span({
          traceId,
          spanId: serverId,
          name: `GET ${route}`,
          kind: 2,
          ...times(duration),
          attributes: server,
          ...(isError && { status: 2 })
        }),
        Buffer.concat([
          span({ traceId, spanId: clientId, name: 'SELECT', kind: 3, ...times(call), attributes: client }),
          message(4, Buffer.from(serverId, 'hex'))
        ])
      )
      truth.add(`GET ${route}`, isError, duration)
      truth.add('SELECT * FROM voices WHERE id = ?', false, call)
    }
    const body = Uint8Array.from(
      request(spans, { 'service.name': 'backend', 'deployment.environment.name': 'test', 'service.version': '1.2' })
    )
    const { status } = await fetch(`${gateway.http}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body
    })
    strictEqual(status, 200)
  }
}

const start = (t: TestContext, exporter: string, share = '10%'): Promise<GatewayProcess> =>
  startGateway(t, {
    yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: off } }
admin: { listen: 127.0.0.1:0 }
processors: { derive: off, cost: off, sample: { traces: ${share}, errors: ${share} } }
exporters: { datadog: { apiKey: ${'d'.repeat(32)}, logs: off, metrics: off, ${exporter} } }
`
  })

/** Ends the gateway when all spans are settled; resolves to how many were delivered. */
async function settled(gateway: GatewayProcess): Promise<number> {
  const { delivered } = await until(
    () => booksOf(gateway, 'traces'),
    ({ received, sampledOut, delivered, held }) => received === SPANS && sampledOut + delivered === SPANS && held === 0
  )
  strictEqual(await gateway.end('SIGTERM'), 0)
  return delivered
}

// Hits and errors to the last one; latencies as exact as they are in a sketch or histogram of all spans, sampled or not.
function checkExactly(statistics: Statistics, truth: Truth, told: (durations: readonly number[]) => Durations): void {
  deepStrictEqual(statistics.resources(), [...truth.hits.keys()].sort())
  for (const [resource, hits] of truth.hits) {
    const shown = statistics.of({ resource })
    strictEqual(shown.hits, hits, resource)
    strictEqual(shown.errors, truth.errors.get(resource) ?? 0, resource)
    const whole = told(truth.durations.get(resource)!)
    for (const share of SHARES) {
      const [is, expected] = [shown.all.quantile(share), whole.quantile(share)]
      ok(Math.abs(is / expected - 1) < 0.001, `p${share * 100} of ${resource}: ${is}, of all spans ${expected}`)
    }
  }
}

const GAMMA = 1.01 / 0.99

/** As a sketch with an accuracy of 1 % tells them. */
function asSketch(durations: readonly number[]): Durations {
  const bins = new Durations()
  for (const ns of durations) {
    const low = GAMMA ** Math.floor(Math.log(ns) / Math.log(GAMMA))
    bins.add(low, low * GAMMA, (low * 2 * GAMMA) / (1 + GAMMA), 1)
  }
  return bins
}

describe('traces and their statistics at Datadog', { concurrency: true }, () => {
  it('in the form of its tracers, with statistics for the Agent', { timeout: 240_000 }, async (t) => {
    const agent = await DatadogAgent.start(t)
    const gateway = await start(t, `traces: agent, endpoints: { agent: "${agent.url}" }`)
    const truth = new Truth()
    await sendTraces(gateway, truth, 'agent')
    const delivered = await settled(gateway)
    checkExactly(agent.statistics, truth, asSketch)
    for (const [resource] of truth.hits) {
      for (const share of SHARES) {
        const [is, exact] = [agent.statistics.of({ resource }).all.quantile(share), truth.quantile(resource, share)]
        ok(Math.abs(is / exact - 1) < 0.0101, `p${share * 100} of ${resource}: ${is}, exactly ${exact}`)
      }
    }
    deepStrictEqual(agent.violations, [])
    strictEqual(agent.unprotected, 0)
    strictEqual(agent.spans.length, delivered)
    ok(delivered > SPANS * 0.08 && delivered < SPANS * 0.12, `${delivered} of ${SPANS}`)
    const [row] = agent.statistics.rows
    deepStrictEqual([row.service, row.env], ['backend', 'test'])
    // The names in the statistics are those of the spans.
    deepStrictEqual([...new Set(agent.spans.map(({ resource }) => resource))].sort(), agent.statistics.resources())
    deepStrictEqual(
      [...new Set(agent.spans.map(({ name }) => name))].sort(),
      [...new Set(agent.statistics.rows.map(({ name }) => name))].sort()
    )
  })

  it('by OTLP to the intake, with statistics as histograms', { timeout: 240_000 }, async (t) => {
    const backend = await DatadogBackend.start(t)
    const endpoints = `endpoints: { traces: "${backend.url}/v1/traces", metrics: "${backend.url}/v1/metrics" }`
    const gateway = await start(t, `traces: intake, ${endpoints}`)
    const truth = new Truth()
    await sendTraces(gateway, truth, 'intake')
    const delivered = await settled(gateway)
    deepStrictEqual(backend.violations, [])
    deepStrictEqual(backend.statistics.resources(), [...truth.hits.keys()].sort())
    for (const [resource, hits] of truth.hits) {
      const shown = backend.statistics.of({ resource })
      deepStrictEqual([shown.hits, shown.errors], [hits, truth.errors.get(resource) ?? 0], resource)
      for (const share of SHARES) {
        // The bounds between which the true one lies, but for one that stands at a bound by less than 1 %.
        const [low, high] = shown.all.boundsOf(share)
        const exact = truth.quantile(resource, share)
        ok(exact > low * 0.98 && exact < high * 1.02, `p${share * 100} of ${resource}: from ${low} to ${high}, exactly ${exact}`)
      }
    }
    strictEqual(backend.spans.length, delivered)
    strictEqual(
      backend.headers['otlp-traces']!.every((headers) => headers.compute_stats === undefined),
      true
    )
  })

  it('by OTLP to an Agent, which weighs them', { timeout: 240_000 }, async (t) => {
    const agent = await DatadogAgent.start(t)
    const gateway = await start(t, `traces: agent-otlp, endpoints: { agentOtlp: "${agent.url}" }`)
    const truth = new Truth()
    await sendTraces(gateway, truth, 'weights')
    const delivered = await settled(gateway)
    deepStrictEqual(agent.violations, [])
    strictEqual(agent.spans.length, delivered)
    // Each stands for ten. How many are kept is left to chance, so hits are right on average: here within five deviations.
    ok(Math.abs(agent.statistics.of().hits / (delivered * 10) - 1) < 0.001)
    const traces = SPANS / 2
    ok(Math.abs(agent.statistics.of().hits / SPANS - 1) < 5 * Math.sqrt(0.9 / (0.1 * traces)))
    deepStrictEqual(
      agent.otlpSpans.every(({ attributes }) => attributes['sampling.priority'] === 1),
      true
    )
  })

  it('by OTLP to an Agent, with statistics for its own API', { timeout: 240_000 }, async (t) => {
    const agent = await DatadogAgent.start(t)
    const gateway = await start(t, `traces: agent-otlp, endpoints: { agentOtlp: "${agent.url}", agent: "${agent.url}" }`)
    const truth = new Truth()
    await sendTraces(gateway, truth, 'both')
    await settled(gateway)
    checkExactly(agent.statistics, truth, asSketch)
    deepStrictEqual(agent.violations, [])
    strictEqual(
      agent.otlpSpans.every(({ resource }) => resource['_dd.stats_computed'] === 'true'),
      true
    )
  })

  it('no secret goes along with names', { timeout: 240_000 }, async (t) => {
    const agent = await DatadogAgent.start(t)
    const gateway = await start(t, `traces: agent, endpoints: { agent: "${agent.url}" }`, '100%')
    const secrets = new Secrets(7)
    const planted = [secrets.jwt(), secrets.password(), secrets.password()]
    const now = BigInt(Date.now()) * 1_000_000n
    const times = { startUnixNano: now - 5_000_000n, endUnixNano: now }
    const body = request([
      span({ ...times, spanId: idOf('a', 16), name: `GET /voices?token=${planted[0]}`, kind: 2 }),
      span({
        ...times,
        spanId: idOf('b', 16),
        name: 'login',
        attributes: { 'http.request.method': 'GET', 'http.route': `/login?password=${planted[1]}` }
      }),
      span({
        ...times,
        spanId: idOf('c', 16),
        kind: 3,
        attributes: { 'db.system': 'mysql', 'db.statement': `SELECT 1 WHERE password = '${planted[2]}'` }
      })
    ])
    const headers = { 'content-type': 'application/x-protobuf' }
    strictEqual((await fetch(`${gateway.http}/v1/traces`, { method: 'POST', headers, body: Uint8Array.from(body) })).status, 200)
    await until(
      () => booksOf(gateway, 'traces'),
      ({ delivered }) => delivered === 3
    )
    strictEqual(await gateway.end('SIGTERM'), 0)
    deepStrictEqual([agent.violations, agent.spans.length, agent.statistics.of().hits], [[], 3, 3])
    const shown = JSON.stringify([agent.spans.map(({ name, resource, meta }) => [name, resource, meta]), agent.statistics.rows])
    for (const secret of planted) strictEqual(shown.includes(secret), false)
    // Spans and statistics are still of the same names.
    deepStrictEqual(agent.spans.map(({ resource }) => resource).sort(), agent.statistics.resources())
  })
})
