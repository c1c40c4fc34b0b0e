import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { components } from '../../src/components.ts'
import { check } from '../../src/config/check.ts'
import { loadSettings } from '../../src/inject/settings.ts'
import { exampleValues } from '../support/chart-examples.ts'
import { startGateway, until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { BACKEND, CHART, environmentOf, NAMESPACE, ofKind, only, type Rendered, render, violations, workloadsOf } from './chart.ts'
import { KUBERNETES_MINORS, kubernetesParts } from './kubernetes-parts.ts'
import { kubernetesSchemas } from './kubernetes-schemas.ts'
import { startTaker } from './kubernetes-takes.ts'

const COMBINATIONS = Number(process.env.SLUICE_CHART_COMBINATIONS ?? 40)
const SEED = Number(process.env.SLUICE_CHART_SEED ?? Date.now() % 1_000_000)

const { skip, parts } = await kubernetesParts('helm')
const helm = parts?.helm ?? ''
const schemas = await kubernetesSchemas()

const MODES: Readonly<Record<string, object>> = {
  'the presets': {},
  injector: only('injector'),
  daemonset: only('daemonset'),
  gateway: { ...only('gateway'), ...BACKEND },
  'all three': { gateway: { enabled: true }, ...BACKEND }
}

/** Holds objects to everything that is asked of them. */
async function fine(objects: readonly Rendered[], words: string): Promise<void> {
  deepStrictEqual(violations(objects), [], words)
  if (schemas.validate !== null)
    for (const minor of KUBERNETES_MINORS)
      for (const object of objects)
        deepStrictEqual(schemas.validate(object, minor), [], `${words}: ${object.kind} ${object.metadata.name}, ${minor}`)
  const dir = temporaryDirectory()
  for (const workload of workloadsOf(objects)) {
    const map = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === workload.metadata.name)
    for (const [name, text] of Object.entries(map?.data as Record<string, string>)) {
      const file = join(dir, name)
      await writeFile(file, text)
      if (name === 'inject.yaml') {
        const { sidecar } = await loadSettings(file)
        await writeFile(file, JSON.stringify(sidecar.config))
        strictEqual((await check({ file, env: {}, definitions: components, output: 'json' })).stderr, '', words)
      } else {
        const env = environmentOf(workload)
        const { code, stderr, stdout } = await check({ file, env, definitions: components, output: 'json' })
        deepStrictEqual([code, stderr], [0, ''], `${words}: ${stdout.slice(0, 500)}\n${text}`)
      }
    }
  }
}

for (const [name, values] of Object.entries(MODES)) {
  test(`${name}: helm lint --strict finds nothing, and what is rendered is fine`, { skip, timeout: 300_000 }, async (t) => {
    if (schemas.skip !== false) t.diagnostic(`not held to the schemas of Kubernetes: ${schemas.skip}`)
    const dir = temporaryDirectory()
    await writeFile(join(dir, 'values.json'), JSON.stringify(values))
    const { stdout } = await promisify(execFile)(helm, ['lint', '--strict', CHART, '--values', join(dir, 'values.json')])
    match(stdout, /1 chart\(s\) linted, 0 chart\(s\) failed/)
    const { objects, failure } = await render(helm, values)
    strictEqual(failure, '')
    ok(workloadsOf(objects).length > 0)
    await fine(objects, name)
    deepStrictEqual((await render(helm, values)).objects, objects)
  })
}

