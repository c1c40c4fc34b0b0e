import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeCertificates } from '../support/certificates.ts'
import { until } from '../support/gateway-process.ts'
import { skipWithoutRecordings } from '../support/nvidia-smi-recordings.ts'
import { replayMachine } from '../support/nvidia-smi-replay.ts'
import { openStandIn } from '../support/nvidia-smi-stand-in.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { PodResources } from '../support/pod-resources.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { attributesOf, deploymentOf, IDENTITY, inject, MACHINE, podFrom, pythonWorker, resourcesOf } from './injected-worker.ts'
import { objectOf, renderChart } from './kubernetes-chart.ts'
import type { Manifest } from './kubernetes-client.ts'
import { kubernetesParts } from './kubernetes-parts.ts'
import { addProgram } from './pod-container.ts'
import { type NetworkNamespace, NodeNetwork } from './pod-network.ts'
import { runPod } from './pod-runner.ts'
import { makeSluiceImage } from './sluice-image.ts'

const { skip: skipHelm, parts } = await kubernetesParts('helm')
const worker = pythonWorker()
const skip = skipHelm || worker.skip || skipWithoutRecordings
const [SPANS, ERROR_EVERY, LOGS] = [2000, 50, 10]
const TOKEN = 'token-of-the-node'

test('the chart’s gateway of the node tells a sidecar of its pod’s GPU, and spans carry it', { skip, timeout: 180_000 }, async (t) => {
  const dir = temporaryDirectory()
  const node = await NodeNetwork.open(t)
  const backend = await OtlpBackend.start(t, { host: node.outside })
  const endpoint = `http://${node.outside}:${backend.port}`
  const smi = openStandIn()
  const machine = replayMachine(smi)
  machine.show('load', 'idle')

  // The node: what the chart runs on it, the kubelet, and its socket of devices.
  const gateway = await node.addPod()
  const nodeAddress = node.giveNodeAddressTo(gateway)
  const resources = new PodResources()
  const pods = join(dir, 'pods.json')
  mkdirSync(join(dir, 'pod-resources'))
  await resources.listen(join(dir, 'pod-resources', 'kubelet.sock'))
  t.after(() => resources.close())
  const workerNetwork = await node.addPod()
  const devices = [{ resourceName: 'nvidia.com/gpu', deviceIds: [machine.uuids[0]] }]
  resources.pods = [{ name: IDENTITY['k8s.pod.name'], namespace: 'dubbing', containers: [{ name: 'worker', devices }] }]
  await startKubelet(t, gateway, nodeAddress, pods)

  const config = { exporters: { otlp: { endpoint } } }
  const script = `until [ -e /gate/open ]; do sleep 0.1; done; exec ${worker.lineOf(SPANS, ERROR_EVERY, LOGS)}`
  const deployment = await inject(dir, { config }, deploymentOf(script, {}))
  deployment.spec.template.spec.volumes.push({ name: 'gate', hostPath: { path: '/gate' } })
  deployment.spec.template.spec.containers[0].volumeMounts = [{ name: 'gate', mountPath: '/gate' }]
  const pod = podFrom(deployment, workerNetwork, nodeAddress)
  writeFileSync(pods, JSON.stringify([pod]))

  const image = makeSluiceImage(dir)
  // What the NVIDIA runtime brings into the container; the recording is played by a shell script.
  for (const program of ['sh', 'cat', 'sleep']) addProgram(image.files, `/bin/${program}`, `/bin/${program}`)
  const values = {
    backends: { otlp: { enabled: true, endpoint } },
    injector: { enabled: false },
    daemonset: {
      pods: { insecureKubelet: true },
      config: { facts: { gpu: { command: smi.command, interval: '1s' } } },
      extraVolumes: [{ name: 'driver', hostPath: { path: smi.folder } }],
      extraVolumeMounts: [{ name: 'driver', mountPath: smi.folder }]
    }
  }
  const objects = await renderChart(parts!.helm, { values, namespace: 'telemetry' })
  const hostPaths = {
    '/gate': join(dir, 'gate'),
    [smi.folder]: smi.folder,
    '/var/lib/kubelet/pod-resources': join(dir, 'pod-resources'),
    '/var/lib/sluice/telemetry_sluice': join(dir, 'queue')
  }
  const around = {
    object: (kind: string, name: string) =>
      name === 'kube-root-ca.crt'
        ? { kind, data: { 'ca.crt': '' } }
        : objects.find((object) => object.kind === kind && object.metadata.name === name),
    hostPaths,
    token: TOKEN
  }
  const onNode = await runPod(t, {
    pod: nodePodFrom(objectOf(objects, 'DaemonSet'), gateway, nodeAddress),
    network: gateway,
    dir: join(dir, 'node'),
    imageOf: () => image,
    around
  })
  const running = await runPod(t, {
    pod,
    network: workerNetwork,
    dir: join(dir, 'pod'),
    imageOf: ({ name }) => (name === 'sluice' ? image : MACHINE),
    around
  })
  await until(
    async () => {
      const page = await (await fetch(`http://${workerNetwork.address}:9464/metrics`)).text()
      return { isKnown: page.includes(machine.uuids[0]), node: onNode.containers.get('sluice')!.lines }
    },
    ({ isKnown }) => isKnown,
    40_000
  )
  writeFileSync(join(hostPaths['/gate'], 'open'), '')
  const program = running.containers.get('worker')!
  strictEqual(await program.ended(), 0, program.lines.join('\n'))
  deepStrictEqual(await running.stop(), { worker: 0, sluice: 0 })

  const spans = backend.records('traces')
  ok(spans.length > SPANS / ERROR_EVERY)
  const joined = spans.map(attributesOf).filter((attributes) => attributes['gpu.utilization'] !== undefined)
  ok(joined.length > 0.9 * spans.length, `${joined.length} of ${spans.length} spans know the GPU`)
  for (const resource of resourcesOf(backend, 'traces')) {
    strictEqual(resource['hw.id'], machine.uuids[0])
    strictEqual(resource['k8s.pod.uid'], IDENTITY['k8s.pod.uid'])
  }

  // A pod without a sidecar sends to the address of its node, which knows it by its own.
  const [before] = [backend.records('traces').length]
  const plain = deploymentOf(`export ${toNode(nodeAddress)}; exec ${worker.lineOf(SPANS, ERROR_EVERY, LOGS)}`, {})
  const other = {
    ...podFrom(plain, workerNetwork, nodeAddress),
    spec: { ...plain.spec.template.spec, nodeName: IDENTITY['k8s.node.name'] }
  }
  const bare = await runPod(t, { pod: other, network: workerNetwork, dir: join(dir, 'bare'), imageOf: () => MACHINE, around })
  strictEqual(await bare.containers.get('worker')!.ended(), 0)
  await until(
    () => backend.records('traces').length,
    (count) => count > before
  )
  strictEqual(resourcesOf(backend, 'traces').at(-1)!['k8s.pod.name'], IDENTITY['k8s.pod.name'])
  strictEqual((await onNode.stop()).sluice, 0)
  deepStrictEqual(backend.violations, [])
})

