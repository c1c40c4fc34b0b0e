import { deepStrictEqual, match, strictEqual } from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { GpuOwner } from '../../../src/facts/facts.ts'
import { OWNERS_DEFAULTS, type OwnersOptions, openGpuOwners } from '../../../src/facts/gpu/owners.ts'
import type { NamedPod } from '../../../src/facts/pod/pod-facts.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { GPU_0, GPU_1, gpu, HandGpus, MIG_1, MIG_2, mig } from '../../support/gpu-devices.ts'
import { PodResources } from '../../support/pod-resources.ts'
import { eventually } from '../../support/raw-client.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

interface World {
  readonly pods?: Record<string, NamedPod>
  readonly processes?: Record<number, Record<string, string>>
  readonly own?: Record<string, string>
}

function open(t: TestContext, options: Partial<OwnersOptions>, { pods = {}, processes = {}, own }: World = {}) {
  const said: string[] = []
  const log = {
    info: (_: object, message: string) => void said.push(message),
    warn: (fields: object) => void said.push(JSON.stringify(fields))
  }
  const look = { own: () => own, byPid: (pid: number) => processes[pid], byName: (_: string, name: string) => pods[name] }
  const owners = openGpuOwners({ ...OWNERS_DEFAULTS, socket: undefined, ...options }, look, log, new Metrics())
  t.after(() => owners.stop())
  const gpus = new HandGpus()
  gpus.list = [gpu(GPU_0, 0), mig(MIG_1, GPU_0, 1), mig(MIG_2, GPU_0, 2), gpu(GPU_1, 1)]
  return { owners, gpus, said }
}

async function kubelet(t: TestContext): Promise<{ service: PodResources; socket: string }> {
  const service = new PodResources()
  const socket = join(temporaryDirectory(), 'kubelet.sock')
  await service.listen(socket)
  t.after(() => service.close())
  return { service, socket }
}

const owner = (pod: string, container: string, podUid?: string): GpuOwner => ({ namespace: 'gpu', pod, podUid, container })
const given = (name: string, ...deviceIds: string[]) => ({
  name,
  containers: [
    { name: 'worker', devices: [{ resourceName: 'nvidia.com/gpu', deviceIds, topology: { nodes: [{ ID: 1 }] } }], cpuIds: [1, 300] }
  ]
})

test('the kubelet’s answer names all owners: whole, shared, cut and GKE’s devices', async (t) => {
  const { service, socket } = await kubelet(t)
  service.pods = [
    given('first', `${GPU_1}::0`),
    given('second', `${GPU_1}::1`),
    given('third', 'nvidia1/vgpu3'),
    given('cut', MIG_1),
    {
      name: 'two',
      containers: [...given('', 'nvidia0/gi2').containers, { name: 'side', devices: [{ resourceName: 'any', deviceIds: [MIG_2] }] }]
    },
    {
      name: 'none',
      containers: [
        { name: 'c', memory: [{ memoryType: 'memory', size: 5 }] },
        { name: 'd', devices: [{ resourceName: 'nic', deviceIds: ['rdma0'] }] }
      ]
    },
    given('ended', GPU_1)
  ]
  const { owners, gpus, said } = open(
    t,
    { socket },
    { pods: { first: { uid: 'u-1', isOver: false }, ended: { uid: 'u-2', isOver: true } } }
  )
  await owners.ready
  deepStrictEqual(owners.owners(GPU_1), [])
  owners.watch(gpus)
  deepStrictEqual(owners.owners(GPU_1), [owner('first', 'worker', 'u-1'), owner('second', 'worker'), owner('third', 'worker')])
  deepStrictEqual(owners.owners(MIG_1), [owner('cut', 'worker')])
  deepStrictEqual(owners.owners(MIG_2), [owner('two', 'worker'), owner('two', 'side')])
  deepStrictEqual(owners.owners(GPU_0), [])
  deepStrictEqual(said, ['GPU owners: the kubelet tells who was given which device'])
})

