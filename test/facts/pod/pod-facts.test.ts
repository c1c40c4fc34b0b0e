import { deepStrictEqual, match, ok, rejects, strictEqual, throws } from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { RefusedError } from '../../../src/errors.ts'
import { listPods } from '../../../src/facts/pod/kubelet.ts'
import { parseRules } from '../../../src/facts/pod/names.ts'
import { openPodFacts, POD_DEFAULTS, type PodOptions, type PodPlaces } from '../../../src/facts/pod/pod-facts.ts'
import { PodIndex } from '../../../src/facts/pod/pod-index.ts'
import { type KnownPod, readPod } from '../../../src/facts/pod/pod-object.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { makeCertificates, readPem } from '../../support/certificates.ts'
import { Kubelet, type PodParts, pod } from '../../support/kubelet.ts'
import { eventually } from '../../support/raw-client.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const ID = 'c0ffee'.repeat(11).slice(0, 64)
const UID = '0b9f9f0e-2c70-4a0e-9b40-6a1d9f2c6d11'

const silent = { info: () => undefined, warn: () => undefined }

function proc(cgroups: Record<string, string>): string {
  const made = temporaryDirectory()
  for (const pid in cgroups) {
    mkdirSync(join(made, pid))
    writeFileSync(join(made, pid, 'cgroup'), cgroups[pid])
  }
  return made
}

function open(t: TestContext, options: Partial<PodOptions>, places: Partial<PodPlaces>) {
  const facts = openPodFacts({ ...POD_DEFAULTS, directory: '/nonexistent', ...options }, silent, new Metrics(), {
    env: {},
    proc: '/nonexistent',
    namespaceFile: '/nonexistent',
    ...places
  })
  t.after(() => facts.stop())
  return facts
}

test('auto takes what speaks of a pod, and is off where nothing does', (t) => {
  const f = (options: Partial<PodOptions>, env: Record<string, string>, expected: string): void =>
    strictEqual(open(t, options, { env }).source, expected)
  f({}, {}, 'off')
  f({}, { POD_NAME: 'w' }, 'downward')
  f({}, { OTEL_RESOURCE_ATTRIBUTES: 'service.name=w' }, 'off')
  f({}, { KUBERNETES_SERVICE_HOST: '10.96.0.1' }, 'downward')
  f({ source: 'off' }, { POD_NAME: 'w' }, 'off')
  f({ source: 'downward' }, {}, 'downward')
})

test('a sidecar knows its own pod by uid, by address and by its neighbours’ processes', (t) => {
  const facts = open(
    t,
    {},
    {
      env: { POD_NAME: 'w', POD_NAMESPACE: 'gpu', POD_IP: '10.1.0.9' },
      proc: proc({ self: `0::/kubepods/pod${UID}/${ID}`, 7: `0::/kubepods/pod${UID}/${'d'.repeat(64)}`, 8: '0::/init.scope' })
    }
  )
  const own = facts.own()
  strictEqual(own?.['k8s.pod.uid'], UID)
  strictEqual(own['container.id'], undefined)
  deepStrictEqual([facts.byUid(UID), facts.byIp('10.1.0.9'), facts.byIp('::ffff:127.0.0.1'), facts.byPid(7)], [own, own, own, own])
  deepStrictEqual([facts.byUid('x'), facts.byIp('10.1.0.8'), facts.byPid(8), facts.byPid(9)], [undefined, undefined, undefined, undefined])
  strictEqual(facts.byContainerId(ID)?.['container.id'], ID)
  deepStrictEqual(facts.byName('gpu', 'w'), { uid: UID, isOver: false })
})

test('a gateway inside of the worker’s container can say so', (t) => {
  const facts = open(t, { ownContainer: true }, { env: { POD_NAME: 'w' }, proc: proc({ self: `0::/docker/${ID}` }) })
  strictEqual(facts.own()?.['container.id'], ID)
})

function node(t: TestContext, kubelet: Kubelet, at: string, cgroups: Record<string, string> = {}, askAgainMs = 5_000) {
  const tokenFile = join(temporaryDirectory(), 'token')
  writeFileSync(tokenFile, `${kubelet.token}\n`)
  const options = { ...POD_DEFAULTS.kubelet, url: `http://${at}/pods`, tokenFile, caFile: '/nonexistent', askAgainMs }
  return open(t, { source: 'kubelet', kubelet: options }, { proc: proc(cgroups) })
}

test('on a node, senders are known by uid, address, container and process', async (t) => {
  const kubelet = new Kubelet()
  t.after(() => kubelet.close())
  kubelet.pods = [
    pod({ name: 'a', uid: UID, ip: '10.1.0.1', containers: { worker: ID } }),
    pod({ name: 'b', ip: '10.1.0.2' }),
    pod({ name: 'host', ip: '10.0.0.1', hostNetwork: true })
  ]
  const facts = node(t, kubelet, await kubelet.listen(), {
    5: `0::/kubepods/pod${UID}/${ID}`,
    6: `0::/kubepods/pod${UID}/${'e'.repeat(64)}`
  })
  strictEqual(facts.byUid(UID), undefined)
  await facts.ready
  strictEqual(facts.own(), undefined)
  strictEqual(facts.byUid(UID)?.['k8s.pod.name'], 'a')
  strictEqual(facts.byIp('::ffff:10.1.0.2')?.['k8s.pod.name'], 'b')
  strictEqual(facts.byIp('10.0.0.1'), undefined)
  strictEqual(facts.byContainerId(ID)?.['k8s.container.name'], 'worker')
  strictEqual(facts.byPid(5)?.['k8s.container.name'], 'worker')
  strictEqual(facts.byPid(6)?.['k8s.pod.name'], 'a')
  strictEqual(facts.byPid(6)?.['k8s.container.name'], undefined)
  strictEqual(facts.byPid(7), undefined)
  deepStrictEqual(kubelet.asked, ['/pods'])
})

