import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { GpuDevice } from '../../src/facts/facts.ts'
import { INJECTOR_METRICS } from '../../src/monitoring/metrics/injector.ts'
import { METRICS } from '../../src/monitoring/metrics.ts'
import { Collector } from '../../src/receivers/gpu/collector.ts'
import { podOfDeployment, review } from '../support/admission-reviews.ts'
import { startGateway, until } from '../support/gateway-process.ts'
import { factsOf } from '../support/gpu-facts.ts'
import { startInjector } from '../support/injector.ts'
import {
  CONFIGURATION_PATH,
  configuration,
  emptySecret,
  KubeApi,
  LEAST_RIGHTS,
  NAMESPACE_RIGHTS,
  SECRET_PATH
} from '../support/kube-api.ts'
import { toProtobuf } from '../support/otlp-message.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const SRC = join(import.meta.dirname, '..', '..', 'src')
const GPU = 'GPU-5fd4f087-86f3-7a43-b711-4771313afc50'

const keyValues = (given: Record<string, string>) => Object.entries(given).map(([key, stringValue]) => ({ key, value: { stringValue } }))

/** A GPU of which everything is known that can be, as if every driver had told its part. */
function everything(): Buffer {
  const numbers = new Proxy({}, { get: () => 1 })
  const owner = { namespace: 'dubbing', pod: 'w-1', podUid: 'u-1', container: 'worker' }
  const atMs = Date.now()
  const whole = {
    utilization: 1,
    memoryUtilization: 1,
    encoderUtilization: 1,
    decoderUtilization: 1,
    memoryUsedBytes: 1,
    memoryReservedBytes: 1
  }
  const state = {
    memoryFreeBytes: 1,
    temperature: 1,
    memoryTemperature: 1,
    powerWatts: 1,
    powerLimitWatts: 1,
    smClockHz: 1,
    memoryClockHz: 1
  }
  const sample = { ...whole, ...state, fanSpeed: 1, performanceState: 0, throttleReasons: ['hw_thermal_slowdown'], more: numbers, atMs }
  const device: Partial<GpuDevice> = { pciBusId: '0000:9b:00.0', serial: '1' }
  const pod = {
    byPid: () => ({
      'k8s.namespace.name': 'dubbing',
      'k8s.pod.name': 'w-1',
      'k8s.pod.uid': 'u-1',
      'k8s.container.name': 'worker',
      'container.id': 'c'
    })
  }
  const processes = [{ pid: 1, name: 'python3', memoryUsedBytes: 1 }]
  const mig = { parent: GPU, gpuInstanceId: 1, computeInstanceId: 0, profile: '1g.10gb' }
  const facts = factsOf(
    [
      { uuid: GPU, owners: [owner], device, samples: [{ ...sample, processes }] },
      { uuid: 'MIG-1', device: { mig }, samples: [{ atMs, memoryUsedBytes: 1 }] }
    ],
    { pod }
  )
  return Buffer.from(new Collector(facts, { dcgm: 'off', resource: {} }).collect(atMs)?.bytes ?? [])
}

/** A span for each of the shipped rules. */
function spans(): Buffer {
  const nowNano = BigInt(Date.now()) * 1_000_000n
  const of = (kind: number, attributes: Record<string, string>, i: number) => ({
    traceId: Buffer.alloc(16, i + 1),
    spanId: Buffer.alloc(8, i + 1),
    name: 'work',
    kind,
    startTimeUnixNano: nowNano - 1_000_000_000n,
    endTimeUnixNano: nowNano,
    attributes: keyValues(attributes),
    status: { code: 2 }
  })
  const list = [
    of(2, { 'http.request.method': 'GET', 'http.route': '/', 'http.response.status_code': '200' }, 0),
    of(3, { 'http.request.method': 'GET', 'server.address': 'a', 'http.response.status_code': '200' }, 1),
    of(1, { 'job.stage': 'tts', 'model.name': 'xtts', 'user.tier': 'pro', 'hw.id': GPU }, 2),
    of(3, { 'db.system.name': 'postgresql', 'db.operation.name': 'SELECT' }, 3),
    of(3, { 'rpc.system.name': 'grpc', 'rpc.service': 's', 'rpc.method': 'm', 'rpc.response.status_code': '0' }, 4),
    of(5, { 'messaging.system': 'redis', 'messaging.destination.name': 'tts', 'messaging.operation.type': 'process' }, 5)
  ]
  const resource = { attributes: keyValues({ 'service.name': 'worker' }) }
  return Buffer.from(toProtobuf('traces', { resourceSpans: [{ resource, scopeSpans: [{ spans: list }] }] }))
}

interface Shown {
  readonly type: string
  readonly labels: Set<string>
}

