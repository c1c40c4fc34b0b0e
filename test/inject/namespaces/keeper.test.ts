import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { KubernetesApi } from '../../../src/inject/kubernetes-api.ts'
import { ENTRY } from '../../../src/inject/namespaces/entry.ts'
import { type NamespaceDeed, NamespaceKeeper } from '../../../src/inject/namespaces/keeper.ts'
import { until } from '../../support/gateway-process.ts'
import {
  CONFIGURATION,
  CONFIGURATION_PATH,
  configuration,
  KubeApi,
  LEAST_RIGHTS,
  NAMESPACE_RIGHTS,
  NAMESPACES_PATH
} from '../../support/kube-api.ts'

const ASKS = { 'sluice.dev/inject': 'true' }
const DECLINES = { 'sluice.dev/inject': 'false' }
/** So long that nothing is done by the clock alone. */
const NEVER_MS = 3_600_000

async function setUp(t: TestContext) {
  const api = await KubeApi.start(t)
  api.renewToken('token-2', [...LEAST_RIGHTS, ...NAMESPACE_RIGHTS])
  api.put(CONFIGURATION_PATH, configuration())
  for (const name of ['default', 'kube-system', 'dubbing']) api.putNamespace(name)
  const replica = (checkIntervalMs = NEVER_MS) => {
    const client = new KubernetesApi({ ...api.settings, timeoutMs: 2_000, env: {} })
    const deeds: NamespaceDeed[] = []
    const failures: string[] = []
    const keeper = new NamespaceKeeper(client, {
      configuration: CONFIGURATION,
      excluded: new Set(['kube-system']),
      checkIntervalMs,
      done: (deed) => void deeds.push(deed),
      failed: (error) => void failures.push((error as Error).message)
    })
    const kept = keeper.start()
    t.after(() => Promise.all([client.close(), kept.stop()]))
    return { keeper, kept, deeds, failures }
  }
  return { api, replica }
}

/** The namespaces that the configuration selects by name; undefined: there is no webhook for them. */
function selected(api: KubeApi): string[] | undefined {
  const entry = api.objects.get(CONFIGURATION_PATH)!.webhooks.find(({ name }: { name: string }) => name === ENTRY)
  return entry?.namespaceSelector.matchExpressions[0].values
}

const selects = (api: KubeApi, names: string[] | undefined): Promise<unknown> =>
  until(
    async () => selected(api)?.join(),
    (found) => found === names?.join(),
    5_000
  )

test('the namespaces that ask are selected by name, as they come, change and go', async (t) => {
  const { api, replica } = await setUp(t)
  api.putNamespace('first', ASKS)
  const { keeper, deeds, failures } = replica()
  await selects(api, ['first'])
  api.putNamespace('dubbing', ASKS)
  await selects(api, ['dubbing', 'first'])
  api.putNamespace('later', ASKS)
  await selects(api, ['dubbing', 'first', 'later'])
  api.putNamespace('dubbing', DECLINES)
  api.deleteNamespace('later')
  await selects(api, ['first'])
  deepStrictEqual(
    [keeper.declines('dubbing'), keeper.declines('first'), keeper.declines('default'), keeper.declines(undefined)],
    [true, false, false, false]
  )
  api.putNamespace('first', { 'sluice.dev/inject': 'yes' })
  await selects(api, undefined)
  ok(keeper.declines('first'), 'what nobody understands is no yes')
  deepStrictEqual(failures, [])
  strictEqual(deeds.filter((deed) => deed === 'listed').length, 1)
  // Excluded ones may say what they like, and what does not concern us costs nothing.
  const asked = api.asked.length
  api.putNamespace('kube-system', { ...ASKS })
  api.putNamespace('default', { other: 'x' })
  await until(async () => keeper.wishes?.get('kube-system'), Boolean)
  strictEqual(selected(api), undefined)
  ok(
    api.asked.slice(asked).every((line) => line.startsWith('get ')),
    api.asked.slice(asked).join()
  )
})

test('more namespaces than one answer holds are read page by page', async (t) => {
  const { api, replica } = await setUp(t)
  const names = Array.from({ length: 450 }, (_, i) => `team-${String(i).padStart(3, '0')}`)
  for (const name of names) api.putNamespace(name, ASKS)
  replica()
  await selects(api, names)
  strictEqual(api.asked.filter((line) => line === `list ${NAMESPACES_PATH} 200`).length, 6)
})

test('more than a configuration should hold are left out, and said to be', async (t) => {
  const { api, replica } = await setUp(t)
  for (let i = 0; i < 5_003; i++) api.putNamespace(`team-${i}`, ASKS)
  const { deeds } = replica()
  await until(
    async () => selected(api)?.length,
    (found) => found === 5_000,
    20_000
  )
  ok(deeds.includes('left-out'))
})

