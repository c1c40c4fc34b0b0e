import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../support/gateway-process.ts'
import { installChart, renderChart, uninstallChart } from './kubernetes-chart.ts'
import type { Manifest } from './kubernetes-client.ts'
import { startKubernetes } from './kubernetes-cluster.ts'
import { kubernetesParts } from './kubernetes-parts.ts'
import { API_VERSIONS, startTaker } from './kubernetes-takes.ts'

const { skip, parts } = await kubernetesParts('helm', 'etcd', 'kubeApiServer', 'kubeControllerManager', 'crds')

const NAMESPACE = 'telemetry'
const ENFORCE = 'pod-security.kubernetes.io/enforce'

const backends = {
  otlp: { enabled: true, endpoint: 'https://otlp.example:4318', headersSecret: { name: 'otlp' } },
  sentry: { enabled: true, dsnSecret: { name: 'sentry' } },
  datadog: { enabled: true, apiKeySecret: { name: 'datadog' } }
}
const monitoring = {
  podMonitor: { enabled: true },
  rules: { enabled: true },
  dashboards: { enabled: true },
  reports: {
    enabled: true,
    prometheus: { url: 'https://prometheus:9090', tokenSecret: { name: 'prometheus' } },
    slackWebhookSecret: { name: 'slack' }
  }
}
const everything = {
  backends,
  monitoring,
  injector: { enabled: true, certificates: { source: 'cert-manager' } },
  daemonset: {
    enabled: true,
    podLogs: { enabled: true },
    kernelLog: { enabled: true },
    gpu: { hostPid: true, runtimeClassName: 'nvidia' },
    factsTokenSecret: { name: 'facts' }
  },
  gateway: { enabled: true, autoscaling: { enabled: true }, tls: { existingSecret: 'gateway-tls', privateAuthority: false } }
}

test('everything that the chart can make is taken by a real API server', { skip, timeout: 180_000 }, async (t) => {
  const { attempt } = await startTaker(t, [NAMESPACE])
  const f = async (values: object, kinds: readonly string[]): Promise<void> => {
    const objects = await renderChart(parts!.helm, { values, namespace: NAMESPACE, apiVersions: API_VERSIONS })
    for (const object of objects) {
      const { status, body, warnings } = await attempt!(object)
      strictEqual(status < 300, true, `${object.kind} ${object.metadata.name}: ${body.message}`)
      deepStrictEqual(warnings, [], `${object.kind} ${object.metadata.name}`)
    }
    for (const kind of kinds)
      ok(
        objects.some((object) => object.kind === kind),
        kind
      )
  }
  await f({}, ['MutatingWebhookConfiguration', 'DaemonSet', 'PriorityClass', 'NetworkPolicy', 'PodDisruptionBudget'])
  await f(everything, ['Issuer', 'Certificate', 'PodMonitor', 'PrometheusRule', 'CronJob', 'StatefulSet', 'HorizontalPodAutoscaler'])
  const serviceMonitor = { ...monitoring, podMonitor: { enabled: false }, serviceMonitor: { enabled: true } }
  await f({ ...everything, monitoring: serviceMonitor }, ['ServiceMonitor'])
})

test('pods of injector and gateway run where Pod Security is restricted, those of the nodes need privileged', {
  skip,
  timeout: 180_000
}, async (t) => {
  const cluster = await startKubernetes(t, parts!)
  const { kubeconfig } = cluster
  const install = (namespace: string, values: object) => installChart(parts!.helm, { values, namespace, kubeconfig })
  const podsOf = async (namespace: string, count: number): Promise<Manifest[]> => {
    const { items } = await until(
      () => cluster.admin.ok('GET', `/api/v1/namespaces/${namespace}/pods`),
      ({ items }) => items.length >= count
    )
    return items
  }
  await cluster.makeNamespace('strict', { [ENFORCE]: 'restricted' })
  await install('strict', { backends, daemonset: { enabled: false }, gateway: { enabled: true, replicas: 1 } })
  strictEqual((await podsOf('strict', 3)).length, 3)

  await cluster.admin.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'gpu-node-1', labels: { 'kubernetes.io/os': 'linux' } } })
  const onNodes = { injector: { enabled: false }, daemonset: { enabled: true }, backends }
  await cluster.makeNamespace('baseline', { [ENFORCE]: 'baseline' })
  await install('baseline', onNodes)
  const { items } = await until(
    async () => ({
      ...(await cluster.admin.ok('GET', '/api/v1/namespaces/baseline/events')),
      controllers: cluster.controllersLog.filter((line) => /daemon|baseline/i.test(line))
    }),
    ({ items }) => items.some(({ reason }: Manifest) => reason === 'FailedCreate')
  )
  ok(items.some(({ message }: Manifest) => /violates PodSecurity "baseline.*(hostPath|hostPort)/.test(message)))
  await uninstallChart(parts!.helm, { namespace: 'baseline', kubeconfig })
  await cluster.makeNamespace('open', { [ENFORCE]: 'privileged' })
  await install('open', onNodes)
  const [pod] = await podsOf('open', 1)
  strictEqual(pod.metadata.ownerReferences[0].kind, 'DaemonSet')
})
