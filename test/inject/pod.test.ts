import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import * as yaml from 'yaml'
import { type InjectContext, injectPod } from '../../src/inject/pod.ts'
import { loadSettings, type SidecarSettings } from '../../src/inject/settings.ts'
import { cpuMs } from '../support/cpu-time.ts'
import { applyPatch } from '../support/json-patch.ts'

// biome-ignore lint/suspicious/noExplicitAny: a pod
type Json = any

const { sidecar: presets } = await loadSettings(undefined)
const CONTEXT: InjectContext = { namespaceAsks: false, kubernetesVersion: 'v1.33.1' }
const ASKED = { 'sluice.dev/inject': 'true' }

interface Shape {
  readonly annotations?: Json
  readonly labels?: Json
  readonly metadata?: Json
  readonly spec?: Json
  readonly worker?: Json
}

const podOf = ({ annotations, labels, metadata, spec, worker }: Shape = {}): Json => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'tts-0', namespace: 'dubbing', labels: { ...ASKED, ...labels }, ...(annotations && { annotations }), ...metadata },
  spec: { containers: [{ name: 'worker', image: 'worker:1', ...worker }], ...spec }
})

function injected(pod: Json, settings: Partial<SidecarSettings> = {}, context: Partial<InjectContext> = {}) {
  const { outcome, patch, warnings } = injectPod(pod, { ...presets, ...settings }, { ...CONTEXT, ...context })
  const result = applyPatch(pod, patch)
  const sidecar = [...(result.spec?.initContainers ?? []), ...(result.spec?.containers ?? [])].find(({ name }: Json) => name === 'sluice')
  const text = sidecar?.env?.find(({ name }: Json) => name === 'SLUICE_CONFIG_YAML')?.value
  return {
    outcome,
    patch,
    warnings,
    result,
    sidecar,
    config: text === undefined ? undefined : yaml.parse(text),
    env: envOf(result, 'worker')
  }
}

function envOf(pod: Json, container: string): Record<string, string> {
  const found = [...(pod.spec.initContainers ?? []), ...(pod.spec.containers ?? [])].find(({ name }: Json) => name === container)
  return Object.fromEntries(
    (found?.env ?? []).map(({ name, value, valueFrom }: Json) => [name, value ?? valueFrom?.fieldRef?.fieldPath ?? 'elsewhere'])
  )
}

test('who asks for a sidecar gets one', () => {
  const f = (annotations: Json, labels: Json, namespaceAsks: boolean, expected: string, warnings = 0) => {
    const pod = podOf({ metadata: { labels, annotations } })
    const result = injected(pod, {}, { namespaceAsks })
    strictEqual(result.outcome, expected)
    strictEqual(result.warnings.length, warnings, result.warnings.join())
    if (expected !== 'injected') deepStrictEqual(result.patch, [])
  }
  const [yes, no] = [{ 'sluice.dev/inject': 'true' }, { 'sluice.dev/inject': 'false' }]
  f(undefined, undefined, false, 'not-asked')
  f(yes, undefined, false, 'injected')
  f(undefined, yes, false, 'injected')
  f(undefined, undefined, true, 'injected')
  f(no, undefined, true, 'not-asked')
  f(undefined, no, true, 'not-asked')
  f(yes, no, true, 'not-asked', 1)
  f({ 'sluice.dev/inject': 'yes' }, undefined, true, 'not-asked', 1)
  f({ 'sluice.dev/inject': true }, undefined, false, 'injected')
})