test('a device of a claim is found where the claim names it by UUID', async (t) => {
  const { service, socket } = await kubelet(t)
  const claim = {
    claimName: 'c',
    claimNamespace: 'gpu',
    claimResources: [{ driverName: 'gpu.nvidia.com', cdiDevices: [{ name: `nvidia.com/gpu=${GPU_1}` }], deviceName: 'gpu-1' }]
  }
  service.pods = [{ name: 'dra', containers: [{ name: 'worker', dynamicResources: [claim] }] }]
  const { owners, gpus } = open(t, { socket })
  owners.watch(gpus)
  await owners.ready
  deepStrictEqual(owners.owners(GPU_1), [owner('dra', 'worker')])
})

test('processes tell of owners that never asked for a device, and each is named once', async (t) => {
  const { service, socket } = await kubelet(t)
  service.pods = [given('asked', GPU_1)]
  const attributes = (pod: string, container?: string): Record<string, string> => ({
    'k8s.namespace.name': 'gpu',
    'k8s.pod.name': pod,
    'k8s.pod.uid': `u-${pod}`,
    ...(container === undefined ? {} : { 'k8s.container.name': container })
  })
  const processes = {
    1: attributes('asked', 'worker'),
    2: attributes('guest', 'shell'),
    3: attributes('guest', 'shell'),
    4: attributes('asked')
  }
  const { owners, gpus } = open(t, { socket }, { processes })
  await owners.ready
  owners.watch(gpus)
  const asked = owner('asked', 'worker')
  gpus.round({ [GPU_1]: [1, 2, 3, 4, 99], [GPU_0]: [2] })
  deepStrictEqual(owners.owners(GPU_1), [asked, owner('guest', 'shell', 'u-guest')])
  deepStrictEqual(owners.owners(GPU_0), [], 'of a GPU that is cut up, the instances have owners')
  gpus.round({ [GPU_1]: [] })
  deepStrictEqual(owners.owners(GPU_1), [asked])
})

test('a sidecar’s pod owns what its variable names', (t) => {
  const own = { 'k8s.namespace.name': 'gpu', 'k8s.pod.name': 'w', 'k8s.pod.uid': 'u-w' }
  const { owners, gpus } = open(t, { visibleDevices: GPU_1 }, { own })
  owners.watch(gpus)
  deepStrictEqual(owners.owners(GPU_1), [{ namespace: 'gpu', pod: 'w', podUid: 'u-w', container: undefined }])
  deepStrictEqual(owners.owners(MIG_1), [])
})

test('a kubelet that hangs, refuses, talks nonsense or is gone is told, and asked again', async (t) => {
  const f = async (behaviour: PodResources['behaviour'], expected: RegExp): Promise<void> => {
    const { service, socket } = await kubelet(t)
    service.behaviour = behaviour
    service.pods = [given('p', GPU_1)]
    const { owners, gpus, said } = open(t, { socket, timeoutMs: 2_000, intervalMs: 5 })
    owners.watch(gpus)
    await owners.ready
    match(said[0], expected)
    service.behaviour = 'answer'
    await eventually(() => owners.owners(GPU_1).length === 1)
    strictEqual(said.length, 2)
  }
  await f('hang', /no whole answer within 2000 ms|gRPC status 4/)
  await f('refuse', /gRPC status 8/)
  await f('garbage', /cut off/)
  const { owners, said } = open(t, { socket: '/nonexistent/kubelet.sock' })
  await owners.ready
  match(said[0], /ENOENT: mount the directory/)
})

test('a kubelet that was restarted is found again at its new socket', async (t) => {
  const { service, socket } = await kubelet(t)
  service.pods = [given('before', GPU_1)]
  const { owners, gpus } = open(t, { socket, intervalMs: 5 })
  await owners.ready
  owners.watch(gpus)
  strictEqual(owners.owners(GPU_1)[0]?.pod, 'before')
  service.close()
  service.pods = [given('after', GPU_1)]
  await service.listen(socket)
  await eventually(() => owners.owners(GPU_1)[0]?.pod === 'after')
})
