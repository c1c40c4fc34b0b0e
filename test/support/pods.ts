import fc from 'fast-check'

// biome-ignore lint/suspicious/noExplicitAny: objects of Kubernetes
type Json = any

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
/** Without the keys that are undefined, as JSON has none. */
const record = (shape: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Json> =>
  fc.record(shape).map((made) => Object.fromEntries(Object.entries(made).filter(([, value]) => value !== undefined)))

const VARIABLES = [
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_PROTOCOL',
  'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
  'OTEL_EXPORTER_OTLP_LOGS_PROTOCOL',
  'OTEL_RESOURCE_ATTRIBUTES',
  'OTEL_RESOURCE_ATTRIBUTES_POD_NAME',
  'OTEL_SERVICE_NAME',
  'SENTRY_DSN',
  'DD_AGENT_HOST',
  'DD_DOGSTATSD_URL',
  'POD_NAME',
  'PATH'
]
const VALUES = [
  '',
  'grpc',
  'http/json',
  'http://collector:4318',
  'service.name=a,x=$(POD_NAME)',
  'team=b',
  '$$(x)',
  'yes',
  '0644',
  'a: b # c\n\nd'
]
const word = fc.constantFrom('a', 'b', 'c', 'worker', 'fetch', 'istio-proxy', 'tts')

const variable = fc.oneof(
  { weight: 4, arbitrary: fc.record({ name: fc.constantFrom(...VARIABLES), value: fc.constantFrom(...VALUES) }) },
  fc.record({
    name: fc.constantFrom(...VARIABLES),
    valueFrom: fc.constantFrom({ fieldRef: { fieldPath: 'metadata.name' } }, { secretKeyRef: { name: 's', key: 'k' } })
  })
)

const container = record({
  image: fc.constant('worker:1'),
  env: maybe(fc.uniqueArray(variable, { selector: ({ name }) => name, maxLength: 8 })),
  envFrom: maybe(
    fc.array(record({ prefix: maybe(fc.constantFrom('DB_', 'OTEL_', '')), configMapRef: fc.constant({ name: 'c' }) }), { maxLength: 2 })
  ),
  ports: maybe(
    fc.uniqueArray(record({ containerPort: fc.constantFrom(80, 4317, 4318, 5170, 8125, 8126, 9464, 14318, 24224) }), {
      selector: ({ containerPort }) => containerPort,
      maxLength: 4
    })
  ),
  volumeMounts: maybe(
    fc.uniqueArray(
      record({ name: fc.constantFrom('data', 'logs'), mountPath: fc.constantFrom('/var/log/worker', '/data', '/var/log/worker/') }),
      {
        selector: ({ mountPath }) => mountPath.replace(/\/$/, ''),
        maxLength: 2
      }
    )
  ),
  restartPolicy: maybe(fc.constant(undefined)),
  command: maybe(fc.constant(['sh', '-c', 'exec "$0" # $(POD_NAME)']))
})

const annotations = record({
  'sluice.dev/inject': maybe(fc.constantFrom('true', 'true', 'false', 'perhaps')),
  'sluice.dev/sample-traces': maybe(fc.constantFrom('25%', '0.5', 'many')),
  'sluice.dev/log-directories': maybe(fc.constantFrom('/var/log/worker', '/var/log/worker,/data', '/logs/,/logs', 'here')),
  'sluice.dev/sentry': maybe(fc.constantFrom('true', 'false', 'x')),
  'sluice.dev/env-from': maybe(fc.constantFrom('ignore', 'respect')),
  'sluice.dev/gpu': maybe(fc.constantFrom('node', 'off', 'nvidia-smi', 'tpu')),
  'sluice.dev/memory': maybe(fc.constantFrom('512Mi', '1')),
  'sluice.dev/containers': maybe(fc.constantFrom('worker', 'a,b')),
  'sluice.dev/profile': maybe(fc.constantFrom('batch', 'none')),
  'resource.opentelemetry.io/service.name': maybe(fc.constantFrom('from annotation', '$(POD_NAME)', 'ü,=')),
  note: maybe(fc.constant('kept'))
})

const labels = record({
  'sluice.dev/inject': maybe(fc.constantFrom('true', 'true', 'true', 'false')),
  'app.kubernetes.io/name': maybe(fc.constant('tts')),
  'pod-template-hash': maybe(fc.constant('5d4f8')),
  'admission.datadoghq.com/enabled': maybe(fc.constant('true'))
})

/** Pods of many shapes, valid but for what they may ask of us. */
export const anyPod: fc.Arbitrary<Json> = fc
  .record({
    names: fc.uniqueArray(word, { minLength: 1, maxLength: 5 }),
    containers: fc.array(container, { minLength: 5, maxLength: 5 }),
    inits: fc.nat(4),
    metadata: record({
      name: maybe(fc.constant('tts-0')),
      generateName: maybe(fc.constant('tts-')),
      labels: maybe(labels),
      annotations: maybe(annotations)
    }),
    owner: maybe(
      fc.constantFrom(
        { kind: 'ReplicaSet', name: 'tts-5d4f8' },
        { kind: 'Job', name: 'batch-29400000' },
        { kind: 'StatefulSet', name: 'db' }
      )
    ),
    spec: record({
      volumes: maybe(fc.constantFrom([], [{ name: 'other', emptyDir: {} }], [{ name: 'sluice-queue', emptyDir: {} }])),
      terminationGracePeriodSeconds: maybe(fc.constantFrom(0, 1, 10, 30, 600)),
      hostNetwork: maybe(fc.constantFrom(false, false, false, true)),
      nodeSelector: maybe(
        fc.constantFrom({ 'kubernetes.io/os': 'linux' }, { 'kubernetes.io/os': 'linux' }, { 'kubernetes.io/os': 'windows' })
      ),
      restartPolicy: maybe(fc.constantFrom('Always', 'OnFailure', 'Never')),
      resources: maybe(fc.constant({ limits: { cpu: '8', memory: '8Gi' } }))
    })
  })
  .map(({ names, containers, inits, metadata, owner, spec }) => {
    const all = names.map((name, i) => ({ name, ...containers[i] }))
    const at = Math.min(inits, all.length - 1)
    const mounted = [...new Set(all.flatMap((each) => (each.volumeMounts ?? []).map(({ name }: Json) => name)))]
    const volumes = mounted.length === 0 ? spec.volumes : [...(spec.volumes ?? []), ...mounted.map((name) => ({ name, emptyDir: {} }))]
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...metadata,
        ...(owner === undefined ? {} : { ownerReferences: [{ ...owner, apiVersion: 'v1', uid: 'u', controller: true }] })
      },
      spec: {
        ...(at === 0 ? {} : { initContainers: all.slice(0, at) }),
        containers: all.slice(at),
        ...spec,
        ...(volumes === undefined ? {} : { volumes })
      }
    }
  })
  // Plain objects, as they come from JSON.
  .map((pod) => JSON.parse(JSON.stringify(pod)))

