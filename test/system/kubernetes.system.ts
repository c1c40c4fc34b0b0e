import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { until } from '../support/gateway-process.ts'
import type { KubernetesAnswer, Manifest } from './kubernetes-client.ts'
import { type KubernetesCluster, startKubernetes } from './kubernetes-cluster.ts'
import { kubernetesParts } from './kubernetes-parts.ts'
import { checkInjected, podOf, RESTRICTED, sidecarOf, variableOf } from './kubernetes-pods.ts'
import { installRelease } from './kubernetes-release.ts'
import { kubernetesSchemas } from './kubernetes-schemas.ts'

const { skip, parts } = await kubernetesParts('helm', 'etcd', 'kubeApiServer', 'kubeControllerManager')
const { validate } = await kubernetesSchemas()

const SYSTEM = 'sluice-system'
const CONFIGURATION = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'MutatingWebhookConfiguration' }
const DEVELOPER = 'developer-token-of-a-test'

test('the chart in a real API server: pods come out with a sidecar', { skip, timeout: 300_000 }, async (t) => {
  const cluster = await startKubernetes(t, parts!, { developer: DEVELOPER })
  const release = await installRelease(t, parts!.helm, cluster, SYSTEM)
  const webhook = await release.startInjector()
  await makeNamespaces(cluster)
  const developer = cluster.client(DEVELOPER)
  const create = (pod: Manifest): Promise<KubernetesAnswer> => developer.tryCreate(pod)

  await t.test('the certificate is made with the rights that the chart gives, and those go no further', async () => {
    const { webhooks } = await release.configuration()
    for (const { name, clientConfig } of webhooks) {
      const authority = new X509Certificate(Buffer.from(clientConfig.caBundle, 'base64'))
      ok(authority.ca, `${name} is told an authority`)
    }
    const account = cluster.client(await cluster.tokenOf(SYSTEM, release.account))
    const status = async (method: string, path: string, body?: object): Promise<number> =>
      (await account.request(method, path, body, method === 'PATCH' ? 'application/merge-patch+json' : undefined)).status
    const secrets = `/api/v1/namespaces/${SYSTEM}/secrets`
    const configurations = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'
    await cluster.admin.create({ ...CONFIGURATION, metadata: { name: 'somebody-else' } })
    strictEqual(await status('GET', secrets), 403)
    strictEqual(await status('POST', secrets, { metadata: { name: 'new' } }), 403)
    strictEqual(await status('GET', `${secrets}/other`), 403)
    strictEqual(await status('DELETE', `${secrets}/${release.secret}`), 403)
    strictEqual(await status('GET', `/api/v1/namespaces/dubbing/secrets/${release.secret}`), 403)
    strictEqual(await status('PATCH', `${configurations}/somebody-else`, {}), 403)
    strictEqual(await status('GET', configurations), 403)
    strictEqual(await status('GET', '/api/v1/pods'), 403)
    // Only their metadata is asked for, which is no right of its own.
    strictEqual(await status('GET', '/api/v1/namespaces'), 200)
    strictEqual(await status('GET', '/api/v1/namespaces/dubbing'), 403)
    strictEqual(await status('PATCH', '/api/v1/namespaces/dubbing', {}), 403)
    strictEqual(await status('DELETE', `${configurations}/${(await release.configuration()).metadata.name}`), 403)
    await cluster.admin.delete({ ...CONFIGURATION, metadata: { name: 'somebody-else' } })
  })

  await t.test('who asks by label, annotation or namespace gets one, and nobody else', async () => {
    const f = async (pod: Manifest, expected: boolean): Promise<void> => {
      const { status, body } = await create(pod)
      strictEqual(status, 201, body.message)
      strictEqual(sidecarOf(body) !== undefined, expected, `${pod.metadata.namespace}/${pod.metadata.name}`)
      if (expected) checkInjected(body, validate)
    }
    const asks = { labels: { 'sluice.dev/inject': 'true' } }
    const declines = { labels: { 'sluice.dev/inject': 'false' } }
    await f(podOf('plain'), false)
    await f(podOf('labelled', asks), true)
    await f(podOf('annotated', { annotations: { 'sluice.dev/inject': 'true' } }), true)
    await f(podOf('declines', declines), false)
    await f(podOf('of-namespace', { namespace: 'asking' }), true)
    await f(podOf('both', { namespace: 'asking', ...asks }), true)
    await f(podOf('declines', { namespace: 'asking', ...declines }), false)
    await f(podOf('declines-twice', { namespace: 'asking', annotations: { 'sluice.dev/inject': 'false' } }), false)
    for (const namespace of ['kube-system', SYSTEM]) {
      const body = await cluster.admin.create(podOf('system', { namespace, ...asks }), { dryRun: true })
      strictEqual(sidecarOf(body), undefined, `pods of ${namespace} are left alone`)
    }
  })

  await t.test('what comes from controllers is known by its owner', async () => {
    const labels = { app: 'tts', 'sluice.dev/inject': 'true' }
    const template = { metadata: { labels }, spec: podOf('x').spec }
    const selector = { matchLabels: { app: 'tts' } }
    const job = { ...template, spec: { ...template.spec, restartPolicy: 'Never' } }
    await cluster.admin.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'gpu-node-1' } })
    const f = async (kind: string, apiVersion: string, spec: Manifest, attributes: readonly string[], service: string): Promise<void> => {
      const name = `of-${kind.toLowerCase()}`
      await cluster.admin.create({ apiVersion, kind, metadata: { name, namespace: 'dubbing' }, spec })
      const { items } = await until(
        () => cluster.admin.ok('GET', '/api/v1/namespaces/dubbing/pods'),
        ({ items }) => items.some(({ metadata }: Manifest) => metadata.name.startsWith(`${name}-`))
      )
      const item = items.find(({ metadata }: Manifest) => metadata.name.startsWith(`${name}-`))
      const pod = { apiVersion: 'v1', kind: 'Pod', ...item }
      const { workers } = checkInjected(pod, validate)
      for (const worker of workers) {
        const found = variableOf(worker, 'OTEL_RESOURCE_ATTRIBUTES').split(',')
        for (const attribute of attributes) ok(found.includes(attribute), `${attribute} in ${found}`)
        strictEqual(variableOf(worker, 'OTEL_SERVICE_NAME'), service)
      }
    }
    await f('Deployment', 'apps/v1', { replicas: 1, selector, template }, ['k8s.deployment.name=of-deployment'], 'of-deployment')
    await f('StatefulSet', 'apps/v1', { selector, template, serviceName: 'x' }, ['k8s.statefulset.name=of-statefulset'], 'of-statefulset')
    await f('DaemonSet', 'apps/v1', { selector, template }, ['k8s.daemonset.name=of-daemonset'], 'of-daemonset')
    await f('Job', 'batch/v1', { template: job }, ['k8s.job.name=of-job'], 'of-job')
  })

  await t.test('a Guaranteed pod stays one', async () => {
    const resources = { requests: { cpu: '4', memory: '8Gi' }, limits: { cpu: '4', memory: '8Gi' } }
    const { body } = await create(podOf('guaranteed', { labels: { 'sluice.dev/inject': 'true' }, resources }))
    strictEqual(body.status.qosClass, 'Guaranteed')
    strictEqual(sidecarOf(body)!.restartPolicy, 'Always')
  })

  await t.test('admitted again, as by kubectl replace or another API server, nothing changes', async () => {
    const { body: pod } = await create(podOf('once', { labels: { 'sluice.dev/inject': 'true' } }))
    const { name, namespace, labels, annotations } = pod.metadata
    const again = await create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `${name}-more`, namespace, labels, annotations },
      spec: pod.spec
    })
    strictEqual(again.status, 201)
    deepStrictEqual(again.body.spec, pod.spec)
    deepStrictEqual(again.warnings, [])

    // A manifest without a sidecar that is applied once more takes none away.
    const manifest = podOf('applied', { labels: { 'sluice.dev/inject': 'true' } })
    const first = await cluster.admin.apply(manifest)
    deepStrictEqual((await cluster.admin.apply(manifest)).spec, first.spec)
    checkInjected(first, validate)
  })

  await t.test('a dry run shows the sidecar and stores nothing', async () => {
    const pod = podOf('dry', { labels: { 'sluice.dev/inject': 'true' } })
    checkInjected(await developer.create(pod, { dryRun: true }), validate)
    strictEqual(await cluster.admin.get(pod), null)
    const applied = await cluster.admin.apply(pod, { dryRun: true })
    checkInjected(applied, validate)
    strictEqual(await cluster.admin.get(pod), null)
  })

  await t.test('a namespace that enforces the restricted policy takes the pod', async () => {
    const { status, body } = await create(
      podOf('restricted', { namespace: 'restricted', labels: { 'sluice.dev/inject': 'true' }, ...RESTRICTED })
    )
    strictEqual(status, 201, body.message)
    checkInjected(body, validate)
  })

  await t.test('options that cannot be used are told to the client, by name', async () => {
    const annotations = { 'sluice.dev/sample-traces': 'plenty', 'sluice.dev/profil': 'x', 'sluice.dev/cpu': '250m' }
    const answer = await create(podOf('wrong', { labels: { 'sluice.dev/inject': 'true' }, annotations }))
    strictEqual(answer.status, 201)
    checkInjected(answer.body, validate)
    ok(
      answer.warnings.some((text) => /sluice\.dev\/sample-traces: came "plenty", expected/.test(text)),
      answer.warnings.join('\n')
    )
    ok(
      answer.warnings.some((text) => /sluice\.dev\/profil is not known/.test(text)),
      answer.warnings.join('\n')
    )
    deepStrictEqual(sidecarOf(answer.body)!.resources.limits.cpu, '250m', 'what can be used is')
  })

  await t.test('what is odd is answered, too', async () => {
    const labels = { 'sluice.dev/inject': 'true' }
    const many = podOf('many', { labels })
    many.spec.containers = Array.from({ length: 200 }, (_, i) => ({ ...many.spec.containers[0], name: `worker-${i}` }))
    strictEqual(checkInjected((await create(many)).body, validate).workers.length, 201)

    const contrary = await create(podOf('contrary', { labels, annotations: { 'sluice.dev/inject': 'false' } }))
    strictEqual(sidecarOf(contrary.body), undefined)
    ok(
      contrary.warnings.some((text) => /sluice\.dev\/inject differ/.test(text)),
      contrary.warnings.join('\n')
    )

    const { body: once } = await create(podOf('older', { labels }))
    const older = podOf('older-by-hand', { labels })
    older.spec = structuredClone(once.spec)
    older.spec.initContainers[0].image = 'ghcr.io/sluice-telemetry/sluice:0.0.1'
    const left = await create(older)
    strictEqual(left.body.spec.initContainers[0].image, 'ghcr.io/sluice-telemetry/sluice:0.0.1')
    ok(
      left.warnings.some((text) => /0\.0\.1 already, expected/.test(text)),
      left.warnings.join('\n')
    )
  })

  await t.test('while it hangs, pods wait no longer than the chart says, and are created without a sidecar', async () => {
    webhook.signal('SIGSTOP')
    const startedMs = Date.now()
    const { status, body } = await create(podOf('patient', { labels: { 'sluice.dev/inject': 'true' } }))
    const tookMs = Date.now() - startedMs
    webhook.signal('SIGCONT')
    strictEqual(status, 201)
    strictEqual(sidecarOf(body), undefined)
    ok(tookMs < 8000, `${tookMs} ms`)
    await until(
      () => developer.create(podOf('after', { labels: { 'sluice.dev/inject': 'true' } }), { dryRun: true }),
      (pod) => sidecarOf(pod) !== undefined
    )
  })

  await t.test('while it is away, pods are created without a sidecar', async () => {
    strictEqual(await webhook.stop(), 0)
    const startedMs = Date.now()
    const { status, body } = await create(podOf('alone', { labels: { 'sluice.dev/inject': 'true' } }))
    strictEqual(status, 201)
    strictEqual(sidecarOf(body), undefined)
    ok(Date.now() - startedMs < 6_000)
  })
})

// What a team has: namespaces of several kinds, and somebody who may do nothing but create pods in them.
async function makeNamespaces(cluster: KubernetesCluster): Promise<void> {
  await cluster.makeNamespace('dubbing')
  await cluster.makeNamespace('asking', { 'sluice.dev/inject': 'true' })
  await cluster.makeNamespace('restricted', { 'pod-security.kubernetes.io/enforce': 'restricted' })
  const rbac = 'rbac.authorization.k8s.io'
  for (const namespace of ['dubbing', 'asking', 'restricted']) {
    const metadata = { name: 'developer', namespace }
    const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['create'] }]
    await cluster.admin.create({ apiVersion: `${rbac}/v1`, kind: 'Role', metadata, rules })
    await cluster.admin.create({
      apiVersion: `${rbac}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: rbac, kind: 'Role', name: 'developer' },
      subjects: [{ apiGroup: rbac, kind: 'User', name: 'developer' }]
    })
  }
}
