import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeCertificates } from '../support/certificates.ts'
import { until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { deploymentOf, MACHINE, pythonWorker, resourcesOf } from './injected-worker.ts'
import { installChart } from './kubernetes-chart.ts'
import type { Manifest } from './kubernetes-client.ts'
import { freePorts, type KubernetesCluster, startKubernetes } from './kubernetes-cluster.ts'
import { kubernetesParts } from './kubernetes-parts.ts'
import { podOf, sidecarOf } from './kubernetes-pods.ts'
import { callWebhooksByUrl } from './kubernetes-release.ts'
import type { Image } from './pod-container.ts'
import { type NetworkNamespace, NodeNetwork } from './pod-network.ts'
import type { Surroundings } from './pod-resolver.ts'
import { type RunningPod, runPod } from './pod-runner.ts'
import { makeSluiceImage } from './sluice-image.ts'

const { skip: skipKubernetes, parts } = await kubernetesParts('helm', 'etcd', 'kubeApiServer', 'kubeControllerManager')
const worker = pythonWorker()
const skip = skipKubernetes || worker.skip
const [SPANS, ERROR_EVERY, LOGS] = [10_000, 50, 500]
const SYSTEM = 'telemetry'
const NODE = 'gpu-node-1'

test('from helm install to telemetry: injector, worker, sidecar and gateway as pods of one cluster', {
  skip,
  timeout: 240_000
}, async (t) => {
  const dir = temporaryDirectory()
  const node = await NodeNetwork.open(t)
  const backend = await OtlpBackend.start(t, { host: node.outside })
  const cluster = await startKubernetes(t, parts!)
  await cluster.admin.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: NODE } })
  const [webhookPort, adminPort] = await freePorts(2)
  const values = {
    backends: { otlp: { enabled: true, endpoint: `http://${node.outside}:${backend.port}` } },
    daemonset: { enabled: false },
    gateway: { enabled: true, replicas: 1 },
    injector: {
      replicas: 1,
      // The API server is on this machine's loopback, so the injector has to be, too.
      hostNetwork: true,
      ports: { webhook: webhookPort, admin: adminPort },
      server: { tls: { names: ['127.0.0.1'], checkInterval: '200ms' }, drainDelay: '0s' }
    }
  }
  await installChart(parts!.helm, { values, namespace: SYSTEM, kubeconfig: cluster.kubeconfig })
  const image = makeSluiceImage(dir)
  const hostsFile = join(dir, 'hosts')
  const kubelet: Kubelet = { t, cluster, dir, hostsFile, imageOf: ({ name }) => (name === 'sluice' ? image : MACHINE) }

  const gatewayNetwork = await node.addPod()
  writeFileSync(hostsFile, `127.0.0.1 localhost\n${gatewayNetwork.address} sluice-gateway.${SYSTEM}.svc\n`)
  const gateway = await runFirst(kubelet, SYSTEM, 'gateway', gatewayNetwork)
  const injector = await runFirst(kubelet, SYSTEM, 'injector', { pid: process.pid, address: '127.0.0.1' })
  await callWebhooksByUrl(cluster, await webhooksOf(cluster), webhookPort)
  await until(
    async () => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).status,
    (status) => status === 200
  )

  await cluster.makeNamespace('dubbing')
  await cluster.admin.create(deploymentOf(`exec ${worker.lineOf(SPANS, ERROR_EVERY, LOGS)}`, {}))
  const running = await runFirst(kubelet, 'dubbing', 'tts', await node.addPod())
  ok(sidecarOf(running.pod) !== undefined)
  const program = running.containers.get('worker')!
  strictEqual(await program.ended(), 0, program.lines.join('\n'))
  const errors = new Set((JSON.parse(program.lines.at(-1)!) as { errors: string[] }).errors)
  deepStrictEqual(await running.stop(), { worker: 0, sluice: 0 })
  deepStrictEqual(await gateway.stop(), { sluice: 0 })
  deepStrictEqual(await injector.stop(), { sluice: 0 })

  for (const span of backend.records('traces')) errors.delete(span.spanId.toString('hex'))
  strictEqual(errors.size, 0)
  strictEqual(new Set(backend.records('logs').map(({ body }) => body.stringValue)).size, LOGS)
  const { name, uid } = running.pod.metadata
  for (const signal of ['traces', 'logs', 'metrics'] as const) {
    for (const resource of resourcesOf(backend, signal)) {
      deepStrictEqual([resource['k8s.pod.name'], resource['k8s.pod.uid']], [name, uid])
      deepStrictEqual([resource['k8s.deployment.name'], resource['k8s.node.name']], ['tts', NODE])
    }
  }
  deepStrictEqual(backend.violations, [])
})

