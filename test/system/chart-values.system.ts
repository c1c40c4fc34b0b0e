import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { BACKEND, environmentOf, ofKind, only, render, workloadsOf } from './chart.ts'
import { kubernetesParts } from './kubernetes-parts.ts'

const { skip, parts } = await kubernetesParts('helm')
const helm = parts?.helm ?? ''

test('wrong values fail, and the message names the value', { skip, timeout: 300_000 }, async () => {
  const f = async (values: object, ...words: string[]): Promise<void> => {
    const { failure, objects } = await render(helm, values)
    strictEqual(objects.length, 0, JSON.stringify(values))
    for (const word of words) ok(failure.includes(word), `${JSON.stringify(values)}: ${failure} lacks ${word}`)
  }
  // Unknown keys.
  await f({ gatway: {} }, "'gatway' not allowed")
  await f({ daemonset: { port: 1 } }, '/daemonset', "'port' not allowed")
  await f({ daemonset: { config: { receivers: { oltp: {} } } } }, '/daemonset/config/receivers', "'oltp' not allowed")
  await f({ injector: { sidecar: { config: { queue: { dirr: '/x' } } } } }, '/injector/sidecar/config/queue', "'dirr' not allowed")
  await f({ injector: { server: { listen: ':1' } } }, '/injector/server', "'listen' not allowed")
  // Wrong types.
  await f({ injector: { replicas: 'two' } }, '/injector/replicas', 'want integer')
  await f({ daemonset: { enabled: 'yes' } }, '/daemonset/enabled', 'want boolean')
  await f({ daemonset: { tolerations: {} } }, '/daemonset/tolerations', 'want array')
  await f({ gateway: { config: { queue: { sizeMax: 'big' } } } }, '/gateway/config/queue/sizeMax')
  await f({ daemonset: { ports: { admin: { port: 70_000 } } } }, '/daemonset/ports/admin/port', '65,535')
  await f({ gateway: { resources: { limit: {} } } }, '/gateway/resources', "'limit' not allowed")
  await f({ injector: { webhook: { failurePolicy: 'ignore' } } }, '/injector/webhook/failurePolicy', "'Ignore'")
  await f({ image: { digest: 'sha256:12' } }, '/image/digest')
  await f({ gateway: { persistence: { size: '20GiB' } } }, '/gateway/persistence/size')
  // Secrets in values.
  await f({ daemonset: { config: { exporters: { sentry: { dsn: 'https://key@host/1' } } } } }, '/daemonset/config/exporters/sentry/dsn')
  await f({ backends: { sentry: { dsn: 'https://key@host/1' } } }, '/backends/sentry', "'dsn' not allowed")
  // Values that do not go together.
  await f({ injector: { enabled: false }, daemonset: { enabled: false } }, 'injector.enabled, daemonset.enabled, gateway.enabled')
  await f({ image: { tag: 'latest' } }, 'image.tag', 'latest')
  await f({ backends: { otlp: { enabled: true } } }, 'backends.otlp.endpoint')
  await f({ backends: { sentry: { enabled: true } } }, 'backends.sentry.dsnSecret.name')
  await f({ backends: { datadog: { enabled: true } } }, 'backends.datadog.apiKeySecret.name')
  await f({ daemonset: { sendTo: 'gateway' } }, 'daemonset.sendTo', 'gateway.enabled')
  await f({ injector: { sendTo: 'gateway' } }, 'injector.sendTo', 'gateway.enabled')
  await f({ gateway: { enabled: true } }, 'gateway.enabled', 'backends.otlp.enabled')
  await f({ gateway: { enabled: true, ports: { otlpHttp: 0 } }, ...BACKEND }, 'gateway.ports.otlpHttp')
  await f(
    { gateway: { enabled: true, autoscaling: { enabled: true, minReplicas: 9, maxReplicas: 3 } }, ...BACKEND },
    'gateway.autoscaling.minReplicas'
  )
  await f(
    { gateway: { enabled: true, autoscaling: { enabled: true, targetCPUUtilizationPercentage: 0 } }, ...BACKEND },
    'gateway.autoscaling.targetCPUUtilizationPercentage'
  )
  await f(
    { gateway: { enabled: true, persistence: { size: '20Gi' } }, ...BACKEND },
    'gateway.persistence.size',
    'gateway.queue.sizeMax (20GiB)'
  )
  await f({ gateway: { enabled: true, tls: { existingSecret: 'tls' } }, ...BACKEND }, 'gateway.tls.privateAuthority')
  await f({ injector: { podDisruptionBudget: { minAvailable: 2 } } }, 'injector.podDisruptionBudget.minAvailable')
  await f({ injector: { certificates: { source: 'secret' } } }, 'injector.certificates.secret.name')
  await f({ injector: { certificates: { source: 'secret', secret: { name: 'tls' } } } }, 'injector.certificates.secret.caBundle')
  await f({ injector: { ports: { admin: 8443 } } }, 'injector.ports.admin')
  await f({ injector: { hostNetwork: true }, daemonset: { hostNetwork: true } }, 'injector.ports.admin', '9464')
  await f({ daemonset: { extraEnv: [{ name: 'DD_API_KEY', value: 'abc' }] } }, 'daemonset.extraEnv[0]', 'DD_API_KEY')
  await f({ daemonset: { config: { shutdownTimeout: '1m' } } }, 'daemonset.terminationGracePeriodSeconds', '1m')
  await f({ listenHost: '::' }, '/listenHost')
  await f({ daemonset: { ports: { admin: { enabled: false } } } }, 'daemonset.ports.admin.enabled')
  await f({ daemonset: { ports: { facts: { port: 4318 } } } }, 'daemonset.ports', 'otlp-http and facts')
  await f({ daemonset: { pods: { access: 'off' } } }, 'daemonset.pods.access')
  await f({ daemonset: { queue: { type: 'emptyDir', sizeMax: '8GiB' } } }, 'daemonset.queue.emptyDirSizeLimit')
  await f({ monitoring: { rules: { enabled: true, include: ['gpus'] } } }, 'monitoring.rules.include[0]', 'came gpus', 'gpu')
  await f({ monitoring: { podMonitor: { enabled: true }, serviceMonitor: { enabled: true } } }, 'monitoring.serviceMonitor.enabled')
  const reports = (more: object, url = 'http://prometheus:9090'): object => ({
    monitoring: { reports: { enabled: true, prometheus: { url }, ...more } }
  })
  await f(reports({}, ''), 'monitoring.reports.prometheus.url')
  await f(reports({ prometheus: { url: 'http://p', tokenSecret: { name: 'token' } } }), 'monitoring.reports.prometheus.url', 'https')
  await f(reports({ mail: { to: ['ops@example.com'] } }), 'monitoring.reports.mail.from')
  await f(
    reports({ mail: { to: ['ops@example.com'], from: 'a@example.com', smtp: 'smtp://mail', user: 'a' } }),
    'monitoring.reports.mail.passwordSecret.name'
  )
  await f(reports({ slackWebhookSecret: { name: 'slack', url: 'https://hooks.slack.com/x' } }), '/monitoring/reports/slackWebhookSecret')
})