test('pods that cannot have a sidecar are left alone, and it is said why', () => {
  const f = (
    spec: Json,
    metadata: Json,
    said: RegExp | null,
    context: Partial<InjectContext> = {},
    settings: Partial<SidecarSettings> = {}
  ) => {
    const { outcome, patch, warnings } = injected(podOf({ spec, metadata }), settings, context)
    deepStrictEqual([outcome, patch], ['skipped', []])
    if (said === null) deepStrictEqual(warnings, [])
    else match(warnings.join(), said)
  }
  f({ hostNetwork: true }, {}, /hostNetwork/)
  f({ os: { name: 'windows' } }, {}, /Windows/)
  f({ nodeSelector: { 'kubernetes.io/os': 'windows' } }, {}, /Windows/)
  f({}, { annotations: { 'kubernetes.io/config.mirror': 'abc' } }, null)
  f({ containers: [] }, {}, /no containers/)
  f({ restartPolicy: 'Never' }, {}, /before Kubernetes 1\.29/, { kubernetesVersion: 'v1.28.9' })
  f({}, {}, /before Kubernetes 1\.29/, { kubernetesVersion: 'v1.28.9', owner: { kind: 'CronJob', name: 'x' } })
  f({ restartPolicy: 'OnFailure' }, {}, /before Kubernetes 1\.29/, {}, { native: 'never' })
  f({ containers: [{ name: 'sluice', image: 'other' }] }, {}, /none of ours/)
  f(undefined, { ownerReferences: [{ kind: 'Job', name: 'a', controller: true }] }, /before/, { kubernetesVersion: '1.27' })
})

test('the sidecar is the first init container, or a plain one before Kubernetes 1.29', () => {
  const f = (version: string | undefined, native: 'auto' | 'always' | 'never', spec: Json, expected: string[][]) => {
    const { result } = injected(podOf({ spec }), { native }, { kubernetesVersion: version })
    const names = (list: Json) => (list ?? []).map((each: Json) => each.name)
    deepStrictEqual([names(result.spec.initContainers), names(result.spec.containers)], expected)
  }
  const first = { initContainers: [{ name: 'fetch', image: 'a' }] }
  f('v1.29.0', 'auto', {}, [['sluice'], ['worker']])
  f('v1.33.2-gke.100', 'auto', first, [['sluice', 'fetch'], ['worker']])
  f(undefined, 'auto', first, [['sluice', 'fetch'], ['worker']])
  f('v1.28.15', 'auto', first, [['fetch'], ['worker', 'sluice']])
  f('v1.28.15', 'always', first, [['sluice', 'fetch'], ['worker']])
  f('v2.0.0', 'never', {}, [[], ['worker', 'sluice']])
})

test('secrets to pull the image with are those of the pod, and those that it lacks', () => {
  const f = (own: unknown, pullSecrets: string[], expected: unknown): void =>
    deepStrictEqual(injected(podOf({ spec: { imagePullSecrets: own } }), { pullSecrets }).result.spec.imagePullSecrets, expected)
  f(undefined, [], undefined)
  f(undefined, ['mirror'], [{ name: 'mirror' }])
  f([{ name: 'own' }], ['mirror', 'own', 'mirror'], [{ name: 'own' }, { name: 'mirror' }])
  f([{ name: 'mirror' }], ['mirror'], [{ name: 'mirror' }])
})

