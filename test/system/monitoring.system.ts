import { deepStrictEqual, ok } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { FACTOR, scaledRules } from '../monitoring/scaled-rules.ts'
import { type AlertDoubles, startAlertDoubles } from '../support/alert-doubles.ts'
import { type GatewayProcess, startGateway, until } from '../support/gateway-process.ts'
import { skipWithoutRecordings } from '../support/nvidia-smi-recordings.ts'
import { replayMachine } from '../support/nvidia-smi-replay.ts'
import { openStandIn, type StandIn } from '../support/nvidia-smi-stand-in.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { type Tree, toProtobuf } from '../support/otlp-message.ts'
import { SentryBackend } from '../support/sentry-backend.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { ALERTMANAGER, configurationFor, startAlertmanager } from './alertmanager.ts'
import { isHere } from './clients.ts'
import { type Prometheus, startPrometheus } from './prometheus.ts'

const ROUND_MS = 500
const FIRES_WITHIN_MS = 120_000
const ENDS_WITHIN_MS = 120_000
/** How long an incident goes on after its alerts have come, so that others would come, too. */
const LINGER_MS = 4_000

const missing = [...(isHere('prometheus', '--version') ? [] : ['prometheus']), ...(ALERTMANAGER === null ? ['alertmanager'] : [])]
const skip = missing.length > 0 ? `SKIPPED: there is no ${missing.join(', no ')} here` : skipWithoutRecordings

interface Stage {
  readonly gateway: GatewayProcess
  readonly prometheus: Prometheus
  readonly doubles: AlertDoubles
  readonly smi: StandIn
  /** What the platform does in each round of load. */
  readonly load: { failing: number; inferenceSeconds: number }
}

test('incidents of a platform fire exactly their alerts, and those reach whom they concern', { skip, timeout: 900_000 }, async (t) => {
  const { prometheus, doubles, gateway, smi, load, outage } = await stage(t)
  const incident = async (name: string, begin: () => unknown, end: () => unknown, expected: readonly string[]): Promise<void> => {
    const seen = new Set<string>()
    await begin()
    await until(
      async () => {
        for (const alert of await firing(prometheus)) seen.add(alert)
        return [...seen]
      },
      (alerts) => expected.every((alert) => alerts.includes(alert)),
      FIRES_WITHIN_MS
    ).catch((error: Error) => {
      throw new Error(`${name}: ${error.message}`)
    })
    await sleep(LINGER_MS)
    await end()
    await until(
      async () => {
        const now = await firing(prometheus)
        for (const alert of now) seen.add(alert)
        return now
      },
      (alerts) => alerts.length === 0,
      ENDS_WITHIN_MS
    )
    deepStrictEqual([...seen].sort(), [...expected].sort(), name)
  }
  const nothing = (): void => undefined

  await sleep(15_000)
  deepStrictEqual(await firing(prometheus), [], 'all is well')
  // Until its first scrape, Prometheus sees no gateway, and may say so.
  doubles.told.length = 0
  await incident(
    'error burst',
    () => {
      load.failing = 12
    },
    () => {
      load.failing = 0
    },
    ['ErrorsPerMinuteHigh', 'HighErrorRate', 'ServerErrorSeen']
  )
  await incident(
    'slow inference',
    () => {
      load.inferenceSeconds = 15
    },
    () => {
      load.inferenceSeconds = 0.2
    },
    ['InferenceSlow']
  )
  await incident('GPU out of memory', () => sendOutOfMemory(gateway), nothing, ['GpuOutOfMemory'])
  await incident(
    'stuck nvidia-smi',
    () => smi.set('query-gpu', { hang: 'itself' }),
    () => replayMachine(smi).show('idle', 'idle'),
    ['GpuSmiHung']
  )
  await incident('exporter down', outage.begin, outage.end, ['SluiceExporterFailing'])

  const toldBy = (by: string): string[] =>
    [
      ...new Set(
        doubles.told.filter((each) => each.by === by && !each.resolved).map(({ text }) => /^\[\w+\] (\w+)/.exec(text)?.[1] ?? text)
      )
    ].sort()
  const warnings = ['ErrorsPerMinuteHigh', 'GpuSmiHung', 'HighErrorRate', 'InferenceSlow', 'SluiceExporterFailing']
  await until(
    () => doubles.told.some(({ by, resolved }) => by === 'pagerduty' && resolved),
    (isResolved) => isResolved
  )
  deepStrictEqual(toldBy('pagerduty'), ['GpuOutOfMemory'])
  deepStrictEqual(toldBy('slack'), [...warnings, 'GpuOutOfMemory'].sort())
  deepStrictEqual(toldBy('mail'), [...warnings, 'ServerErrorSeen'].sort())
  deepStrictEqual(doubles.violations, [])
})

async function firing({ get }: Prometheus): Promise<string[]> {
  const { alerts } = (await get('alerts')) as { alerts: { state: string; labels: { alertname: string } }[] }
  return [...new Set(alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname))]
}