/** What an API server would refuse in a pod, as far as additions can break it. */
export function faultsOf(pod: Json): string[] {
  const faults: string[] = []
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers]
  const twice = (what: string, names: readonly unknown[]): void => {
    if (new Set(names).size !== names.length) faults.push(`${what} twice: ${names.join()}`)
  }
  const volumes = (pod.spec.volumes ?? []).map(({ name }: Json) => name)
  twice(
    'container',
    all.map(({ name }) => name)
  )
  twice('volume', volumes)
  for (const { name, env = [], volumeMounts = [], ports = [] } of all) {
    twice(
      `variable of ${name}`,
      env.map((each: Json) => each.name)
    )
    twice(
      `mount of ${name}`,
      volumeMounts.map(({ mountPath }: Json) => mountPath.replace(/\/$/, ''))
    )
    twice(
      `name of a port of ${name}`,
      ports.flatMap((port: Json) => port.name ?? [])
    )
    for (const mount of volumeMounts) if (!volumes.includes(mount.name)) faults.push(`${name} mounts ${mount.name}, which is no volume`)
    for (const port of ports)
      if (port.name !== undefined && !/^(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$/.test(port.name)) faults.push(`port ${port.name}`)
    env.forEach(({ name: own, value = '' }: Json, i: number) => {
      // Of ours only; what a user's value refers to is the user's.
      if (!/^(OTEL_RESOURCE_ATTRIBUTES|OTEL_SERVICE_NAME|SLUICE_NODE)$/.test(own) || !value.includes('$(OTEL_RESOURCE_ATTRIBUTES_')) return
      for (const [, reference] of value.matchAll(/\$\(([A-Z_]+)\)/g))
        if (!env.slice(0, i).some((each: Json) => each.name === reference))
          faults.push(`${own} of ${name} refers to ${reference}, which is not before it`)
    })
  }
  const ours = all.find(({ name }) => name === 'sluice')?.ports?.[0]?.containerPort
  const others = all.filter(({ name }) => name !== 'sluice').flatMap(({ ports = [] }) => ports.map((port: Json) => port.containerPort))
  if (ours !== undefined && others.includes(ours)) faults.push(`port ${ours} is another container's`)
  return faults
}

/** Is everything of `before` still in `after`, in its order? Lists may have grown. */
export function isKept(before: Json, after: Json): boolean {
  if (Array.isArray(before)) {
    let at = 0
    return (
      Array.isArray(after) &&
      before.every((item) => {
        const found = after.findIndex((other, i) => i >= at && isKept(item, other))
        at = found + 1
        return found !== -1
      })
    )
  }
  if (typeof before !== 'object' || before === null) return Object.is(before, after)
  return typeof after === 'object' && after !== null && Object.keys(before).every((key) => isKept(before[key], after[key]))
}