test('the sidecar fits into a restricted namespace and takes what it takes', () => {
  const { sidecar, result } = injected(podOf())
  deepStrictEqual(sidecar.securityContext, {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    privileged: false,
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    runAsUser: 65532,
    runAsGroup: 65532,
    seccompProfile: { type: 'RuntimeDefault' }
  })
  strictEqual(sidecar.restartPolicy, 'Always')
  deepStrictEqual(sidecar.resources.requests, sidecar.resources.limits)
  strictEqual(sidecar.readinessProbe, undefined)
  deepStrictEqual(sidecar.envFrom, [{ secretRef: { name: 'sluice', optional: true } }])
  deepStrictEqual(sidecar.ports, [{ name: 'sluice-metrics', containerPort: 9464, protocol: 'TCP' }])
  deepStrictEqual(result.spec.volumes, [
    { name: 'sluice-queue', emptyDir: { sizeLimit: '384Mi' } },
    {
      name: 'sluice-podinfo',
      downwardAPI: {
        items: [
          { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
          { path: 'annotations', fieldRef: { fieldPath: 'metadata.annotations' } }
        ]
      }
    }
  ])
  strictEqual(result.metadata.labels['sluice.dev/injected'], 'true')
  strictEqual(injected(podOf(), { startupProbe: 'off' }).sidecar.startupProbe, undefined)
  strictEqual(injected(podOf(), { user: 0 }).sidecar.securityContext.runAsUser, undefined)
})

test('the sidecar takes a part of what the pod is held to as a whole, and brings the rest', () => {
  const f = (spec: Json, expected: Json, worker: Json = {}) => {
    const { resources } = injected(podOf({ spec, worker })).sidecar
    deepStrictEqual(resources, expected && { requests: expected, limits: expected })
  }
  const [cpu, memory] = ['250m', '256Mi']
  f({ resources: {} }, { cpu, memory })
  f({ resources: { limits: { cpu: '4' } } }, { memory })
  f({ resources: { requests: { memory: '1Gi' } } }, { cpu })
  f({ resources: { limits: { cpu: '4', memory: '1Gi' } } }, undefined)
  // The queue's volume counts among what containers write.
  const held = { resources: { limits: { 'ephemeral-storage': '1Gi' } } }
  f({}, { cpu, memory, 'ephemeral-storage': '384Mi' }, held)
  f({ resources: { limits: { cpu: '4', memory: '1Gi' } } }, { 'ephemeral-storage': '384Mi' }, held)
})

test('annotations choose', () => {
  const f = (annotations: Record<string, string>, settings: Partial<SidecarSettings> = {}) => {
    const prefixed = Object.fromEntries(Object.entries(annotations).map(([name, value]) => [`sluice.dev/${name}`, value]))
    const made = injected(podOf({ annotations: prefixed }), settings)
    deepStrictEqual(made.warnings, [])
    return made
  }
  strictEqual(f({ 'sample-traces': '25%' }).config.processors.sample.traces, '25%')
  deepStrictEqual(f({ secret: 'mine', 'secret-optional': 'false' }).sidecar.envFrom, [{ secretRef: { name: 'mine', optional: false } }])
  strictEqual(f({ version: '9.9.9' }).sidecar.image, 'ghcr.io/sluice-telemetry/sluice:9.9.9')
  strictEqual(f({ image: 'ghcr.io/sluice-telemetry/sluice:8.0.0' }).sidecar.image, 'ghcr.io/sluice-telemetry/sluice:8.0.0')
  deepStrictEqual(f({ cpu: '1', memory: '1Gi' }).sidecar.resources.limits, { cpu: '1', memory: '1Gi' })
  const queue = f({ 'queue-size': '1GiB' })
  deepStrictEqual([queue.config.queue.sizeMax, queue.result.spec.volumes[0].emptyDir.sizeLimit], ['1024MiB', '1152Mi'])
  const profiles = { batch: { processors: { sample: { traces: '100%', errors: '50%' } }, exporters: { prometheus: 'off' } } }
  deepStrictEqual(f({ profile: 'batch', 'sample-traces': '5%' }, { profiles }).config.processors.sample, { traces: '5%', errors: '50%' })
  strictEqual(f({ gpu: 'off' }).config.facts.gpu.source, 'off')
  const own = f({ gpu: 'nvidia-smi' })
  strictEqual(own.config.facts.gpu.source, 'nvidia-smi')
  strictEqual(own.sidecar.env.find(({ name }: Json) => name === 'NVIDIA_VISIBLE_DEVICES').value, 'all')
  strictEqual(f({}).sidecar.env.find(({ name }: Json) => name === 'SLUICE_NODE').value, '$(NODE_IP):9465')
  strictEqual(f({ sentry: 'true' }).env.SENTRY_DSN, 'http://sluice@127.0.0.1:4318/1')
  strictEqual(f({ datadog: 'false' }).env.DD_AGENT_HOST, undefined)
  const two = { containers: [{ name: 'worker' }, { name: 'other' }] }
  const chosen = injected(podOf({ spec: two, annotations: { 'sluice.dev/containers': 'other' } }))
  deepStrictEqual([chosen.env, Object.keys(envOf(chosen.result, 'other')).length > 0], [{}, true])
})

test('an annotation that cannot be used is named, and the rest is applied', () => {
  const f = (annotations: Record<string, string>, said: RegExp, settings: Partial<SidecarSettings> = {}) => {
    const prefixed = Object.fromEntries(Object.entries(annotations).map(([name, value]) => [`sluice.dev/${name}`, value]))
    const { outcome, warnings, sidecar, config } = injected(podOf({ annotations: prefixed }), settings)
    strictEqual(outcome, 'injected')
    strictEqual(warnings.length, 1, warnings.join())
    match(warnings[0], said)
    const plain = injected(podOf())
    deepStrictEqual([sidecar.image, sidecar.resources, config], [plain.sidecar.image, plain.sidecar.resources, plain.config])
  }
  f({ 'sample-traces': '200%' }, /^sluice\.dev\/sample-traces: came "200%", expected a share from 0% to 100%; not applied$/)
  f({ profile: 'batch' }, /profile: came "batch", expected no profile/)
  f({ profile: '__proto__' }, /expected one of a, b/, { profiles: { a: {}, b: {} } })
  f({ image: 'evil.example/sluice:1' }, /sluice\.dev\/image: came .*, expected an image like ghcr/)
  f({ image: 'ghcr.io/sluice-telemetry/sluice' }, /image/)
  f({ image: 'ghcr.io/sluice-telemetry/sluice:1@sha256:12' }, /image/)
  f({ image: 'ghcr.io/sluice-telemetry/sluice-evil:1' }, /image/)
  f({ version: '1.0/evil' }, /version/)
  f({ image: 'ghcr.io/sluice-telemetry/sluice:1', version: '2' }, /image and sluice\.dev\/version: came/)
  f({ cpu: '0' }, /cpu/)
  f({ memory: '10Mi' }, /memory: came "10Mi", expected an amount of memory of at least 128Mi/)
  f({ memory: '256MiB' }, /memory/)
  f({ gpu: 'yes' }, /expected node, nvidia-smi or off/)
  f({ secret: 'Not A Name' }, /secret/)
  f({ 'log-directories': 'var/log' }, /absolute/)
  f({ 'log-directories': '/var/../etc' }, /absolute/)
  f({ 'log-directories': '/etc/' }, /none of the system’s own/)
  f({ 'log-directories': '/logs,/proc/self' }, /none of the system’s own/)
  f({ sentry: 'on' }, /true or false/)
  f({ 'sample-trace': '5%' }, /annotation sluice\.dev\/sample-trace is not known; did you mean sluice\.dev\/sample-traces\?/)
  f({ containers: 'wroker' }, /containers: the pod has no wroker/)
})

test('a worker learns where to send, unless it knows', () => {
  const http = 'http://127.0.0.1:4318'
  const f = (env: Json[], expected: Record<string, string | undefined>, more: Json = {}, annotations: Json = {}) => {
    const { env: found, result } = injected(podOf({ worker: { env, ...more }, annotations }))
    const own = Object.keys(expected).filter((name) => name.startsWith('OTEL_EXPORTER'))
    deepStrictEqual(Object.fromEntries(own.map((name) => [name, found[name]])), expected)
    const names = Object.keys(found).filter((name) => name.startsWith('OTEL_EXPORTER'))
    deepStrictEqual(names.sort(), own.filter((name) => expected[name] !== undefined).sort())
    deepStrictEqual(result.spec.containers[0].env.slice(0, env.length), env)
  }
  const literal = (values: Record<string, string>): Json[] => Object.entries(values).map(([name, value]) => ({ name, value }))
  const [E, P] = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_PROTOCOL']
  const own = (values: Record<string, string>, added: Record<string, string>) => f(literal(values), { ...values, ...added })
  own({}, { [E]: http, [P]: 'http/protobuf' })
  own({ [E]: 'http://collector:4318' }, {})
  own({ [P]: 'grpc' }, { [E]: 'http://127.0.0.1:4317' })
  own({ [P]: 'http/json' }, { [E]: http })
  own(
    { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc' },
    { [E]: http, [P]: 'http/protobuf', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4317' }
  )
  own(
    { [P]: 'grpc', OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'http/json' },
    { [E]: 'http://127.0.0.1:4317', OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `${http}/v1/logs` }
  )
  own(
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://jaeger:4317' },
    { [E]: http, OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/protobuf', OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'http/protobuf' }
  )
  f([{ name: E, valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } }], { [E]: 'elsewhere' })
  f([{ name: P, valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } }], { [P]: 'elsewhere' })
  const all = { envFrom: [{ configMapRef: { name: 'settings' } }] }
  f([], {}, all)
  f([], { [E]: http, [P]: 'http/protobuf' }, { envFrom: [{ prefix: 'DB_', secretRef: { name: 'db' } }] })
  f([], { [E]: http, [P]: 'http/protobuf' }, all, { 'sluice.dev/env-from': 'ignore' })
})

test('a worker learns what it is part of, each reference behind what it refers to', () => {
  const f = (shape: Shape, attributes: string, service: string, context: Partial<InjectContext> = {}) => {
    const { env, result } = injected(podOf(shape), {}, context)
    const [, own] = /k8s\.node\.name=\$\(OTEL_RESOURCE_ATTRIBUTES_NODE_NAME\),(.*)$/.exec(env.OTEL_RESOURCE_ATTRIBUTES) ?? []
    deepStrictEqual([own, env.OTEL_SERVICE_NAME], [attributes, service])
    const names = result.spec.containers[0].env.map(({ name }: Json) => name)
    for (const name of ['POD_NAMESPACE', 'POD_NAME', 'POD_UID', 'NODE_NAME'])
      strictEqual(names.indexOf(`OTEL_RESOURCE_ATTRIBUTES_${name}`) < names.indexOf('OTEL_RESOURCE_ATTRIBUTES'), true, name)
  }
  const worker = 'k8s.container.name=worker'
  const owned = (kind: string, name: string, labels = {}) => ({
    metadata: { ownerReferences: [{ kind, name, controller: true, uid: 'u-1' }], labels: { ...ASKED, ...labels } }
  })
  const minutes = Math.floor(Date.now() / 60_000)
  f({}, worker, 'tts-0')
  f(
    owned('ReplicaSet', 'tts-5d4f8', { 'pod-template-hash': '5d4f8' }),
    `k8s.replicaset.name=tts-5d4f8,k8s.replicaset.uid=u-1,k8s.deployment.name=tts,${worker}`,
    'tts'
  )
  f(owned('ReplicaSet', 'tts-5d4f8'), `k8s.replicaset.name=tts-5d4f8,k8s.replicaset.uid=u-1,${worker}`, 'tts-5d4f8')
  f(owned('Job', `nightly-${minutes}`), `k8s.job.name=nightly-${minutes},k8s.job.uid=u-1,k8s.cronjob.name=nightly,${worker}`, 'nightly')
  f(owned('Job', 'migrate-12345678'), `k8s.job.name=migrate-12345678,k8s.job.uid=u-1,${worker}`, 'migrate-12345678')
  f(owned('Rollout', 'x'), worker, 'tts-0')
  f({ metadata: { name: undefined, generateName: 'tts-' } }, worker, '$(OTEL_RESOURCE_ATTRIBUTES_POD_NAME)')
  f({ labels: { 'app.kubernetes.io/name': 'speech' } }, `k8s.job.name=j,${worker}`, 'speech', { owner: { kind: 'Job', name: 'j' } })
  f(
    { labels: { 'app.kubernetes.io/instance': 'eu' }, annotations: { 'resource.opentelemetry.io/service.name': '$(X) $$' } },
    worker,
    '$$(X) $$$'
  )
})

test('what a worker says of itself stays', () => {
  const f = (entry: Json, names: string[]) => {
    const { result } = injected(podOf({ worker: { env: [entry] } }))
    const env = result.spec.containers[0].env
    deepStrictEqual(env[0], entry)
    deepStrictEqual(
      env
        .slice(1)
        .map(({ name }: Json) => name)
        .filter((name: string) => name.startsWith('OTEL_RES') || name === 'OTEL_SERVICE_NAME'),
      names
    )
  }
  const attributes = 'OTEL_RESOURCE_ATTRIBUTES'
  const references = ['POD_NAMESPACE', 'POD_NAME', 'POD_UID', 'NODE_NAME'].map((name) => `${attributes}_${name}`)
  f({ name: attributes, value: 'team=a' }, ['OTEL_SERVICE_NAME'])
  f({ name: attributes, value: 'team=a, service.name=b' }, [])
  f({ name: attributes, value: 'k8s.pod.name=$(POD_NAME)' }, ['OTEL_SERVICE_NAME'])
  f({ name: attributes, value: '$(MORE)' }, [])
  f({ name: attributes, valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } }, [])
  f({ name: 'OTEL_SERVICE_NAME', value: 'mine' }, [...references, attributes])
  f({ name: references[1], value: 'mine' }, [...references.filter((name) => name !== references[1]), attributes, 'OTEL_SERVICE_NAME'])
})

test('ports of the pod stay its own', () => {
  const f = (ports: number[], env: Record<string, string | undefined>, config: Json, settings: Partial<SidecarSettings> = {}) => {
    const made = injected(podOf({ worker: { ports: ports.map((containerPort) => ({ containerPort })) } }), settings)
    deepStrictEqual(Object.fromEntries(Object.keys(env).map((name) => [name, made.env[name]])), env)
    const listeners = { ...settings.config, ...(config === undefined ? {} : { receivers: config }) }
    const plain = injected(podOf(), { ...settings, config: listeners }).config.receivers
    deepStrictEqual(made.config.receivers, plain)
    return made
  }
  const E = 'OTEL_EXPORTER_OTLP_ENDPOINT'
  f([80], { [E]: 'http://127.0.0.1:4318' }, undefined)
  f([4318], { [E]: 'http://127.0.0.1:14318' }, { otlp: { http: '127.0.0.1:14318' } })
  f([4318, 14318, 24318], { [E]: 'http://127.0.0.1:34318' }, { otlp: { http: '127.0.0.1:34318' } })
  f([8125], { DD_AGENT_HOST: '127.0.0.1', DD_DOGSTATSD_URL: 'udp://127.0.0.1:18125' }, { datadog: { dogstatsd: '127.0.0.1:18125' } })
  // An Agent in the pod: its clients stay its own.
  f([8126], { DD_AGENT_HOST: undefined }, { datadog: { agent: '127.0.0.1:18126' } })
  const admin = f([9464], {}, undefined)
  deepStrictEqual([admin.config.admin.listen, admin.sidecar.ports[0].containerPort], [':19464', 19464])
  const off = { config: { receivers: { otlp: { http: 'off' }, datadog: 'off' } } }
  f([], { [E]: undefined, DD_AGENT_HOST: undefined }, off.config.receivers, off)
  f([7], { [E]: 'http://127.0.0.1:7000' }, { otlp: { http: ':7000' } }, { config: { receivers: { otlp: { http: ':7000' } } } })
})

test('ports that only probes and variables tell of stay the pod’s own, too', () => {
  const f = (worker: Json, admin: string, http = '127.0.0.1:4318') => {
    const { config, env } = injected(podOf({ worker }))
    deepStrictEqual([config.admin.listen, env.OTEL_EXPORTER_OTLP_ENDPOINT], [admin, `http://${http}`])
  }
  const exporter = (value: string, port?: string) => ({
    env: [{ name: 'OTEL_METRICS_EXPORTER', value }, ...(port === undefined ? [] : [{ name: 'OTEL_EXPORTER_PROMETHEUS_PORT', value: port }])]
  })
  f({}, ':9464')
  f({ livenessProbe: { httpGet: { port: 9464 } } }, ':19464')
  f({ readinessProbe: { tcpSocket: { port: 4318 } }, startupProbe: { grpc: { port: 9464 } } }, ':19464', '127.0.0.1:14318')
  f({ lifecycle: { preStop: { httpGet: { port: 9464 } } } }, ':19464')
  f({ livenessProbe: { httpGet: { port: 'metrics' } } }, ':9464')
  f(exporter('otlp, prometheus'), ':19464')
  f(exporter('prometheus', '9000'), ':9464')
  f(exporter('otlp'), ':9464')
})

test('Datadog’s clients are led here only where nobody leads them elsewhere', () => {
  const f = (shape: Shape, expected: string[]) =>
    deepStrictEqual(
      Object.keys(injected(podOf(shape)).env).filter((name) => name.startsWith('DD_')),
      expected
    )
  f({}, ['DD_AGENT_HOST', 'DD_TRACE_AGENT_URL', 'DD_DOGSTATSD_URL'])
  f({ worker: { env: [{ name: 'DD_SERVICE', value: 'x' }] } }, ['DD_SERVICE', 'DD_AGENT_HOST', 'DD_TRACE_AGENT_URL', 'DD_DOGSTATSD_URL'])
  f({ worker: { env: [{ name: 'DD_TRACE_AGENT_PORT', value: '1' }] } }, ['DD_TRACE_AGENT_PORT'])
  f({ labels: { 'admission.datadoghq.com/enabled': 'true' } }, [])
})

test('log files are read from a shared volume, or from the one that is there', () => {
  const annotations = { 'sluice.dev/log-directories': '/var/log/app' }
  const { result, sidecar, config, warnings } = injected(
    podOf({
      annotations,
      spec: {
        containers: [
          { name: 'worker' },
          { name: 'other', volumeMounts: [{ name: 'mine', mountPath: '/var/log/app/', subPath: 'x' }] },
          { name: 'third', volumeMounts: [{ name: 'mine', mountPath: '/var/log/app', subPathExpr: '$(A)' }] },
          { name: 'fourth', volumeDevices: [{ name: 'disk', devicePath: '/var/log/app' }] }
        ],
        volumes: [{ name: 'mine', emptyDir: {} }]
      }
    })
  )
  deepStrictEqual(result.spec.containers[0].volumeMounts, [{ name: 'sluice-logs', mountPath: '/var/log/app', subPath: 'worker' }])
  strictEqual(result.spec.containers[1].volumeMounts.length, 1)
  deepStrictEqual(sidecar.volumeMounts.slice(2), [
    { name: 'sluice-logs', mountPath: '/var/log/workers', readOnly: true },
    { name: 'mine', mountPath: '/var/log/volumes/0', readOnly: true, subPath: 'x' }
  ])
  deepStrictEqual(config.receivers.files, { include: ['/var/log/workers/**/*', '/var/log/volumes/**/*'], startAt: 'beginning' })
  deepStrictEqual(
    result.spec.volumes.map(({ name }: Json) => name),
    ['mine', 'sluice-queue', 'sluice-podinfo', 'sluice-logs']
  )
  strictEqual(result.spec.containers[3].volumeMounts, undefined)
  match(warnings.join(), /third is mounted by subPathExpr.*of fourth is a block device/)
})

test('a sidecar that is there is left, and said to be another one', () => {
  const once = injected(podOf())
  deepStrictEqual(injected(once.result).outcome, 'unchanged')
  const later = injected(once.result, { image: 'ghcr.io/sluice-telemetry/sluice:99' })
  deepStrictEqual(later.patch, [])
  match(later.warnings.join(), /has the sidecar ghcr\.io\/sluice-telemetry\/sluice:\S+ already, expected .*:99; it is left as it is/)
})

test('the stop of the sidecar fits into the grace period', () => {
  const f = (grace: number | undefined, expected: string | undefined, config: Json = {}) =>
    strictEqual(injected(podOf({ spec: { terminationGracePeriodSeconds: grace } }), { config }).config.shutdownTimeout, expected)
  f(undefined, '24s')
  f(600, undefined)
  f(10, '8s')
  f(0, '1s')
  f(10, '5s', { shutdownTimeout: '5s' })
})

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: it is what a configuration says
test('dollar signs of the configuration arrive as they were written', () => {
  const config = { exporters: { sentry: { dsn: '${SENTRY_DSN}' } }, processors: { redact: { patterns: ['$(x) $$(y) $${z} a$'] } } }
  const { sidecar } = injected(podOf(), { config })
  const { value } = sidecar.env.find(({ name }: Json) => name === 'SLUICE_CONFIG_YAML')
  // As Kubernetes expands it.
  const text = value.replace(/\$\$|\$\([^)]*\)/g, (all: string) => (all === '$$' ? '$' : ''))
  const { exporters, processors } = yaml.parse(text)
  deepStrictEqual({ exporters, processors }, config)
  deepStrictEqual(injected(injected(podOf(), { config }).result, { config }).patch, [])
})
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: it is what a configuration says

