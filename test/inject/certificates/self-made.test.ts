import { deepStrictEqual, match, ok, rejects, strictEqual } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Signed } from '../../../src/inject/certificates/make.ts'
import { readMaterial, type Terms } from '../../../src/inject/certificates/material.ts'
import { type Deed, SelfMadeCertificates } from '../../../src/inject/certificates/self-made.ts'
import { KubernetesApi } from '../../../src/inject/kubernetes-api.ts'
import {
  CONFIGURATION,
  CONFIGURATION_PATH,
  configuration,
  emptySecret,
  KubeApi,
  LEAST_RIGHTS,
  NAMESPACE,
  SECRET,
  SECRET_PATH
} from '../../support/kube-api.ts'

const HOUR = 3_600_000
const TERMS: Terms = {
  names: ['sluice-injector.sluice.svc'],
  lifetimeMs: 10 * HOUR,
  authorityLifetimeMs: 100 * HOUR,
  renewAt: 0.5,
  settleMs: HOUR,
  skewMs: 0
}

interface Replica {
  readonly certificates: SelfMadeCertificates
  readonly served: Signed[]
  readonly deeds: Deed[]
}

async function setUp(t: TestContext) {
  const api = await KubeApi.start(t)
  api.put(SECRET_PATH, emptySecret())
  api.put(CONFIGURATION_PATH, configuration())
  const clock = { nowMs: Date.now() }
  const replica = (): Replica => {
    const client = new KubernetesApi({ ...api.settings, timeoutMs: 2_000, env: {} })
    t.after(() => client.close())
    const served: Signed[] = []
    const deeds: Deed[] = []
    const certificates = new SelfMadeCertificates(client, async (serving) => void served.push(serving), {
      terms: TERMS,
      namespace: NAMESPACE,
      secret: SECRET,
      configuration: CONFIGURATION,
      nowMs: () => clock.nowMs,
      done: (deed) => void deeds.push(deed)
    })
    return { certificates, served, deeds }
  }
  const kept = () => readMaterial(api.objects.get(SECRET_PATH)?.data)
  return { api, clock, replica, kept }
}

test('the first look makes all of it, with the least rights, and the next ones ask and change nothing', async (t) => {
  const { api, replica, kept } = await setUp(t)
  const { certificates, served, deeds } = replica()
  match(certificates.unready(Date.now())!, /no certificate yet/)
  await certificates.check()
  strictEqual(certificates.unready(Date.now()), null)
  deepStrictEqual(deeds, ['secret-written', 'bundle-patched'])
  deepStrictEqual(served, [kept()!.serving])
  for (const i of [0, 1]) strictEqual(api.bundle(i), kept()!.authorities.join(''))
  deepStrictEqual(Object.keys(certificates.validity()), ['serving', 'authority'])
  api.asked.length = 0
  await certificates.check()
  deepStrictEqual(api.asked, [`get ${CONFIGURATION_PATH} 200`, `get ${SECRET_PATH} 200`])
  strictEqual(served.length, 1)
})

test('of replicas that start at once one writes, and all serve the same', async (t) => {
  const { api, replica, kept } = await setUp(t)
  // All have read before the first writes.
  let readers = 0
  let go = (): void => undefined
  const all = new Promise<void>((resolve) => {
    go = resolve
  })
  api.intercept = async (verb, path) => {
    if (verb === 'get' && path === SECRET_PATH && ++readers === 4) go()
    if (verb === 'update') await all
    return undefined
  }
  const replicas = [replica(), replica(), replica(), replica()]
  await Promise.all(replicas.map(({ certificates }) => certificates.check()))
  strictEqual(replicas.flatMap(({ deeds }) => deeds).filter((deed) => deed === 'secret-written').length, 1)
  strictEqual(api.asked.filter((line) => line === `update ${SECRET_PATH} 409`).length, 3)
  for (const { served, certificates } of replicas) {
    deepStrictEqual(served, [kept()!.serving])
    strictEqual(certificates.unready(Date.now()), null)
  }
})

test('whoever has read an old Secret does not take back the bundle of a newer one', async (t) => {
  const { api, clock, replica, kept } = await setUp(t)
  const [slow, quick] = [replica(), replica()]
  await slow.certificates.check()
  const before = kept()!
  // Somebody wipes the bundle. Before the slow one has put it back, the quick one has announced another authority.
  api.put(CONFIGURATION_PATH, configuration())
  let isHeld = false
  api.intercept = async (verb) => {
    if (verb === 'patch' && !isHeld) {
      isHeld = true
      clock.nowMs += 60 * HOUR
      for (let i = 0; i < 3; i++) await quick.certificates.check()
    }
    return undefined
  }
  await slow.certificates.check()
  ok(api.asked.includes(`patch ${CONFIGURATION_PATH} 409`))
  deepStrictEqual([kept()!.authorities.length, kept()!.authorities[1]], [2, before.authorities[0]])
  strictEqual(api.bundle(), kept()!.authorities.join(''))
  deepStrictEqual(slow.served.at(-1), quick.served.at(-1))
})