/** A gateway under load with two idle GPUs, a Prometheus with the rules, a minute of which is a second, and an Alertmanager that tells the doubles. */
async function stage(t: TestContext): Promise<Stage & { outage: { begin: () => Promise<void>; end: () => Promise<void> } }> {
  const dir = temporaryDirectory()
  const smi = openStandIn()
  replayMachine(smi).show('idle', 'idle')
  const [backend, sentry, doubles] = [
    await OtlpBackend.start(t, { countOnly: true }),
    await SentryBackend.start(t),
    await startAlertDoubles(t)
  ]
  const { port } = backend
  const gateway = await startGateway(t, {
    yaml: `
receivers: { logs: off, datadog: off, otlp: { http: 127.0.0.1:0, grpc: off } }
facts: { gpu: { source: nvidia-smi, command: ${smi.command}, interval: 1s, timeout: 1s } }
admin: { listen: 127.0.0.1:0 }
queue: { dir: ${join(dir, 'queue')} }
exporters: { otlp: { endpoint: ${backend.url} }, sentry: { dsn: "${sentry.dsn()}" } }
`
  })
  writeFileSync(join(dir, 'rules.yaml'), scaledRules())
  const alertmanager = await startAlertmanager(t, configurationFor(doubles, FACTOR))
  const prometheus = await startPrometheus(
    t,
    [
      { job_name: 'sluice', honor_labels: true, static_configs: [{ targets: [gateway.admin.replace('http://', '')] }] },
      { job_name: 'api', static_configs: [{ targets: [await startPlatform(t)] }] }
    ],
    {
      global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '500ms' },
      rule_files: [join(dir, 'rules.yaml')],
      alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager] }] }] }
    }
  )
  const load = { failing: 0, inferenceSeconds: 0.2 }
  t.after(startLoad(gateway, load))
  const outage = {
    begin: () => backend.stop(),
    end: async () => void (await OtlpBackend.start(t, { countOnly: true, port }))
  }
  return { gateway, prometheus, doubles, smi, load, outage }
}

/** What Prometheus scrapes besides: an API that is up, with what exporters of a database and of Redis would say. */
async function startPlatform(t: TestContext): Promise<string> {
  const server = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end('pg_up 1\nredis_up 1\n')
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Sends 24 requests and 6 calls of a model every half second, until it is told to stop. */
function startLoad(gateway: GatewayProcess, load: Stage['load']): () => void {
  let sending = Promise.resolve()
  const timer = setInterval(() => {
    const requests = Array.from({ length: 24 }, (_, i) => requestSpan(i < load.failing))
    const calls = Array.from({ length: 6 }, () => span('infer', 1, load.inferenceSeconds, [text('model.name', 'xtts-v2')]))
    sending = sending.then(() => sendSpans(gateway, [...requests, ...calls])).catch(() => undefined)
  }, ROUND_MS)
  return () => clearInterval(timer)
}

const text = (key: string, stringValue: string): Tree => ({ key, value: { stringValue } })

function requestSpan(isFailing: boolean): Tree {
  const attributes = [
    text('http.request.method', 'GET'),
    text('http.route', '/jobs'),
    { key: 'http.response.status_code', value: { intValue: isFailing ? 500 : 200 } }
  ]
  return span('GET /jobs', 2, 0.05, attributes, isFailing ? ['TypeError', 'x is not a function'] : null)
}

function span(name: string, kind: number, seconds: number, attributes: Tree[], error: readonly [string, string] | null = null): Tree {
  const endNano = BigInt(Date.now()) * 1_000_000n
  const events = error === null ? [] : [{ timeUnixNano: endNano, name: 'exception', attributes: exception(...error) }]
  return {
    ...{ traceId: randomBytes(16), spanId: randomBytes(8), name, kind, attributes, events, endTimeUnixNano: endNano },
    startTimeUnixNano: endNano - BigInt(Math.round(seconds * 1000)) * 1_000_000n,
    status: { code: error === null ? 0 : 2 }
  }
}

const exception = (type: string, message: string): Tree[] => [text('exception.type', type), text('exception.message', message)]

const WORKER = { attributes: [text('service.name', 'dubbing')] }

const sendSpans = (gateway: GatewayProcess, spans: Tree[]): Promise<void> =>
  send(gateway, 'traces', { resourceSpans: [{ resource: WORKER, scopeSpans: [{ spans }] }] })

/** One line in the log of a worker. */
async function sendOutOfMemory(gateway: GatewayProcess): Promise<void> {
  const attributes = exception('torch.OutOfMemoryError', 'CUDA out of memory. Tried to allocate 20.00 MiB.')
  const record = { timeUnixNano: BigInt(Date.now()) * 1_000_000n, severityNumber: 17, body: { stringValue: 'job failed' }, attributes }
  await send(gateway, 'logs', { resourceLogs: [{ resource: WORKER, scopeLogs: [{ logRecords: [record] }] }] })
}

async function send(gateway: GatewayProcess, signal: 'traces' | 'logs', request: Tree): Promise<void> {
  const body = toProtobuf(signal, request)
  const answer = await fetch(`${gateway.http}/v1/${signal}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/x-protobuf' }
  })
  await answer.arrayBuffer()
  ok(answer.ok, `the gateway answered ${answer.status}`)
}
