import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { Kubelet, pod } from '../support/kubelet.ts'
import { openStandIn } from '../support/nvidia-smi-stand-in.ts'
import { helpText } from '../support/nvidia-smi-texts.ts'
import { PodResources } from '../support/pod-resources.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const [MINE, OTHERS] = ['GPU-0d0d0d0d-1111-2222-3333-00000000000d', 'GPU-0e0e0e0e-1111-2222-3333-00000000000e']
const FIELDS = ['index', 'name', 'driver_version', 'memory.total', 'utilization.gpu', 'uuid']

test('a sidecar without nvidia-smi shows the GPU of its pod as the gateway of the node tells it, and no other', {
  timeout: 240_000
}, async (t) => {
  const dir = temporaryDirectory()
  const smi = openStandIn()
  smi.set('any', { status: 1 })
  smi.set('help-query-gpu', { stdout: helpText(...FIELDS.map((name) => [name])) })
  const rows = [`0, Model One, 599.1, 1000 MiB, 57 %, ${MINE}`, `1, Model One, 599.1, 1000 MiB, 11 %, ${OTHERS}`]
  smi.set('query-gpu', { stdout: `index, name, driver_version, memory.total [MiB], utilization.gpu [%], uuid\n${rows.join('\n')}\n` })

  const resources = new PodResources()
  const device = (id: string) => [{ resourceName: 'nvidia.com/gpu', deviceIds: [id] }]
  resources.pods = [
    { name: 'tts-1', containers: [{ name: 'worker', devices: device(MINE) }] },
    { name: 'stt-1', containers: [{ name: 'worker', devices: device(OTHERS) }] }
  ]
  await resources.listen(join(dir, 'kubelet.sock'))
  t.after(() => resources.close())
  const kubelet = new Kubelet()
  kubelet.pods = [pod({ name: 'tts-1', uid: 'uid-tts' }), pod({ name: 'stt-1', uid: 'uid-stt', ip: '10.1.0.6' })]
  const list = `http://${await kubelet.listen()}/pods`
  t.after(() => kubelet.close())
  writeFileSync(join(dir, 'token'), kubelet.token)

  const node = await startGateway(t, {
    yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: 127.0.0.1:0 } }
facts:
  gpu: { source: nvidia-smi, command: ${smi.command}, interval: 1s, podResources: ${join(dir, 'kubelet.sock')} }
  pod: { source: kubelet, kubelet: { url: "${list}", tokenFile: ${join(dir, 'token')}, interval: 1s } }
  listen: 127.0.0.1:0
  token: shared
admin: { listen: 127.0.0.1:0 }
`
  })
  const owners = await until(
    () => scrape(node, 'gpu_owner_info'),
    (found) => found.size === 2
  )
  strictEqual(sumOf(owners, `hw_id="${MINE}"`, 'k8s_pod_name="tts-1"', 'k8s_pod_uid="uid-tts"', 'k8s_container_name="worker"'), 1)
  const { listening } = node.log.find(({ msg }) => msg === 'ready') as { listening: { facts: string[] } }
  const url = `http://${listening.facts[0]}`
  const refused = await fetch(`${url}/v1/facts/gpu`)
  strictEqual(refused.status, 403, 'an address of no pod is told nothing')
  await refused.arrayBuffer()

  const sidecar = await startGateway(t, {
    yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: 127.0.0.1:0 } }
facts: { gpu: { command: ${join(dir, 'no-nvidia-smi')}, node: "${url}" }, token: shared }
admin: { listen: 127.0.0.1:0 }
`,
    env: { POD_NAME: 'tts-1', POD_NAMESPACE: 'gpu', POD_UID: 'uid-tts' }
  })
  const shown = await until(
    () => scrape(sidecar, 'hw_gpu_utilization_ratio'),
    (found) => found.size > 0
  )
  deepStrictEqual([...shown.values()], [0.57])
  ok([...shown.keys()][0].includes(MINE))
  strictEqual(sumOf(await scrape(sidecar, 'gpu_owner_info'), 'k8s_pod_name="tts-1"'), 1)
  for (const gateway of [sidecar, node]) strictEqual(await gateway.end('SIGTERM'), 0)
})