test('what somebody has overwritten, damaged or deleted is put back without another certificate', async (t) => {
  const { api, replica, kept } = await setUp(t)
  const { certificates, served } = replica()
  await certificates.check()
  const [before, bundle] = [kept()!, api.bundle()]
  const f = async (damage: () => void): Promise<void> => {
    damage()
    await certificates.check()
    deepStrictEqual(kept(), before)
    deepStrictEqual([api.bundle(0), api.bundle(1)], [bundle, bundle])
    strictEqual(certificates.unready(Date.now()), null)
  }
  await f(() => api.put(CONFIGURATION_PATH, configuration()))
  await f(() => {
    const changed = api.objects.get(CONFIGURATION_PATH)!
    changed.webhooks[1].clientConfig.caBundle = Buffer.from(before.serving.certificate).toString('base64')
    changed.webhooks.push({ ...structuredClone(changed.webhooks[0]), name: 'third.inject.sluice.dev', clientConfig: {} })
    api.put(CONFIGURATION_PATH, changed)
  })
  await f(() => api.put(SECRET_PATH, emptySecret()))
  await f(() => api.put(SECRET_PATH, { ...emptySecret(), data: { 'tls.crt': 'eA==', 'ca.crt': '' } }))
  strictEqual(served.length, 1)
  // Without the right to create, a Secret that is gone is a matter for people.
  api.objects.delete(SECRET_PATH)
  await rejects(certificates.check(), /Secret sluice-injector-tls does not exist and may not be made here: create it, empty/)
  strictEqual(certificates.unready(Date.now()), null)
  api.renewToken('token-2', [...LEAST_RIGHTS, { verbs: ['create'], resource: 'secrets' }])
  await f(() => undefined)
})

test('what is missing or forbidden is said in words, and never a token', async (t) => {
  const { api, replica } = await setUp(t)
  const f = async (change: () => void, words: RegExp, reason: RegExp): Promise<void> => {
    change()
    const { certificates } = replica()
    await rejects(certificates.check(), (error: Error) => {
      match(error.message, words)
      return !error.message.includes('token-')
    })
    match(certificates.unready(Date.now()) ?? 'ready', reason)
  }
  await f(
    () => api.objects.delete(CONFIGURATION_PATH),
    /MutatingWebhookConfiguration sluice-injector does not exist/,
    /does not name the authority/
  )
  api.put(CONFIGURATION_PATH, configuration())
  await f(() => api.renewToken('token-2', []), /GET \/apis\/.*: answered 403: .* cannot get/, /no certificate yet/)
  await f(() => api.renewToken('token-3', LEAST_RIGHTS.slice(1)), /GET .*secrets\/sluice-injector-tls: answered 403/, /no certificate yet/)
  await f(() => api.rights.clear(), /answered 401/, /no certificate yet/)
  api.renewToken('token-4', LEAST_RIGHTS)
  api.intercept = async () => 503
  await f(() => undefined, /answered 503/, /no certificate yet/)
  api.intercept = async (verb) => (verb === 'get' ? undefined : 409)
  await f(() => undefined, /answered 409/, /no certificate/)
  ok(api.asked.filter((line) => line.endsWith('409')).length <= 5)
})

test('an authority is announced, then serves, then leaves; callers with either bundle are served throughout', async (t) => {
  const { api, clock, replica, kept } = await setUp(t)
  const [one, two] = [replica(), replica()]
  const check = async (): Promise<void> => {
    await one.certificates.check()
    await two.certificates.check()
  }
  await check()
  const first = kept()!
  clock.nowMs += 50 * HOUR
  await check()
  // The certificate ended long ago: one replica has made another, and the other one the authority.
  ok(kept()!.serving.certificate !== first.serving.certificate)
  const announced = kept()!
  deepStrictEqual([announced.authorities.length, announced.authorities[1]], [2, first.authorities[0]])
  strictEqual(api.bundle(), announced.authorities.join(''))
  clock.nowMs += HOUR / 2
  await check()
  deepStrictEqual(kept(), announced)
  clock.nowMs += HOUR / 2
  await check()
  ok(kept()!.serving.certificate !== announced.serving.certificate)
  await check()
  deepStrictEqual(one.served.at(-1), two.served.at(-1))
  clock.nowMs += 50 * HOUR
  await check()
  await check()
  ok(!api.bundle().includes(first.authorities[0]))
  strictEqual(one.certificates.unready(clock.nowMs), null)
})