test('values do what they say', { skip, timeout: 300_000 }, async () => {
  const rolesOf = async (access: string | boolean, kubeVersion: string): Promise<unknown[]> => {
    const ports = { facts: { enabled: false } }
    const { objects } = await render(helm, only('daemonset', { pods: { access }, ports }), kubeVersion)
    return ofKind(objects, 'ClusterRole').flatMap(({ rules }) =>
      rules.map(({ resources, verbs }: Record<string, string[]>) => [...resources, ...verbs].join())
    )
  }
  deepStrictEqual(await rolesOf('auto', 'v1.33.0'), ['nodes/pods,get'])
  deepStrictEqual(await rolesOf('auto', 'v1.32.9-eks.1'), ['pods,list'])
  deepStrictEqual(await rolesOf('proxy', 'v1.32.0'), ['nodes/proxy,get'])
  deepStrictEqual(await rolesOf(false, 'v1.37.0'), [])

  const entriesOf = async (kubeVersion: string): Promise<string[]> => {
    const { objects } = await render(helm, only('injector'), kubeVersion)
    const [{ webhooks }] = ofKind(objects, 'MutatingWebhookConfiguration')
    for (const { failurePolicy, sideEffects, admissionReviewVersions, rules, namespaceSelector, matchPolicy } of webhooks) {
      deepStrictEqual([failurePolicy, sideEffects, admissionReviewVersions, matchPolicy], ['Ignore', 'None', ['v1'], 'Equivalent'])
      deepStrictEqual([rules.length, rules[0].operations, rules[0].resources], [1, ['CREATE'], ['pods']])
      const excluded = namespaceSelector.matchExpressions.find(({ key }: { key: string }) => key === 'kubernetes.io/metadata.name')
      ok(excluded.operator === 'NotIn' && excluded.values.includes('kube-system') && excluded.values.includes('telemetry'))
    }
    return webhooks.map(({ clientConfig }: { clientConfig: { service: { path: string } } }) => clientConfig.service.path)
  }
  deepStrictEqual(await entriesOf('v1.30.0'), ['/mutate/labelled-pods', '/mutate/labelled-namespaces', '/mutate'])
  deepStrictEqual(await entriesOf('v1.29.4'), ['/mutate/labelled-pods', '/mutate/labelled-namespaces'])

  const checksumOf = async (values: object): Promise<string> => {
    const [workload] = workloadsOf((await render(helm, values)).objects)
    return workload.spec.template.metadata.annotations['checksum/config']
  }
  const changed = only('daemonset', { config: { processors: { sample: { traces: '20%' } } } })
  ok((await checksumOf(only('daemonset'))) !== (await checksumOf(changed)))

  strictEqual(await checksumOf(only('injector', { podAnnotations: { 'checksum/config': 'x' } })), await checksumOf(only('injector')))

  const priorityOf = async (value: number, name = ''): Promise<string[]> => {
    const { objects } = await render(helm, only('daemonset', { priorityClass: { create: true, value, name } }))
    const [{ metadata }] = ofKind(objects, 'PriorityClass')
    const [{ spec }] = ofKind(objects, 'DaemonSet')
    return [metadata.name, spec.template.spec.priorityClassName]
  }
  // Its value cannot be changed, so that another one is another class.
  deepStrictEqual(await priorityOf(1000), ['telemetry.sluice-daemonset-1000', 'telemetry.sluice-daemonset-1000'])
  deepStrictEqual(await priorityOf(-5, 'mine'), ['mine', 'mine'])

  const rulesOf = async (include: string[]): Promise<string[]> => {
    const { objects } = await render(helm, { ...only('gateway'), ...BACKEND, monitoring: { rules: { enabled: true, include } } })
    return ofKind(objects, 'PrometheusRule').map(({ metadata }) => metadata.name)
  }
  deepStrictEqual(await rulesOf(['gpu', 'gateway']), ['sluice-gateway', 'sluice-gpu'])
  ok((await rulesOf([])).length > 2)

  const { objects } = await render(helm, { gateway: { enabled: true }, ...BACKEND })
  const [node] = ofKind(objects, 'DaemonSet')
  strictEqual(environmentOf(node).OTEL_EXPORTER_OTLP_ENDPOINT, 'http://sluice-gateway.telemetry.svc:4318')
  const [middle] = ofKind(objects, 'StatefulSet')
  strictEqual(environmentOf(middle).OTEL_EXPORTER_OTLP_ENDPOINT, 'https://otlp.example:4318')

  // Null takes away what the chart presets, as clusters want that choose users themselves; false is a value like others.
  const security = { podSecurityContext: { runAsUser: null, fsGroup: null }, securityContext: { readOnlyRootFilesystem: false } }
  const changes = { probes: { livenessProbe: { periodSeconds: 30 } }, extraEnv: [{ name: 'MALLOC_ARENA_MAX', value: '1' }] }
  const [adjusted] = workloadsOf((await render(helm, { ...only('gateway', { ...security, ...changes }), ...BACKEND })).objects)
  const { securityContext, containers } = adjusted.spec.template.spec
  deepStrictEqual(['runAsUser' in securityContext, 'fsGroup' in securityContext, securityContext.runAsNonRoot], [false, false, true])
  strictEqual(containers[0].securityContext.readOnlyRootFilesystem, false)
  const { httpGet, periodSeconds } = containers[0].livenessProbe
  deepStrictEqual([httpGet.path, periodSeconds, environmentOf(adjusted).MALLOC_ARENA_MAX], ['/healthz', 30, '1'])
})

test('no two releases make the same object', { skip, timeout: 300_000 }, async () => {
  const long = 'production-of-the-europe-west-region-telemetry-'
  const seen = new Set<string>()
  for (const [release, namespace] of [
    ['sluice', 'a'],
    ['sluice', 'b-c'],
    ['c-sluice', 'b'],
    ['c.sluice', 'b'],
    ['2026.sluice', 'b'],
    ['2026-sluice', 'b'],
    [`${long}green`, 'a'],
    [`${long}blue`, 'a']
  ]) {
    const values = { gateway: { enabled: true }, ...BACKEND, daemonset: { priorityClass: { create: true } } }
    const { objects, failure } = await render(helm, values, 'v1.37.0', { release, namespace })
    ok(objects.length > 20, failure)
    for (const { kind, metadata } of objects) {
      const name = `${kind} ${metadata.namespace ?? ''}/${metadata.name}`
      ok(!seen.has(name), `${name} is of two releases`)
      ok(metadata.name.length <= 63, name)
      if (kind === 'Service') match(metadata.name, /^[a-z]([-a-z0-9]*[a-z0-9])?$/)
      seen.add(name)
    }
  }
})