test('the policy finds what is wrong', { skip, timeout: 120_000 }, async () => {
  const { objects } = await render(helm, { gateway: { enabled: true }, ...BACKEND })
  // biome-ignore lint/suspicious/noExplicitAny: manifests are changed at will
  const f = (kind: string, change: (object: any) => unknown, words: string): void => {
    const changed = structuredClone(objects)
    change(ofKind(changed, kind)[0])
    ok(
      violations(changed).some((line) => line.includes(words)),
      `${kind}: ${words}: ${violations(changed)}`
    )
  }
  f('Deployment', ({ spec }) => (spec.template.spec.containers[0].image = 'sluice:latest'), 'image sluice:latest')
  f('Deployment', ({ spec }) => (spec.template.spec.containers[0].image = 'sluice'), 'image sluice')
  f('Deployment', ({ spec }) => (spec.template.spec.securityContext.runAsUser = 0), 'root')
  f('Deployment', ({ spec }) => spec.template.spec.volumes.push({ name: 'node', hostPath: { path: '/' } }), 'volume node')
  f('Deployment', ({ spec }) => (spec.template.spec.containers[0].securityContext.capabilities.add = ['SYSLOG']), 'capabilities')
  f('DaemonSet', ({ spec }) => (spec.template.spec.containers[0].securityContext.privileged = true), 'privileges')
  f('DaemonSet', ({ spec }) => delete spec.template.spec.containers[0].volumeMounts[2].readOnly, 'may be written')
  f('DaemonSet', ({ spec }) => delete spec.template.metadata.annotations['checksum/config'], 'roll')
  f('StatefulSet', ({ spec }) => delete spec.template.spec.containers[0].livenessProbe, 'livenessProbe')
  f('StatefulSet', ({ spec }) => delete spec.template.spec.containers[0].resources.limits, 'resources')
  f('StatefulSet', ({ spec }) => spec.template.spec.containers[0].env.push({ name: 'DD_API_KEY', value: 'x' }), 'DD_API_KEY')
  f('StatefulSet', ({ spec }) => (spec.template.spec.automountServiceAccountToken = true), 'token')
  f('Secret', (secret) => (secret.stringData = { key: 'x' }), 'a secret')
  f('Role', ({ rules }) => (rules[0].verbs = ['*']), 'too wide')
  f('ClusterRole', ({ rules }) => (rules[0].resources = ['*']), 'too wide')
  f('ServiceAccount', (account) => delete account.automountServiceAccountToken, 'its token')
})

test('the examples of the page render what is fine', { skip, timeout: 300_000 }, async () => {
  for (const [i, values] of exampleValues().entries()) {
    const { objects, failure } = await render(helm, values)
    strictEqual(failure, '')
    await fine(objects, `example ${i}`)
  }
})

const HELMS = { 'app.kubernetes.io/managed-by': 'Helm' }

