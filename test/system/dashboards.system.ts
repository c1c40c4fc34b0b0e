import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { PLATFORM_METRICS } from '../../src/monitoring/metrics/platform.ts'
import { podOfDeployment, review } from '../support/admission-reviews.ts'
import { type DashboardModel, filled, labelsOf, readDashboards } from '../support/dashboards.ts'
import { DubbingLoad } from '../support/dubbing-load.ts'
import { type GatewayProcess, scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { startInjector } from '../support/injector.ts'
import { CONFIGURATION_PATH, configuration, emptySecret, KubeApi, SECRET_PATH } from '../support/kube-api.ts'
import { skipWithoutRecordings } from '../support/nvidia-smi-recordings.ts'
import { type Phase, replayMachine } from '../support/nvidia-smi-replay.ts'
import { openStandIn } from '../support/nvidia-smi-stand-in.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { sendPlatformMetrics } from '../support/platform-metrics.ts'
import { PodResources } from '../support/pod-resources.ts'
import { SentryBackend } from '../support/sentry-backend.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { drawDashboard, type PanelData } from '../tools/dashboard-picture.ts'
import { isHere } from './clients.ts'
import { type Prometheus, type Series, startPrometheus } from './prometheus.ts'

/** Longer runs make fuller pictures: with this many seconds, they are drawn anew into docs/dashboards/. */
const PICTURE_SECONDS = Number(process.env.SLUICE_PICTURES ?? 0)
const LOAD_SECONDS = PICTURE_SECONDS || 20
const ROUND_MS = 500
/** Four scrapes, as Grafana has it. */
const SECONDS_OF_RATE = 5
const RATE_INTERVAL = `${SECONDS_OF_RATE}s`
const PICTURES = join(import.meta.dirname, '..', '..', 'docs', 'dashboards')

/** Labels that these recordings cannot give: the recorded processes run in no pod here. */
const WITHOUT_LABELS = new Set(['Model Performance: GPU memory by pod'])

const skip = isHere('prometheus', '--version') ? skipWithoutRecordings : 'SKIPPED: there is no prometheus here'

test('every query of every board finds data in a real Prometheus, and every legend, exemplar and variable what it names', {
  skip,
  timeout: 120_000 + LOAD_SECONDS * 1000
}, async (t) => {
  const { gateway, prometheus } = await stage(t)
  const names = (await prometheus.get('label/__name__/values')) as string[]
  const missing = PLATFORM_METRICS.filter(({ name, type }) => !names.includes(type === 'histogram' ? `${name}_bucket` : name))
  deepStrictEqual(missing, [], 'what the platform sends over OTLP has the names that the catalogue declares')
  const boards = readDashboards()
  ok(boards.size >= 8, `${boards.size} boards`)
  const problems: string[] = []
  for (const [file, board] of boards) {
    const { data, wrong } = await ask(prometheus, board)
    problems.push(...wrong.map((each) => `${board.title}: ${each}`))
    const picture = drawDashboard(board, data)
    if (PICTURE_SECONDS > 0) writeFileSync(join(PICTURES, `${file}.svg`), picture)
  }
  deepStrictEqual(problems, [])
  await sleep(3 * SECONDS_OF_RATE * 1000)
  deepStrictEqual(await strangeNumbers(prometheus, boards), [], 'an idle night')
  for (const [signal, residue] of await scrape(gateway, 'sluice_ledger_residue')) strictEqual(residue, 0, signal)
  strictEqual(await gateway.end('SIGTERM'), 0)
})

/** A platform at work: load, platform metrics, two GPUs, an Xid, a destination that refuses now and then, and a Prometheus that watches. */
async function stage(t: TestContext): Promise<{ gateway: GatewayProcess; prometheus: Prometheus }> {
  const dir = temporaryDirectory()
  const smi = openStandIn()
  const machine = replayMachine(smi)
  machine.show('load', 'idle')
  const resources = new PodResources()
  resources.pods = machine.uuids.map((uuid, i) => ({
    name: ['lip-sync-0', 'tts-0'][i],
    containers: [{ name: 'worker', devices: [{ resourceName: 'nvidia.com/gpu', deviceIds: [uuid] }] }]
  }))
  await resources.listen(join(dir, 'kubelet.sock'))
  t.after(() => resources.close())
  const logs = join(dir, 'logs')
  mkdirSync(logs)
  const kernelLog = join(dir, 'kmsg')
  writeFileSync(kernelLog, '')
  const [backend, sentry] = [await OtlpBackend.start(t), await SentryBackend.start(t)]
  const gateway = await startGateway(t, {
    yaml: `
receivers:
  logs: off
  datadog: off
  otlp: { http: 127.0.0.1:0, grpc: 127.0.0.1:0 }
  kernel: { path: ${kernelLog}, interval: 100ms }
  files: { include: ["${logs}/*.log"], openMax: 16 }
facts: { gpu: { source: nvidia-smi, command: ${smi.command}, interval: 1s, podResources: ${join(dir, 'kubelet.sock')} } }
processors: { cost: { horizon: 6s }, sample: { traces: 50% } }
admin: { listen: 127.0.0.1:0 }
queue: { dir: ${join(dir, 'queue')} }
exporters: { otlp: { endpoint: ${backend.url} }, sentry: { dsn: "${sentry.dsn()}" } }
`
  })
  const injector = await startAsked(t)
  const prometheus = await startPrometheus(t, [
    scrapeOf('sluice', gateway.admin),
    scrapeOf('injector', injector.url),
    scrapeOf('api', await startTarget(t)),
    scrapeOf('frontend', await startTarget(t))
  ])
  const stopMetrics = sendPlatformMetrics(gateway.http)
  await runLoad(gateway, (nth) => {
    injector.round()
    writeLogs(logs, nth)
    machine.show(phaseOf(nth, 24), phaseOf(nth, 38))
    if (nth % 12 === 3) backend.next.push({ status: 400, body: 'no' })
    if (nth % 16 === 4) appendFileSync(kernelLog, `6,${nth},1,-;NVRM: Xid (PCI:0000:83:00): 31, pid=17, name=python, MMU Fault\n`)
  })
  await stopMetrics()
  return { gateway, prometheus }
}

/** An injector that the API server asks, and somebody who is none. */
async function startAsked(t: TestContext): Promise<{ url: string; round: () => void }> {
  const api = await KubeApi.start(t)
  api.put(SECRET_PATH, emptySecret())
  api.put(CONFIGURATION_PATH, configuration())
  const injector = await startInjector(t, { api })
  const round = (): void => void Promise.all([injector.call(review(podOfDeployment())), injector.call('no')]).catch(() => undefined)
  return { url: `http://${injector.injector.addresses().admin}`, round }
}

/** More files than may be open, which are written on. */
function writeLogs(dir: string, nth: number): void {
  for (let i = 0; i < 24; i++) appendFileSync(join(dir, `${i}.log`), `{"level":"info","msg":"line ${nth}"}\n`)
}

const phaseOf = (nth: number, halfLength: number): Phase => (Math.floor(nth / halfLength) % 2 === 0 ? 'load' : 'idle')

const scrapeOf = (job: string, url: string): object => ({
  job_name: job,
  honor_labels: true,
  static_configs: [{ targets: [url.replace('http://', '')], labels: { cluster: 'one', namespace: 'telemetry' } }]
})

/** Something that Prometheus finds up. */
async function startTarget(t: TestContext): Promise<string> {
  const server = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end('target 1\n')
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function runLoad(gateway: GatewayProcess, beside: (nth: number) => void): Promise<void> {
  const load = new DubbingLoad(gateway.http)
  const endMs = Date.now() + LOAD_SECONDS * 1000
  for (let nth = 0; Date.now() < endMs; nth++) {
    const startedMs = Date.now()
    beside(nth)
    await load.round({ errorEvery: nth % 80 > 5 && nth % 80 < 15 ? 12 : 180 })
    // What is no request is refused, and counted.
    if (nth % 5 === 0) await (await fetch(`${gateway.http}/v1/traces`, { method: 'POST', body: 'no' })).arrayBuffer()
    await sleep(Math.max(0, ROUND_MS - (Date.now() - startedMs)))
  }
  await until(
    () => scrape(gateway, 'gpu_energy_joules_total'),
    (found) => sumOf(found) > 0
  )
}

/** Panels that show what is no number, when nothing happens any more. */
async function strangeNumbers(prometheus: Prometheus, boards: ReadonlyMap<string, DashboardModel>): Promise<string[]> {
  const strange: string[] = []
  const end = Math.floor(Date.now() / 1000)
  for (const board of boards.values()) {
    for (const { title, targets = [] } of board.panels) {
      for (const { refId, expr } of targets) {
        const query = encodeURIComponent(filled(expr, board, { __rate_interval: RATE_INTERVAL, __range: RATE_INTERVAL }))
        const { result } = (await prometheus.get(`query_range?query=${query}&start=${end - SECONDS_OF_RATE}&end=${end}&step=1`)) as {
          result: Series[]
        }
        if (result.some(({ values = [] }) => values.some(([, value]) => !Number.isFinite(Number(value)))))
          strange.push(`${board.title}: ${title}, ${refId}`)
      }
    }
  }
  return strange
}

/** Asks all that a board asks, and says what came back and what was wrong with it. */
async function ask(prometheus: Prometheus, board: DashboardModel): Promise<{ data: Map<number, PanelData>; wrong: string[] }> {
  const wrong: string[] = []
  const data = new Map<number, PanelData>()
  const end = Math.floor(Date.now() / 1000)
  const range = { start: end - LOAD_SECONDS, end, step: Math.max(1, Math.round(LOAD_SECONDS / 48)) }
  const given = { __rate_interval: RATE_INTERVAL, __range: `${LOAD_SECONDS}s` }
  for (const panel of board.panels) {
    const answers: PanelData['answers'][number][] = []
    for (const { refId, expr, legendFormat, instant, exemplar } of panel.targets ?? []) {
      const at = `${panel.title}, ${refId}`
      const query = `query=${encodeURIComponent(filled(expr, board, given))}`
      const during = `start=${range.start}&end=${range.end}`
      const { result } = (await prometheus.get(
        instant ? `query?${query}&time=${range.end}` : `query_range?${query}&${during}&step=${range.step}`
      )) as { result: Series[] }
      answers.push({ refId, legend: legendFormat, series: result })
      if (!result.some(hasNumber)) wrong.push(`${at}: no data for ${filled(expr, board, given)}`)
      for (const label of labelsOf(legendFormat)) {
        if (
          result.length > 0 &&
          !WITHOUT_LABELS.has(`${board.title}: ${panel.title}`) &&
          !result.some(({ metric }) => metric[label] !== undefined)
        )
          wrong.push(`${at}: no label ${label} for the legend`)
      }
      if (exemplar) {
        const found = (await prometheus.get(`query_exemplars?${query}&${during}`)) as unknown[]
        if (found.length === 0) wrong.push(`${at}: no exemplar`)
      }
    }
    data.set(panel.id, { range, answers })
  }
  for (const { name, definition } of board.templating.list) {
    const [, selector, label] = /^label_values\((.*), (\w+)\)$/.exec(definition ?? '') ?? []
    if (selector === undefined) continue
    const found = (await prometheus.get(`series?match[]=${encodeURIComponent(filled(selector, board, given))}`)) as Record<string, string>[]
    if (!found.some((series) => series[label] !== undefined)) wrong.push(`variable ${name}: nothing to choose from`)
  }
  return { data, wrong }
}

const hasNumber = ({ value, values }: Series): boolean => (values ?? [value]).some(([, text]) => Number.isFinite(Number(text)))
