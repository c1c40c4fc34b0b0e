import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { ENTRY } from '../../src/inject/namespaces/entry.ts'
import { makeCertificates } from '../support/certificates.ts'
import { until } from '../support/gateway-process.ts'
import type { Manifest } from './kubernetes-client.ts'
import { type KubernetesCluster, startKubernetes } from './kubernetes-cluster.ts'
import { kubernetesParts } from './kubernetes-parts.ts'
import { podOf, sidecarOf } from './kubernetes-pods.ts'
import { installRelease, type Release } from './kubernetes-release.ts'

const { skip, parts } = await kubernetesParts('helm', 'etcd', 'kubeApiServer')

const SYSTEM = 'sluice-system'
/** What the documentation promises, and room for a busy machine. */
const WITHIN_MS = 60_000

const entryOf = async (release: Release): Promise<Manifest | undefined> =>
  (await release.configuration()).webhooks.find(({ name }: Manifest) => name === ENTRY)

function annotate(cluster: KubernetesCluster, name: string, wish: string | null): Promise<Manifest> {
  const patch = { metadata: { annotations: { 'sluice.dev/inject': wish } } }
  return cluster.admin.ok('PATCH', `/api/v1/namespaces/${name}`, patch, 'application/merge-patch+json')
}

/** Resolves to how long it took until pods of a namespace come so. */
async function comesTo({ admin }: KubernetesCluster, namespace: string, expected: boolean): Promise<number> {
  const startedMs = Date.now()
  await until(
    async () => sidecarOf(await admin.create(podOf('asked', { namespace }), { dryRun: true })) !== undefined,
    (found) => found === expected,
    WITHIN_MS
  )
  return Date.now() - startedMs
}

async function setUp(t: TestContext, more: object = {}) {
  const cluster = await startKubernetes(t, parts!)
  const release = await installRelease(t, parts!.helm, cluster, SYSTEM, more)
  await cluster.makeNamespace('dubbing')
  await cluster.makeNamespace('quiet')
  return { cluster, release }
}

test('the annotation of a namespace counts as its label does, while it is there', { skip, timeout: 180_000 }, async (t) => {
  const { cluster, release } = await setUp(t)
  await cluster.makeNamespace('asked-before')
  await annotate(cluster, 'asked-before', 'true')
  await Promise.all([release.startInjector(), release.startReplica(), release.startReplica()])
  await comesTo(cluster, 'asked-before', true)
  await annotate(cluster, 'dubbing', 'true')
  const tookMs = await comesTo(cluster, 'dubbing', true)
  t.diagnostic(`${tookMs} ms from the annotation to the first pod with a sidecar`)
  await comesTo(cluster, 'quiet', false)

  // The pod has the last word, and excluded namespaces have none.
  const create = (pod: Manifest) => cluster.admin.create(pod, { dryRun: true })
  for (const kind of ['labels', 'annotations'])
    strictEqual(sidecarOf(await create(podOf('declines', { [kind]: { 'sluice.dev/inject': 'false' } }))), undefined)
  for (const namespace of ['kube-system', SYSTEM]) {
    await cluster.admin.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } })
    await annotate(cluster, namespace, 'true')
  }
  await cluster.makeNamespace('later')
  await annotate(cluster, 'later', 'true')
  await comesTo(cluster, 'later', true)
  deepStrictEqual((await entryOf(release))!.namespaceSelector.matchExpressions[0].values, ['asked-before', 'dubbing', 'later'])
  for (const namespace of ['kube-system', SYSTEM]) strictEqual(sidecarOf(await create(podOf('system', { namespace }))), undefined)

  await t.test('label and annotation that differ: no', async () => {
    await cluster.makeNamespace('label-only', { 'sluice.dev/inject': 'true' })
    await cluster.makeNamespace('label-declines', { 'sluice.dev/inject': 'false' })
    await comesTo(cluster, 'label-only', true)
    await annotate(cluster, 'label-only', 'false')
    await annotate(cluster, 'label-declines', 'true')
    await comesTo(cluster, 'label-only', false)
    await comesTo(cluster, 'label-declines', false)
    const asks = { namespace: 'label-only', labels: { 'sluice.dev/inject': 'true' } }
    ok(sidecarOf(await create(podOf('asks', asks))) !== undefined, 'a pod that asks itself is injected')
  })

  await t.test('helm upgrade takes nothing away, and what somebody overwrites is put back', async () => {
    const before = await until(
      () => entryOf(release),
      (entry) => entry?.namespaceSelector.matchExpressions[0].values.includes('label-declines') === true,
      WITHIN_MS
    )
    await release.upgrade({ commonLabels: { team: 'dubbing' } })
    await comesTo(cluster, 'dubbing', true)
    await until(
      () => entryOf(release),
      (entry) => entry?.clientConfig.url === before!.clientConfig.url,
      WITHIN_MS
    )
    deepStrictEqual(await entryOf(release), before)
    const configuration = await release.configuration()
    const webhooks = configuration.webhooks.filter(({ name }: Manifest) => name !== ENTRY)
    await cluster.admin.ok('PUT', await cluster.admin.pathOf(configuration, true), { ...configuration, webhooks })
    await until(
      () => entryOf(release),
      (entry) => entry !== undefined,
      WITHIN_MS
    )
    deepStrictEqual(await entryOf(release), before)
    await comesTo(cluster, 'dubbing', true)
  })

  await t.test('annotation removed, namespace gone: no more', async () => {
    await annotate(cluster, 'dubbing', null)
    await comesTo(cluster, 'dubbing', false)
    for (const name of ['asked-before', 'later', 'label-declines']) await annotate(cluster, name, 'false')
    await comesTo(cluster, 'later', false)
    await until(
      () => entryOf(release),
      (entry) => entry === undefined,
      WITHIN_MS
    )
  })
})