test('a sender who is not known is asked for once, soon; a second question about the same one waits for the next list', async (t) => {
  const kubelet = new Kubelet()
  t.after(() => kubelet.close())
  const facts = node(t, kubelet, await kubelet.listen(), {}, 0)
  await facts.ready
  kubelet.pods = [pod({ name: 'late', ip: '10.1.0.3' })]
  strictEqual(facts.byIp('10.1.0.3'), undefined)
  await eventually(() => facts.byIp('10.1.0.3') !== undefined)
  strictEqual(kubelet.asked.length, 2)
  strictEqual(facts.byIp('10.1.0.4'), undefined)
  await eventually(() => kubelet.asked.length === 3)
  for (let i = 0; i < 100; i++) {
    facts.byIp('10.1.0.4')
    await new Promise(setImmediate)
  }
  strictEqual(kubelet.asked.length, 3)
})

test('what the list of pods may do wrong is told, and ends in time', async (t) => {
  const kubelet = new Kubelet()
  t.after(() => kubelet.close())
  const at = await kubelet.listen()
  const tokenFile = join(temporaryDirectory(), 'token')
  writeFileSync(tokenFile, kubelet.token)
  const options = { url: `http://${at}/pods?secret=1`, tokenFile, caFile: '/nonexistent', insecure: false, timeoutMs: 60_000 }
  const f = async (behaviour: Kubelet['behaviour'], expected: RegExp, parts: Partial<typeof options> = {}): Promise<void> => {
    kubelet.behaviour = behaviour
    await rejects(listPods({ ...options, ...parts }, new AbortController().signal), (error) => {
      ok(error instanceof RefusedError)
      match(error.message, expected)
      ok(!error.message.includes('secret') && !error.message.includes(kubelet.token))
      return true
    })
  }
  await f('hang', /no whole answer within 50 ms/, { timeoutMs: 50 })
  await f('half', /ECONNRESET|aborted|broke off/)
  await f('nonsense', /not JSON/)
  await f('other', /not a list of pods/)
  await f('huge', /over \d+ bytes/)
  await f('answer', /answered 401: the token is not accepted/, { tokenFile: '/nonexistent' })
  await f('answer', /ECONNREFUSED/, { url: 'http://127.0.0.1:9/pods' })
})

test('the kubelet’s certificate is checked, unless told otherwise', async (t) => {
  const certificates = makeCertificates()
  if (certificates === null) return t.skip('no openssl command')
  const { caFile, serverCertFile, serverKeyFile } = certificates
  const kubelet = new Kubelet({ cert: readPem(serverCertFile)[0], key: readPem(serverKeyFile)[0] })
  t.after(() => kubelet.close())
  const tokenFile = join(temporaryDirectory(), 'token')
  writeFileSync(tokenFile, kubelet.token)
  const options = { url: `https://${await kubelet.listen()}/pods`, tokenFile, timeoutMs: 60_000 }
  const ask = (caFile: string, insecure: boolean) => listPods({ ...options, caFile, insecure }, new AbortController().signal)
  deepStrictEqual(await ask(caFile, false), [])
  deepStrictEqual(await ask('/nonexistent', true), [])
  await rejects(ask('/nonexistent', false), /CERT|UNABLE/)
  strictEqual(kubelet.asked.length, 2)
})

test('the API server is asked for one node only, never for all', (t) => {
  throws(() => open(t, { source: 'kubelet', kubelet: { ...POD_DEFAULTS.kubelet, ask: 'api' } }, {}), /NODE_NAME/)
})

test('a pod that is gone stays known for a while, but its address is the next one’s at once', () => {
  const known = (parts: PodParts): KnownPod => readPod(pod(parts), parseRules([]), parseRules([]))!
  const index = new PodIndex('/nonexistent')
  const name = () => index.byIp('10.1.0.1')?.['k8s.pod.name']
  index.replace([known({ name: 'a', ip: '10.1.0.1' })], 0)
  index.replace([], 1_000)
  deepStrictEqual([name(), index.byUid('uid-a')?.['k8s.pod.name']], ['a', 'a'])
  index.replace([known({ name: 'b', ip: '10.1.0.1' })], 60_000)
  deepStrictEqual([name(), index.byUid('uid-a')?.['k8s.pod.name']], ['b', 'a'])
  index.replace([known({ name: 'b', ip: '10.1.0.1' })], 121_000)
  deepStrictEqual([name(), index.byUid('uid-a'), index.size], ['b', undefined, 1])
  // One that has ended gives its address up in whatever order they come.
  const over = known({ name: 'c', ip: '10.1.0.1', phase: 'Succeeded' })
  const present = known({ name: 'd', ip: '10.1.0.1' })
  for (const pods of [
    [over, present],
    [present, over]
  ]) {
    index.replace(pods, 500_000)
    strictEqual(name(), 'd')
  }
})