/** Choices for values that go together with all others of this list, as path and values. */
const CHOICES: readonly (readonly [path: string, ...values: unknown[]])[] = [
  ['fullnameOverride', '', 'obs', 'a-name-that-is-much-too-long-for-what-kubernetes-takes-as-one'],
  ['commonLabels', {}, { team: 'platform' }],
  ['commonAnnotations', {}, { 'example.com/owner': 'platform' }],
  ['image.digest', '', `sha256:${'0f'.repeat(32)}`],
  ['imagePullSecrets', [], [{ name: 'registry' }]],
  ['listenHost', '', '0.0.0.0'],
  ['backends.sentry', {}, { enabled: true, dsnSecret: { name: 'sentry' } }],
  ['backends.datadog', {}, { enabled: true, apiKeySecret: { name: 'datadog', key: 'key' }, site: 'datadoghq.eu' }],
  ['backends.otlp.headersSecret', {}, { name: 'otlp', key: 'headers' }],
  ['injector.sendTo', 'auto', 'backends'],
  ['injector.replicas', 2, 3],
  ['injector.sidecar.config', {}, { processors: { sample: { traces: '50%' } }, receivers: { logs: { tcp: false } } }],
  ['injector.sidecar.profiles', {}, { batch: { queue: { ageMax: '1h' } } }],
  ['injector.sidecar.gpu', 'node', false],
  ['injector.sidecar.resources', {}, { cpu: 1, memory: '512Mi' }],
  ['injector.server', {}, { requestMax: '4MiB', tls: { lifetime: '30d' } }],
  ['injector.webhook', {}, { failurePolicy: 'Fail', timeoutSeconds: 10, byAnnotation: false, excludeNamespaces: [] }],
  ['injector.certificates', {}, { source: 'cert-manager' }, { source: 'secret', secret: { name: 'tls', caBundle: 'QUJD' } }],
  ['injector', {}, { hostNetwork: true, ports: { webhook: 18443, admin: 19464 } }],
  ['injector.podDisruptionBudget', {}, { minAvailable: 1, maxUnavailable: '' }, { enabled: false }],
  ['daemonset.config', {}, { processors: { sample: 'off' }, exporters: { 'otlp/second': { endpoint: 'http://other:4318' } } }],
  ['daemonset.ports.logsTcp.enabled', false, true],
  ['daemonset.ports.syslog', {}, { enabled: true, port: 514 }],
  ['daemonset.ports.fluent.enabled', false, true],
  ['daemonset.ports.datadogAgent.enabled', false, true],
  ['daemonset.ports.dogstatsd', {}, { enabled: true, hostPort: false }],
  ['daemonset.ports.otlpGrpc.enabled', true, false],
  ['daemonset.hostNetwork', false, true],
  ['daemonset.service.enabled', true, false],
  ['daemonset.gpu', {}, { enabled: false }, { asVolume: true }, { runtimeClassName: 'nvidia', hostPid: true }],
  ['daemonset.pods.access', 'auto', 'kubelet', 'api', 'proxy'],
  ['daemonset.pods.insecureKubelet', false, true],
  ['daemonset.factsTokenSecret.name', '', 'facts'],
  ['daemonset.podLogs', {}, { enabled: true, exclude: ['/var/log/pods/kube-system_*/**'], linkTargets: ['/var/lib/docker/containers'] }],
  ['daemonset.kernelLog.enabled', false, true],
  ['daemonset.queue', {}, { type: 'emptyDir', sizeMax: '1GiB', emptyDirSizeLimit: '2Gi' }, { type: 'memory', sizeMax: '128MiB' }],
  ['daemonset.updateStrategy.type', 'RollingUpdate', 'OnDelete'],
  ['daemonset.priorityClass.create', true, false],
  ['daemonset.priorityClassName', '', 'system-node-critical'],
  ['daemonset.nodeSelector', {}, { 'nvidia.com/gpu.present': 'true' }],
  [
    'daemonset.extraEnv',
    [],
    [
      { name: 'HTTPS_PROXY', value: 'http://proxy:3128' },
      { name: 'OTEL_RESOURCE_ATTRIBUTES', value: 'a=b' }
    ]
  ],
  ['daemonset.serviceAccount.create', true, false],
  ['gateway.probes', {}, { readinessProbe: { httpGet: { path: '/readyz' } }, livenessProbe: { periodSeconds: 30 } }],
  ['gateway.dnsConfig', {}, { options: [{ name: 'ndots', value: '2' }] }],
  ['extraObjects', [], [{ apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'limits', labels: HELMS }, spec: { limits: [] } }]],
  ['gateway.replicas', 2, 5],
  ['gateway.config', {}, { processors: { derive: true }, queue: { ageMax: '24h' } }],
  ['gateway.ports.otlpGrpc', 4317, 0],
  ['gateway.extraPorts', [], [{ name: 'syslog', port: 5514, protocol: 'UDP' }]],
  ['gateway.service', {}, { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.0/8'], trafficDistribution: 'PreferClose' }],
  [
    'gateway.tls',
    {},
    { existingSecret: 'gateway-tls', privateAuthority: false },
    { existingSecret: 'tls', requireClientCertificate: true, privateAuthority: false }
  ],
  ['gateway.persistence', {}, { enabled: false }, { storageClassName: 'fast', size: '100Gi' }],
  ['gateway.autoscaling', {}, { enabled: true, minReplicas: 3, maxReplicas: 9, targetMemoryUtilizationPercentage: 80 }],
  ['gateway.affinity', {}, { nodeAffinity: {} }],
  ['gateway.topologySpreadConstraints', [], [{ maxSkew: 2, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }]],
  ['networkPolicy', {}, { enabled: false }, { from: [{ namespaceSelector: {} }], metricsFrom: [{ podSelector: {} }] }],
  [
    'monitoring.podMonitor',
    {},
    { enabled: true, labels: { release: 'prometheus' }, namespace: 'monitoring', relabelings: [{ action: 'labeldrop', regex: 'pod' }] }
  ],
  ['monitoring.rules', {}, { enabled: true, labels: { release: 'prometheus' } }, { enabled: true, include: ['gateway', 'gpu'] }],
  ['monitoring.dashboards', {}, { enabled: true, annotations: { grafana_folder: 'Sluice' } }],
  [
    'monitoring.reports',
    {},
    { enabled: true, prometheus: { url: 'http://prometheus:9090/prometheus' }, schedule: { month: '' }, gpuPrice: 3 },
    {
      enabled: true,
      prometheus: { url: 'https://prometheus:9090', tokenSecret: { name: 'prometheus' }, caSecret: { name: 'ca' } },
      slackWebhookSecret: { name: 'slack' },
      mail: {
        to: ['ops@example.com'],
        from: 'sluice@example.com',
        smtp: 'smtps://mail:465',
        user: 'sluice',
        passwordSecret: { name: 'mail' }
      }
    }
  ]
]

test(`${COMBINATIONS} combinations of values render what is fine`, { skip, timeout: 900_000 }, async (t) => {
  t.diagnostic(`SLUICE_CHART_SEED=${SEED}`)
  const { attempt, skip: noApiServer } = await startTaker(t, [NAMESPACE, 'monitoring'])
  if (noApiServer !== false) t.diagnostic(`not shown to an API server: ${noApiServer}`)
  const random = randomFrom(SEED)
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]
  for (let i = 0; i < COMBINATIONS; i++) {
    const values: Record<string, unknown> = structuredClone(BACKEND)
    const modes = 1 + Math.floor(random() * 7)
    for (const [bit, mode] of ['injector', 'daemonset', 'gateway'].entries()) put(values, `${mode}.enabled`, (modes & (1 << bit)) !== 0)
    for (const [path, ...choices] of CHOICES) put(values, path, pick(choices))
    const kubeVersion = pick(['v1.28.3', 'v1.33.1', 'v1.35.0', 'v1.37.2'])
    const words = `combination ${i} of seed ${SEED} on ${kubeVersion}: ${JSON.stringify(values)}`
    const { objects, failure } = await render(helm, values, kubeVersion)
    strictEqual(failure, '', words)
    await fine(objects, words)
    if (attempt !== null) {
      for (const object of objects) {
        const { status, body } = await attempt(object)
        ok(status < 300, `${words}: ${object.kind} ${object.metadata.name}: ${body.message}`)
      }
    }
  }
})

