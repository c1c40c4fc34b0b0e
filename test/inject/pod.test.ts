import { deepStrictEqual, match, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import * as yaml from 'yaml'
import { type InjectContext, injectPod } from '../../src/inject/pod.ts'
import { loadSettings, type SidecarSettings } from '../../src/inject/settings.ts'
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
  f({ hostNetwork: true }, {}, /its node’s network/)
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
  strictEqual(injected(podOf({ spec: { resources: { limits: { cpu: '4' } } } })).sidecar.resources, undefined)
  strictEqual(injected(podOf(), { startupProbe: 'off' }).sidecar.startupProbe, undefined)
  strictEqual(injected(podOf(), { user: 0 }).sidecar.securityContext.runAsUser, undefined)
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
  f({ memory: '10Mi' }, /memory: came "10Mi", expected an amount of memory of at least 96Mi/)
  f({ memory: '256MiB' }, /memory/)
  f({ gpu: 'yes' }, /expected node, nvidia-smi or off/)
  f({ secret: 'Not A Name' }, /secret/)
  f({ 'log-directories': 'var/log' }, /absolute/)
  f({ 'log-directories': '/var/../etc' }, /absolute/)
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