test('mounted certificates: the rights that the chart gives are enough, and the authority is that of the others', {
  skip,
  timeout: 180_000
}, async (t) => {
  const certificates = makeCertificates()
  ok(certificates !== null, 'there is no openssl here')
  const caBundle = readFileSync(certificates.caFile).toString('base64')
  const tls = { certFile: certificates.serverCertFile, keyFile: certificates.serverKeyFile }
  const more = { certificates: { source: 'secret', secret: { name: 'mounted', caBundle } } }
  const { cluster, release } = await setUp(t, { tls, more })
  await release.startInjector()
  await annotate(cluster, 'dubbing', 'true')
  await comesTo(cluster, 'dubbing', true)
  strictEqual((await entryOf(release))!.clientConfig.caBundle, caBundle)
  const account = cluster.client(await cluster.tokenOf(SYSTEM, release.account))
  strictEqual((await account.request('GET', '/api/v1/namespaces')).status, 200)
  strictEqual((await account.request('GET', `/api/v1/namespaces/${SYSTEM}/secrets`)).status, 403)
})

test('switched off, there is no right to namespaces, and a webhook that is left over selects nobody', {
  skip,
  timeout: 180_000
}, async (t) => {
  const { cluster, release } = await setUp(t, { more: { webhook: { namespacesByAnnotation: false } } })
  await release.startInjector()
  const account = cluster.client(await cluster.tokenOf(SYSTEM, release.account))
  strictEqual((await account.request('GET', '/api/v1/namespaces')).status, 403)
  await annotate(cluster, 'dubbing', 'true')
  const configuration = await release.configuration()
  const model = configuration.webhooks.find(({ clientConfig }: Manifest) => clientConfig.url.endsWith('/labelled-namespaces'))
  const left = {
    ...model,
    name: ENTRY,
    namespaceSelector: {},
    clientConfig: { ...model.clientConfig, url: model.clientConfig.url.replace('labelled', 'annotated') }
  }
  const webhooks = [...configuration.webhooks, left]
  await cluster.admin.ok('PUT', await cluster.admin.pathOf(configuration, true), { ...configuration, webhooks })
  strictEqual(sidecarOf(await cluster.admin.create(podOf('asked'), { dryRun: true })), undefined)
  await cluster.makeNamespace('labelled', { 'sluice.dev/inject': 'true' })
  await comesTo(cluster, 'labelled', true)
})
