import { deepStrictEqual, match, notStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { RefusedError } from '../../../src/errors.ts'
import type { GpuSample } from '../../../src/facts/facts.ts'
import { parseNodeAnswer } from '../../../src/facts/node/node-answer.ts'
import { NODE_FACTS_PATH, type NodeFactsRequest, type NodeGpuFacts, nodeFactsHandler } from '../../../src/facts/node/node-facts.ts'
import { NODE_SOURCE_DEFAULTS, type NodeSourceOptions, openNodeGpuFacts } from '../../../src/facts/node/node-source.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { GPU_0, GPU_1, gpu, HandGpus, MIG_1, mig } from '../../support/gpu-devices.ts'
import { eventually } from '../../support/raw-client.ts'

const TOKEN = 'a-shared-token'
const PODS: Record<string, Record<string, string>> = {
  '10.1.0.1': { 'k8s.pod.uid': 'u-a', 'k8s.pod.name': 'a', 'k8s.namespace.name': 'gpu' },
  '10.1.0.2': { 'k8s.pod.uid': 'u-b', 'k8s.pod.name': 'b', 'k8s.namespace.name': 'gpu' }
}
const pods = {
  byIp: (ip: string) => PODS[ip],
  byUid: (uid: string) => Object.values(PODS).find((each) => each['k8s.pod.uid'] === uid),
  uidOfPid: (pid: number) => ({ 1: 'u-a', 2: 'u-b' })[pid]
}
const owner = (pod: string, podUid?: string) => ({ namespace: 'gpu', pod, podUid, container: 'worker' })

/** Pods a and b share a GPU; a has an instance of another one. */
function world(): HandGpus {
  const gpus = new HandGpus()
  gpus.list = [gpu(GPU_0, 0), mig(MIG_1, GPU_0, 1), gpu(GPU_1, 1)]
  gpus.ownersOf = (uuid) => (uuid === GPU_1 ? [owner('a', 'u-a'), owner('b')] : uuid === MIG_1 ? [owner('a', 'u-a')] : [])
  gpus.round({ [GPU_1]: [1, 2, 3] }, 1_000)
  return gpus
}

const ask = (token: string | undefined, request: Partial<NodeFactsRequest>) =>
  nodeFactsHandler({ gpu: world(), pods, token })({ headers: {}, remoteAddress: undefined, ...request })

test('a pod is shown its own devices, and of a shared one its own processes and name', () => {
  const f = (remoteAddress: string, uuids: string[], pids: number[], owners: string[]): void => {
    const answer = ask(undefined, { remoteAddress })
    strictEqual(answer.status, 200)
    const facts: NodeGpuFacts = JSON.parse(answer.body)
    deepStrictEqual(
      facts.devices.map(({ device }) => device.uuid),
      uuids
    )
    const shared = facts.devices.at(-1)
    deepStrictEqual(
      shared?.sample?.processes.map(({ pid }) => pid),
      pids
    )
    deepStrictEqual(
      shared?.owners.map(({ pod }) => pod),
      owners
    )
  }
  f('10.1.0.1', [MIG_1, GPU_1], [1], ['a'])
  f('10.1.0.2', [GPU_1], [2], ['b'])
})

test('who asks is known by address, or by the shared token and a uid; everybody else is refused', () => {
  const f = (expected: number, token: string | undefined, remoteAddress: string, uid?: string, given?: string): void => {
    const headers = { ...(uid === undefined ? {} : { 'x-sluice-pod-uid': uid }), ...(given === undefined ? {} : { authorization: given }) }
    const { status, body } = ask(token, { remoteAddress, headers })
    strictEqual(status, expected)
    if (expected !== 200) ok(!body.includes('GPU-') && !body.includes(TOKEN), body)
  }
  f(200, undefined, '10.1.0.1')
  f(200, undefined, '10.1.0.1', 'u-a')
  f(403, undefined, '10.1.0.1', 'u-b')
  f(403, TOKEN, '10.1.0.1', 'u-b', `Bearer ${TOKEN}`)
  f(403, undefined, '10.9.9.9')
  f(403, undefined, '10.9.9.9', 'u-a')
  f(403, undefined, '10.9.9.9', 'u-a', 'Bearer undefined')
  f(403, TOKEN, '10.9.9.9', undefined, `Bearer ${TOKEN}`)
  f(403, TOKEN, '10.9.9.9', 'u-a')
  f(401, TOKEN, '10.9.9.9', 'u-a', 'Bearer wrong')
  f(401, TOKEN, '10.9.9.9', 'u-a', `Bearer ${TOKEN} `.replace(' ', '  '))
  f(404, TOKEN, '10.9.9.9', 'u-z', `Bearer ${TOKEN}`)
  f(200, TOKEN, '10.9.9.9', 'u-a', `Bearer ${TOKEN}`)
  strictEqual(ask(undefined, {}).status, 403)
})

test('what a node of another version answers is taken over as far as it has the right shape', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const device = { uuid: 'GPU-1', index: 0, mig: value }
      parseNodeAnswer(
        JSON.stringify({
          version: 1,
          state: value,
          devices: [value, { device, owners: value, sample: { atMs: 1, more: value, processes: value } }]
        })
      )
    })
  )
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        parseNodeAnswer(text)
      } catch (error) {
        ok(error instanceof RefusedError)
      }
    })
  )
  const odd = {
    version: 1,
    state: 'new',
    devices: [{ device: { uuid: 'GPU-1', index: 0 }, sample: { atMs: 5, powerWatts: 'x', temperature: 40, more: { a: 1, b: '2' } } }]
  }
  const facts = parseNodeAnswer(JSON.stringify(odd))
  strictEqual(facts.state, 'failed')
  const { powerWatts, temperature, more } = facts.devices[0].sample as GpuSample
  deepStrictEqual({ powerWatts, temperature, more }, { powerWatts: undefined, temperature: 40, more: { a: 1 } })
})

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function source(t: TestContext, url: string, parts: Partial<NodeSourceOptions> = {}) {
  const facts = openNodeGpuFacts(
    { ...NODE_SOURCE_DEFAULTS, url, intervalMs: 5, token: undefined, podUid: 'u-a', ...parts },
    { info: () => undefined, warn: () => undefined },
    new Metrics()
  )
  t.after(() => facts.stop())
  return facts
}