const toNode = (address: string): string => `OTEL_EXPORTER_OTLP_ENDPOINT=http://${address}:4318 OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`

async function startKubelet(
  t: { after(done: () => unknown): void },
  { pid }: NetworkNamespace,
  address: string,
  pods: string
): Promise<void> {
  const { serverCertFile, serverKeyFile } = makeCertificates()!
  const script = join(import.meta.dirname, 'kubelet-on-node.ts')
  const args = ['--net', `--target=${pid}`, process.execPath, script, address, serverCertFile, serverKeyFile, TOKEN, pods]
  const kubelet = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => kubelet.kill('SIGKILL'))
  await once(kubelet.stdout, 'data')
}

/** A pod of a DaemonSet on its node, with the token that the API server mounts into pods that want one. */
function nodePodFrom({ metadata, spec }: Manifest, { address }: NetworkNamespace, nodeAddress: string): Manifest {
  const { template } = spec
  const pod = structuredClone(template.spec)
  strictEqual(pod.automountServiceAccountToken, true)
  const sources = [{ serviceAccountToken: { path: 'token' } }, { configMap: { name: 'kube-root-ca.crt' } }]
  pod.volumes.push({ name: 'kube-api-access', projected: { sources } })
  const mount = { name: 'kube-api-access', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true }
  for (const container of pod.containers) container.volumeMounts.push(mount)
  return {
    metadata: { ...template.metadata, name: `${metadata.name}-abcde`, namespace: metadata.namespace, uid: 'uid-of-the-gateway' },
    spec: { ...pod, nodeName: IDENTITY['k8s.node.name'] },
    status: { podIP: address, hostIP: nodeAddress }
  }
}
