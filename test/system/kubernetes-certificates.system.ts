import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import type { Manifest } from './kubernetes-client.ts'
import { startKubernetes } from './kubernetes-cluster.ts'
import { kubernetesParts } from './kubernetes-parts.ts'
import { podOf, sidecarOf } from './kubernetes-pods.ts'
import { installRelease, type Release, type ServerAddress } from './kubernetes-release.ts'

const { skip, parts } = await kubernetesParts('helm', 'etcd', 'kubeApiServer')

const SYSTEM = 'sluice-system'
const ASKS = { labels: { 'sluice.dev/inject': 'true' } }
const ROTATES_FOR_MS = 20_000

test('pods are injected without a gap while certificates and authorities follow one another', { skip, timeout: 120_000 }, async (t) => {
  const cluster = await startKubernetes(t, parts!)
  const tls = { lifetime: '5s', authorityLifetime: '14s', renewAt: '50%', settle: '1s', clockSkew: '1s', checkInterval: '100ms' }
  const release = await installRelease(t, parts!.helm, cluster, SYSTEM, { tls })
  await release.startInjector()
  await cluster.makeNamespace('dubbing')
  const serials = new Set<string>()
  const bundles = new Set<string>()
  let pods = 0
  for (const startedMs = Date.now(); Date.now() - startedMs < ROTATES_FOR_MS; pods++) {
    const pod = await cluster.admin.create(podOf(`pod-${pods}`, ASKS))
    ok(sidecarOf(pod) !== undefined, `pod ${pods}, ${Date.now() - startedMs} ms after the start`)
    // The API server keeps connections; a new one must be trusted at any time, too.
    const bundle = await bundleOf(release)
    bundles.add(bundle.toString())
    serials.add(await serialAt(release.address, bundle))
    await sleep(20)
  }
  ok(serials.size >= 4, `${serials.size} certificates were served`)
  ok(bundles.size >= 4, `${bundles.size} bundles stood in the webhook configuration`)
  t.diagnostic(`${pods} pods, ${serials.size} certificates, ${bundles.size} bundles of authorities`)
})

test('replicas that start at once have one authority, and what somebody overwrites is put back', { skip, timeout: 120_000 }, async (t) => {
  const cluster = await startKubernetes(t, parts!)
  const release = await installRelease(t, parts!.helm, cluster, SYSTEM)
  const [, second, third] = await Promise.all([release.startInjector(), release.startReplica(), release.startReplica()])
  const bundle = await bundleOf(release)
  for (const { address } of [release, second, third]) await serialAt(address, bundle)

  await cluster.makeNamespace('dubbing')
  const configuration = await release.configuration()
  const webhooks = configuration.webhooks.map((webhook: Manifest) => ({
    ...webhook,
    clientConfig: { ...webhook.clientConfig, caBundle: '' }
  }))
  await cluster.admin.ok('PUT', await cluster.admin.pathOf(configuration, true), { ...configuration, webhooks })
  for (let tries = 0; (await bundleOf(release)).length === 0; tries++) {
    ok(tries < 200, 'the authority is put back')
    await sleep(50)
  }
  for (let tries = 0; sidecarOf(await cluster.admin.create(podOf('again', ASKS), { dryRun: true })) === undefined; tries++) {
    ok(tries < 200, 'pods are injected again')
    await sleep(50)
  }
})

test('helm upgrade leaves the certificate alone, and helm uninstall leaves nothing', { skip, timeout: 120_000 }, async (t) => {
  const cluster = await startKubernetes(t, parts!)
  const release = await installRelease(t, parts!.helm, cluster, SYSTEM)
  const injector = await release.startInjector()
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: release.secret, namespace: SYSTEM } }
  strictEqual(await injector.stop(), 0)
  const before = { bundle: await bundleOf(release), data: (await cluster.admin.get(secret))!.data }
  ok(Object.keys(before.data).length > 0)
  await release.upgrade({ commonLabels: { team: 'dubbing' } })
  const after = (await cluster.admin.get(secret))!
  strictEqual(after.metadata.labels.team, 'dubbing')
  deepStrictEqual({ bundle: await bundleOf(release), data: after.data }, before)

  await release.uninstall()
  const left: string[] = []
  for (const path of LISTS) {
    const { items } = await cluster.admin.ok('GET', `${path}?labelSelector=app.kubernetes.io/instance=sluice`)
    for (const { metadata } of items) left.push(`${path}/${metadata.name}`)
  }
  deepStrictEqual(left, [])
})

const LISTS = [
  ...['secrets', 'configmaps', 'services', 'serviceaccounts', 'pods'].map((name) => `/api/v1/${name}`),
  ...['deployments', 'daemonsets', 'statefulsets', 'replicasets'].map((name) => `/apis/apps/v1/${name}`),
  ...['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'].map((name) => `/apis/rbac.authorization.k8s.io/v1/${name}`),
  '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
  '/apis/policy/v1/poddisruptionbudgets',
  '/apis/networking.k8s.io/v1/networkpolicies',
  '/apis/scheduling.k8s.io/v1/priorityclasses'
]

// All webhooks are told the same authorities.
async function bundleOf(release: Release): Promise<Buffer> {
  const bundles = new Set<string>((await release.configuration()).webhooks.map(({ clientConfig }: Manifest) => clientConfig.caBundle ?? ''))
  strictEqual(bundles.size, 1)
  return Buffer.from([...bundles][0], 'base64')
}

/** The serial number of the certificate that is served there, to somebody who trusts these authorities and no others. */
async function serialAt({ host, port }: ServerAddress, ca: Buffer): Promise<string> {
  const socket = connect({ host, port, ca })
  await once(socket, 'secureConnect')
  const { serialNumber } = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber
}