test('a watch that ends, is refused or lost goes on where it was, or reads all again; nothing is missed', async (t) => {
  const { api, replica } = await setUp(t)
  const { deeds, failures } = replica()
  const count = (line: string): number => api.asked.filter((each) => each === line).length
  const watched = (times: number) =>
    until(
      async () => count(`watch ${NAMESPACES_PATH} 200`),
      (found) => found >= times,
      5_000
    )
  await watched(1)
  api.endFollowing()
  api.putNamespace('while-away', ASKS)
  await selects(api, ['while-away'])
  strictEqual(deeds.filter((deed) => deed === 'listed').length, 1, 'from where it was')
  await watched(2)
  api.forgottenVersion = Number.MAX_SAFE_INTEGER
  api.endFollowing()
  api.putNamespace('forgotten', ASKS)
  await until(
    async () => failures.length,
    (found) => found >= 1
  )
  match(failures[0], /namespaces: answered 410/)
  api.forgottenVersion = 0
  await selects(api, ['forgotten', 'while-away'])
  ok(deeds.filter((deed) => deed === 'listed').length >= 2)
})

test('what somebody has overwritten is put back', async (t) => {
  const { api, replica } = await setUp(t)
  api.putNamespace('dubbing', ASKS)
  const { kept } = replica(50)
  await selects(api, ['dubbing'])
  api.put(CONFIGURATION_PATH, configuration())
  await selects(api, ['dubbing'])
  // Who is trusted, and what becomes of pods while nobody answers, follows the webhook that it takes after.
  const changed = structuredClone(api.objects.get(CONFIGURATION_PATH)!)
  changed.webhooks[1].failurePolicy = 'Fail'
  changed.webhooks[1].clientConfig.caBundle = 'eA=='
  api.put(CONFIGURATION_PATH, changed)
  await until(
    async () => api.objects.get(CONFIGURATION_PATH)!.webhooks[2],
    ({ failurePolicy, clientConfig }) => failurePolicy === 'Fail' && clientConfig.caBundle === 'eA=='
  )
  await kept.stop()
})

test('replicas agree, and one that hears of changes later than others takes nothing back', async (t) => {
  const { api, replica } = await setUp(t)
  const deaf = replica(50)
  await until(
    async () => deaf.keeper.wishes,
    (wishes) => wishes !== undefined
  )
  await until(
    async () => api.asked,
    (asked) => asked.includes(`watch ${NAMESPACES_PATH} 200`)
  )
  api.deafen()
  api.putNamespace('dubbing', ASKS)
  const others = [replica(50), replica(50)]
  await selects(api, ['dubbing'])
  const version = api.objects.get(CONFIGURATION_PATH)!.metadata.resourceVersion
  const looks = (): number => api.asked.filter((line) => line === `get ${CONFIGURATION_PATH} 200`).length
  const before = looks()
  await until(
    async () => looks(),
    (found) => found > before + 15
  )
  strictEqual(deaf.keeper.wishes?.size, 0, 'it has heard of nothing')
  strictEqual(api.objects.get(CONFIGURATION_PATH)!.metadata.resourceVersion, version, 'nobody writes anything any more')
  strictEqual([deaf, ...others].flatMap(({ deeds }) => deeds).filter((deed) => deed === 'entry-patched').length, 1)
})

test('of two who write at once one fails, and looks again', async (t) => {
  const { api, replica } = await setUp(t)
  let isHeld = false
  api.intercept = async (verb) => {
    if (verb === 'patch' && !isHeld) {
      isHeld = true
      const changed = structuredClone(api.objects.get(CONFIGURATION_PATH)!)
      changed.webhooks[0].failurePolicy = 'Fail'
      api.put(CONFIGURATION_PATH, changed)
    }
    return undefined
  }
  api.putNamespace('dubbing', ASKS)
  const { failures } = replica()
  await selects(api, ['dubbing'])
  ok(api.asked.includes(`patch ${CONFIGURATION_PATH} 409`))
  strictEqual(api.objects.get(CONFIGURATION_PATH)!.webhooks[0].failurePolicy, 'Fail')
  deepStrictEqual(failures, [])
})

test('without the right, it says which one is missing, asks ever more seldom, and declines nobody', async (t) => {
  const { api, replica } = await setUp(t)
  api.renewToken('token-3', LEAST_RIGHTS)
  const { keeper, failures } = replica(50)
  await until(
    async () => failures.length,
    (found) => found >= 1
  )
  match(failures[0], /^GET \/api\/v1\/namespaces: answered 403: .* cannot list/)
  strictEqual(keeper.declines('dubbing'), false)
  // Given later, it holds without a restart.
  api.renewToken('token-4', [...LEAST_RIGHTS, ...NAMESPACE_RIGHTS])
  api.putNamespace('dubbing', ASKS)
  await selects(api, ['dubbing'])
  ok(failures.length <= 3, failures.join('\n'))
})

test('without a configuration, or one to take after, it says so', async (t) => {
  const { api, replica } = await setUp(t)
  api.putNamespace('dubbing', ASKS)
  const bare = configuration()
  api.put(CONFIGURATION_PATH, { ...bare, webhooks: bare.webhooks.slice(0, 1) })
  const { failures } = replica(50)
  await until(
    async () => failures.join('\n'),
    (found) => /no webhook that calls \/mutate\/labelled-namespaces/.test(found)
  )
  api.objects.delete(CONFIGURATION_PATH)
  await until(
    async () => failures.join('\n'),
    (found) => /mutatingwebhookconfigurations\/sluice-injector: answered 404/.test(found)
  )
  api.put(CONFIGURATION_PATH, configuration())
  await selects(api, ['dubbing'])
})