test('a sidecar asks its node, and answers from memory what the node knows', async (t) => {
  const gpus = world()
  const handler = nodeFactsHandler({ gpu: gpus, pods, token: TOKEN })
  const url = await serve(t, ({ url, headers, socket }, response) => {
    strictEqual(url, NODE_FACTS_PATH)
    const answer = handler({ headers, remoteAddress: socket.remoteAddress })
    response.writeHead(answer.status, answer.headers).end(answer.body)
  })
  const facts = source(t, url, { token: TOKEN })
  deepStrictEqual([facts.state.state, facts.state.source, facts.devices()], ['starting', 'node', []])
  await facts.ready
  strictEqual(facts.state.state, 'ok')
  deepStrictEqual(
    facts.devices().map(({ uuid }) => uuid),
    [MIG_1, GPU_1]
  )
  deepStrictEqual(facts.owners(GPU_1), [owner('a', 'u-a')])
  let rounds = 0
  const stop = facts.onSample(() => rounds++)
  const sample = (atMs: number, powerWatts: number): void => {
    gpus.samples.set(GPU_1, { atMs, powerWatts, more: {}, processes: [] })
  }
  sample(2_000, 100)
  await eventually(() => facts.latest(GPU_1)?.atMs === 2_000)
  sample(4_000, 300)
  await eventually(() => facts.latest(GPU_1)?.atMs === 4_000)
  strictEqual(rounds, 2, 'the same sample twice is no round')
  stop()
  strictEqual(facts.at(GPU_1, 3_000)?.powerWatts, 100)
  strictEqual(facts.over(GPU_1, 2_000, 4_000)?.energyJoules, 400)
  strictEqual(facts.over(GPU_0, 2_000, 4_000), undefined)
  gpus.state = { state: 'hung', sinceMs: 0, remedy: 'reboot', source: 'nvidia-smi' }
  await eventually(() => facts.state.state === 'hung')
  strictEqual(facts.state.remedy, 'on the node: reboot')
  gpus.ownersOf = () => []
  gpus.state = { ...gpus.state, state: 'ok' }
  await eventually(() => facts.state.state === 'no devices')
})

test('a node that refuses, breaks, hangs or is not there is told; what was known stays, and it is asked again', async (t) => {
  const good = ask(undefined, { remoteAddress: '10.1.0.1' }).body
  let listener: RequestListener = (_, response) => void response.end(good)
  const url = await serve(t, (request, response) => listener(request, response))
  const facts = source(t, url, { timeoutMs: 2_000 })
  await facts.ready
  const f = async (broken: RequestListener, state: string, remedy: RegExp): Promise<void> => {
    const { state: before } = facts
    listener = broken
    await eventually(() => facts.state !== before && facts.state.state === state && remedy.test(facts.state.remedy))
    strictEqual(facts.devices().length, 2)
    notStrictEqual(facts.latest(GPU_1), undefined)
    listener = (_, response) => void response.end(good)
    await eventually(() => facts.state.state === 'ok')
  }
  await f((_, response) => void response.writeHead(403).end(), 'permission', /403/)
  await f((_, response) => void response.writeHead(503).end(), 'failed', /503/)
  await f((_, response) => void response.end('<html>'), 'failed', /not JSON/)
  await f((_, response) => void response.end('{"version":2}'), 'failed', /version 1/)
  await f(() => undefined, 'failed', /no whole answer within 2000 ms/)
  await f((_, response) => void response.socket?.destroy(), 'failed', /ECONNRESET/)
  const gone = source(t, 'http://127.0.0.1:9')
  await gone.ready
  match(gone.state.remedy, /ECONNREFUSED/)
  deepStrictEqual([gone.devices(), gone.latest(GPU_1), gone.owners(GPU_1)], [[], undefined, []])
})
