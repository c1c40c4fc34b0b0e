import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import type { Facts } from '../../src/facts/facts.ts'
import { Placement } from '../../src/facts/placement.ts'
import { beside, factsOf, type GpuParts } from '../support/gpu-facts.ts'

type Said = Record<string, string>

const owner = (pod: string, container?: string) => ({ namespace: 'media', pod, podUid: `uid-${pod}`, container })
const of = (pod: string): Said => ({ 'k8s.namespace.name': 'media', 'k8s.pod.name': pod })
const ONE: GpuParts[] = [{ uuid: 'GPU-a' }]
const TWO: GpuParts[] = [{ uuid: 'GPU-a' }, { uuid: 'GPU-b' }]
const OWNED: GpuParts[] = [
  { uuid: 'GPU-a', owners: [owner('stt'), owner('tts')] },
  { uuid: 'GPU-b', owners: [owner('tts')] },
  { uuid: 'GPU-c', owners: [owner('mux', 'first'), owner('mux', 'second')] },
  { uuid: 'GPU-d', owners: [owner('mux', 'second')] }
]

function placed(facts: Facts): Placement {
  const placement = new Placement(facts)
  placement.refresh(0, undefined)
  return placement
}

test('a sender has the GPUs of its pod, or the only one of a machine where nobody owns any', () => {
  const f = (gpus: readonly GpuParts[], said: Said, expected: string, parts: Parameters<typeof factsOf>[1] = {}): void =>
    strictEqual(
      placed(factsOf(gpus, parts))
        .gpusOf((key) => said[key])
        .map(({ uuid }) => uuid.slice(4))
        .join(),
      expected
    )
  f([], {}, '')
  f(ONE, {}, 'a')
  f(ONE, of('anybody'), 'a')
  f(TWO, {}, '')
  f(TWO, of('anybody'), '')
  f(TWO, {}, 'a,b', { source: 'node' })
  f(OWNED, of('stt'), 'a')
  f(OWNED, of('tts'), 'a,b')
  f(OWNED, { 'k8s.pod.uid': 'uid-tts' }, 'a,b')
  f(OWNED, { 'k8s.pod.uid': 'unknown', ...of('stt') }, 'a')
  f(OWNED, of('mux'), 'c,d')
  f(OWNED, { ...of('mux'), 'k8s.container.name': 'first' }, 'c')
  f(OWNED, { ...of('mux'), 'k8s.container.name': 'second' }, 'c,d')
  f(OWNED, { ...of('stt'), 'k8s.namespace.name': 'other' }, '')
  f(OWNED, {}, '')
  f(OWNED, {}, 'a', { pod: beside(of('stt')) })
  f([{ uuid: 'GPU-a', owners: [owner('stt')] }], of('mux'), '')
  f([{ uuid: 'GPU-a', owners: [owner('stt')] }], {}, 'a')
})

test('a GPU that is cut into instances is nobody’s', () => {
  const mig = { parent: 'GPU-a', gpuInstanceId: 1, computeInstanceId: 0, profile: '3g.40gb' }
  const gpus: GpuParts[] = [{ uuid: 'GPU-a' }, { uuid: 'MIG-1', device: { mig } }]
  deepStrictEqual(
    placed(factsOf(gpus))
      .gpusOf(() => undefined)
      .map(({ uuid }) => uuid),
    ['MIG-1']
  )
})

test('GPUs are named by UUID, bus id and index; an index counts among the sender’s own', () => {
  const f = (text: string, said: Said, expected: string): void => {
    const gpus = OWNED.map((gpu, i) => ({ ...gpu, index: i + 1, device: { pciBusId: `00000000:9${i}:00.0` } }))
    const placement = placed(factsOf(gpus))
    const named = placement.named(
      text,
      placement.gpusOf((key) => said[key])
    )
    strictEqual(named.map(({ uuid }) => uuid.slice(4)).join(), expected)
  }
  f('GPU-b', {}, 'b')
  f('GPU-b, GPU-c,GPU-b', {}, 'b,c')
  f('GPU-z', {}, '')
  f('1', {}, 'a')
  f('9', {}, '')
  f('nvidia2', {}, 'b')
  f('1', of('tts'), 'b')
  f('0,1', of('tts'), 'a,b')
  f('cuda:2', of('tts'), '')
  f('0000:92:00.0', {}, 'c')
  f('00000000:92:00.0', {}, 'c')
  f('', {}, '')
})

test('the pod that the gateway stands beside is everybody’s who does not name another', () => {
  const own = { ...of('stt'), 'k8s.node.name': 'n1' }
  const byUid = (uid: string) => (uid === 'uid-tts' ? of('tts') : undefined)
  const f = (said: Said, expected: Said | undefined, pod: Partial<Facts['pod']> = { ...beside(own), byUid }): void =>
    deepStrictEqual(
      placed(factsOf([], { pod })).podOf((key) => said[key]),
      expected
    )
  f({}, own)
  f(of('stt'), own)
  f(of('mux'), undefined)
  f({ 'k8s.pod.uid': 'uid-tts' }, of('tts'))
  f({}, undefined, { source: 'kubelet', own: () => own })
})

test('on a node, a sender that says nothing of its pod is the one whose address it came from', () => {
  const byIp = (ip: string) => ({ '10.0.0.5': of('stt'), '10.0.0.6': of('tts') })[ip]
  const placement = new Placement(factsOf(OWNED, { pod: { source: 'kubelet', byIp } }))
  const f = (sender: string | undefined, said: Said, expected: Said | undefined, gpus: number): void => {
    placement.refresh(0, sender)
    deepStrictEqual(
      placement.podOf((key) => said[key]),
      expected
    )
    strictEqual(placement.gpusOf((key) => said[key]).length, gpus)
  }
  f('10.0.0.5', {}, of('stt'), 1)
  f('10.0.0.6', {}, of('tts'), 2)
  f('10.0.0.7', {}, undefined, 0)
  f('10.0.0.6', of('mux'), undefined, 2) // names another pod: its own word counts
  f('10.0.0.6', of('tts'), of('tts'), 2)
  f(undefined, {}, undefined, 0)
  const epoch = placement.epoch
  placement.refresh(1, undefined)
  strictEqual(placement.epoch, epoch, 'the same sender again needs no new look')
})

test('devices and owners are looked at again after a second', () => {
  const owners: { namespace: string; pod: string; podUid: undefined; container: undefined }[] = []
  const placement = placed(factsOf([{ uuid: 'GPU-a', owners }, { uuid: 'GPU-b' }]))
  const gpus = (): number => placement.gpusOf((key) => of('stt')[key]).length
  owners.push({ namespace: 'media', pod: 'stt', podUid: undefined, container: undefined })
  placement.refresh(999, undefined)
  deepStrictEqual([gpus(), placement.epoch], [0, 1])
  placement.refresh(1000, undefined)
  deepStrictEqual([gpus(), placement.epoch], [1, 2])
})