test('what a pod sends to its node goes through the gateway in the middle to the backend', { skip, timeout: 120_000 }, async (t) => {
  const backend = await OtlpBackend.start(t)
  const { objects } = await render(helm, { gateway: { enabled: true }, ...BACKEND })
  // The configuration and the variables that the chart gives to a pod, in this process's place: its addresses and its directory are ours.
  const start = (workload: Rendered, endpoint: string) => {
    const map = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === workload.metadata.name)!
    const yaml = map.data['sluice.yaml']
      .replace(/: :\d+$/gm, ': 127.0.0.1:0')
      .replace('dir: /var/lib/sluice', `dir: ${temporaryDirectory()}`)
    return startGateway(t, { yaml, env: { ...environmentOf(workload), OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } })
  }
  const middle = await start(ofKind(objects, 'StatefulSet')[0], backend.url)
  const node = await start(ofKind(objects, 'DaemonSet')[0], middle.http)
  const span = {
    ...{ traceId: '5b8efff798038103d269b633813fc60c', spanId: 'eee19b7ec3c1b174', name: 'dub', kind: 1, status: { code: 2 } },
    ...{ startTimeUnixNano: '1700000000000000000', endTimeUnixNano: '1700000002500000000' }
  }
  const sent = await fetch(`${node.http}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] })
  })
  strictEqual(sent.status, 200)
  await until(
    async () => backend.records('traces'),
    (spans) => spans.length === 1
  )
  for (const gateway of [node, middle]) {
    strictEqual((await fetch(`${gateway.admin}/healthz`)).status, 200)
    strictEqual(await gateway.end('SIGTERM'), 0)
  }
  deepStrictEqual(backend.violations, [])
})

function put(values: Record<string, unknown>, path: string, value: unknown): void {
  const steps = path.split('.')
  let inside = values
  for (const step of steps.slice(0, -1)) {
    inside[step] ??= {}
    inside = inside[step] as Record<string, unknown>
  }
  const last = steps.at(-1)!
  const there = inside[last]
  const both = typeof there === 'object' && typeof value === 'object' && !Array.isArray(value)
  inside[last] = both ? { ...there, ...value } : value
}

// Mulberry32: small, and the same for the same seed everywhere.
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