test('a pod of megabytes costs neither time nor memory', () => {
  const f = (pod: Json, outcome: string, warning: RegExp) => {
    let result!: ReturnType<typeof injectPod>
    const tookMs = cpuMs(() => {
      result = injectPod(pod, presets, CONTEXT)
    })
    ok(tookMs < 2000, `${warning}: took ${tookMs} ms`)
    strictEqual(result.outcome, outcome)
    match(result.warnings.join('\n'), warning)
    ok(result.warnings.length <= 21)
    ok(JSON.stringify(result.patch).length < 3 * 1024 * 1024)
  }
  const many = (count: number, of: (i: number) => Json) => Array.from({ length: count }, (_, i) => of(i))
  const keyed = (count: number) => Object.fromEntries(many(count, (i) => [`sluice.dev/x${i}`, '']))
  const sidecar = (text: string) => ({
    initContainers: [{ name: 'sluice', image: 'x', env: [{ name: 'SLUICE_CONFIG_YAML', value: text }] }]
  })
  const owner = { controller: true, kind: 'Job', name: 'n'.repeat(1_000_000) }
  const mount = { name: 'v', mountPath: `${'/'.repeat(200_000)}x` }

  const crowd = many(100_000, (i) => ({ name: `c${i}`, envFrom: [{}] }))
  f(podOf({ spec: { containers: crowd } }), 'skipped', /100000 containers, expected at most 1000/)
  f(
    podOf({ spec: { containers: many(900, (i) => ({ name: `c${i}` })) }, metadata: { ownerReferences: [owner] } }),
    'skipped',
    /more than 2097152 bytes/
  )
  f(podOf({ annotations: keyed(200_000) }), 'injected', /199980 more annotations/)
  f(
    podOf({ annotations: { 'sluice.dev/cpu': '1'.repeat(5_000_000), [`sluice.dev/${'x'.repeat(3_000_000)}`]: '' } }),
    'injected',
    /came a text of 5000000|is not known/
  )
  f(podOf({ spec: sidecar('['.repeat(1_000_000)) }), 'skipped', /none of ours/)
  f(podOf({ spec: sidecar(many(200_000, (i) => `k${i}: {}`).join('\n')) }), 'skipped', /none of ours/)
  f(podOf({ spec: sidecar('['.repeat(120_000)) }), 'injected', /has the sidecar x already/)
  f(podOf({ spec: sidecar(many(11_000, (i) => `k${i}: {}`).join('\n')) }), 'injected', /has the sidecar x already/)
  f(
    podOf({ annotations: { 'sluice.dev/log-directories': '/l', 'sluice.dev/x': '' }, worker: { volumeMounts: [mount] } }),
    'injected',
    /not known/
  )
})