test('with a certificate of the cluster’s own in a Secret', { skip, timeout: 240_000 }, async (t) => {
  const dir = temporaryDirectory()
  const cluster = await startKubernetes(t, parts!)
  await cluster.admin.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: NODE } })
  await cluster.makeNamespace(SYSTEM)
  const { caFile, serverCertFile, serverKeyFile } = makeCertificates()!
  const read = (file: string): string => readFileSync(file).toString('base64')
  const metadata = { name: 'own-tls', namespace: SYSTEM }
  const data = { 'tls.crt': read(serverCertFile), 'tls.key': read(serverKeyFile) }
  await cluster.admin.create({ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata, data })
  const [webhookPort, adminPort] = await freePorts(2)
  const certificates = { source: 'secret', secret: { name: 'own-tls', caBundle: read(caFile) } }
  const ports = { webhook: webhookPort, admin: adminPort }
  const values = { daemonset: { enabled: false }, injector: { replicas: 1, hostNetwork: true, ports, certificates } }
  await installChart(parts!.helm, { values, namespace: SYSTEM, kubeconfig: cluster.kubeconfig })
  const image = makeSluiceImage(dir)
  const injector = await runFirst({ t, cluster, dir, hostsFile: '/etc/hosts', imageOf: () => image }, SYSTEM, 'injector', {
    pid: process.pid,
    address: '127.0.0.1'
  })
  await callWebhooksByUrl(cluster, await webhooksOf(cluster), webhookPort)
  await cluster.makeNamespace('dubbing')
  await until(
    () => cluster.admin.create(podOf('tts', { labels: { 'sluice.dev/inject': 'true' } }), { dryRun: true }),
    (pod) => sidecarOf(pod) !== undefined
  )
  strictEqual((await injector.stop()).sluice, 0)
})

/** The release's webhook configuration, which is named after it. */
async function webhooksOf({ admin }: KubernetesCluster): Promise<Manifest> {
  const configuration = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'MutatingWebhookConfiguration' }
  const { items } = await admin.ok('GET', await admin.pathOf(configuration, false))
  return { ...configuration, metadata: items.find(({ metadata }: Manifest) => metadata.name.includes('sluice')).metadata }
}

interface Kubelet {
  readonly t: { after(done: () => unknown): void }
  readonly cluster: KubernetesCluster
  readonly dir: string
  readonly hostsFile: string
  imageOf(container: Manifest): Image
}

/** Gives the pod of a controller, found by a part of its name, to the node, and runs it. */
async function runFirst(
  { t, cluster, dir, hostsFile, imageOf }: Kubelet,
  namespace: string,
  part: string,
  network: NetworkNamespace
): Promise<RunningPod & { readonly pod: Manifest }> {
  const { admin } = cluster
  const list = `/api/v1/namespaces/${namespace}`
  const isWanted = ({ metadata }: Manifest): boolean => metadata.name.includes(part)
  const { items } = await until(
    () => admin.ok('GET', `${list}/pods`),
    ({ items }) => items.some(isWanted)
  )
  const { name } = items.find(isWanted).metadata
  const target = { apiVersion: 'v1', kind: 'Node', name: NODE }
  await admin.ok('POST', `${list}/pods/${name}/binding`, { apiVersion: 'v1', kind: 'Binding', metadata: { name }, target })
  // A controller puts the authority of the API server into every namespace.
  const authority = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kube-root-ca.crt', namespace } }
  await until(
    () => admin.get(authority),
    (found) => found !== null
  )
  const stored = await admin.ok('GET', `${list}/pods/${name}`)
  const pod = { ...stored, status: { podIP: network.address, hostIP: network.address } }
  const objects: Manifest[] = []
  for (const kind of ['ConfigMap', 'Secret'])
    for (const object of (await admin.ok('GET', `${list}/${kind.toLowerCase()}s`)).items) objects.push({ kind, ...object })
  const { hostname, port } = new URL(cluster.url)
  const around: Surroundings = {
    object: (kind, wanted) => objects.find((object) => object.kind === kind && object.metadata.name === wanted),
    hostPaths: {},
    token: await cluster.tokenOf(namespace, pod.spec.serviceAccountName),
    env: { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port },
    hostsFile
  }
  const place = join(dir, name)
  mkdirSync(place)
  return { ...(await runPod(t, { pod, network, dir: place, imageOf, around })), pod }
}