/** Each metric of the page, and the labels that its samples have. */
async function shownBy(admin: string): Promise<Map<string, Shown>> {
  const shown = new Map<string, Shown>()
  for (const line of (await (await fetch(`${admin}/metrics`)).text()).split('\n')) {
    const [, name, type] = /^# TYPE (\S+) (\S+)/.exec(line) ?? []
    if (name !== undefined) shown.set(name, { type, labels: new Set() })
    const [, sample, labels = ''] = /^([\w:]+)\{(.*)\} /.exec(line) ?? []
    const metric = shown.get(sample) ?? shown.get(sample?.replace(/_(?:bucket|sum|count)$/, '') ?? '')
    for (const [, label] of labels.matchAll(/(\w+)="/g)) metric?.labels.add(label)
  }
  return shown
}

// In the page since its first event only, or where a source is at hand that a test cannot have: then it must at least stand in the source.
function isInSource(name: string): boolean {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.startsWith('monitoring')
  )
  return files.some((file) => readFileSync(join(SRC, file), 'utf8').includes(`'${name}'`))
}

test('what rules and boards ask for is what /metrics shows, by name, type and labels', async (t) => {
  const dir = temporaryDirectory()
  writeFileSync(join(dir, 'kern.log'), '')
  const gateway = await startGateway(t, {
    yaml: `
receivers: { datadog: off, logs: { tcp: 127.0.0.1:0, syslog: off, fluent: off }, otlp: { http: 127.0.0.1:0, grpc: off }, kernel: { path: ${dir}/kern.log } }
facts: { gpu: { source: nvidia-smi, command: /nowhere/nvidia-smi } }
admin: { listen: 127.0.0.1:0 }
exporters: { otlp: { endpoint: http://127.0.0.1:1 }, sentry: { dsn: "http://key@127.0.0.1:1/2" } }
`
  })
  const send = async (signal: string, body: Buffer, status: number): Promise<void> => {
    const headers = { 'content-type': 'application/x-protobuf' }
    strictEqual((await fetch(`${gateway.http}/v1/${signal}`, { method: 'POST', body, headers })).status, status)
  }
  await send('metrics', everything(), 200)
  await send('traces', spans(), 200)
  await send('traces', Buffer.from('no protobuf'), 400)
  const shown = await until(
    () => shownBy(gateway.admin),
    (seen) => seen.has('http_requests_total') && seen.has('hw_status')
  )
  const asked = METRICS.filter(({ from }) => from !== 'platform')
  ok(asked.length > 130)
  const missing = asked.filter(({ name }) => !shown.has(name) && !isInSource(name)).map(({ name }) => name)
  // GPU cost needs a GPU that the gateway itself sees; test/scenarios/gpu-join.test.ts has one.
  deepStrictEqual(missing, [])
  for (const { name, type, labels, from } of asked) {
    const found = shown.get(name)
    if (found === undefined || found.labels.size === 0) continue
    strictEqual(type, found.type, name)
    const known = new Set([...labels, 'job', 'instance', 'le'])
    const unknown = [...found.labels].filter((label) => !known.has(label) && !label.startsWith('otel_scope_') && name !== 'target_info')
    deepStrictEqual(unknown, [], name)
    if (from === 'gateway') continue
    // Instances of a GPU have some of their own.
    const promised = ['job', 'instance', ...labels].filter((label) => !label.startsWith('gpu_mig_') && label !== 'hw_parent')
    deepStrictEqual(
      promised.filter((label) => !found.labels.has(label)),
      [],
      name
    )
  }
})

test('what rules and boards ask of the injector is what its page shows, and all that it shows is known', async (t) => {
  const api = await KubeApi.start(t)
  api.put(SECRET_PATH, emptySecret())
  api.put(CONFIGURATION_PATH, configuration())
  api.renewToken('token-2', [...LEAST_RIGHTS, ...NAMESPACE_RIGHTS])
  const { injector, call } = await startInjector(t, { api, webhook: { namespacesByAnnotation: true } })
  strictEqual((await call(review(podOfDeployment()))).status, 200)
  strictEqual((await call('no review')).status, 400)
  // An unknown path.
  const address = injector.addresses()
  const shown = await until(
    async () => {
      await call(review(podOfDeployment()), { path: '/nowhere' })
      return shownBy(`http://${address.admin}`)
    },
    (seen) => seen.has('sluice_inject_connection_events_total') && seen.has('sluice_inject_annotated_namespaces')
  )
  deepStrictEqual(
    INJECTOR_METRICS.map(({ name }) => name).filter((name) => !shown.has(name)),
    []
  )
  const known = new Map(METRICS.map((metric) => [metric.name, metric]))
  for (const [name, { type, labels }] of shown) {
    const metric = known.get(name)
    ok(metric !== undefined, `the catalogue has no ${name}`)
    strictEqual(metric.type, type, name)
    const others = metric.name === 'sluice_build_info' || metric.type === 'histogram' ? ['le'] : []
    deepStrictEqual(
      [...labels].filter((label) => !metric.labels.includes(label) && !others.includes(label)),
      [],
      name
    )
    if (metric.from === 'injector')
      deepStrictEqual(
        metric.labels.filter((label) => !labels.has(label)),
        [],
        name
      )
  }
  ok(shown.get('sluice_build_info')?.labels.has('command'), 'by which rules on gateways leave it out')
})
