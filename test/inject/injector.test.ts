import { deepStrictEqual, match, ok, rejects, strictEqual } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { makeAuthority, makeServing } from '../../src/inject/certificates/make.ts'
import { Injector } from '../../src/inject/injector.ts'
import { type Called, podOfDeployment, review } from '../support/admission-reviews.ts'
import { until } from '../support/gateway-process.ts'
import { settingsOf, startInjector, type TestInjector } from '../support/injector.ts'
import { CONFIGURATION_PATH, configuration, emptySecret, KubeApi, SECRET_PATH } from '../support/kube-api.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

async function startApi(t: TestContext): Promise<KubeApi> {
  const api = await KubeApi.start(t)
  api.put(SECRET_PATH, emptySecret())
  api.put(CONFIGURATION_PATH, configuration())
  return api
}

const REVIEW = review(podOfDeployment())
const isInjected = ({ status, json }: Called): boolean => status === 200 && json.response.patch !== undefined

test('it is ready when callers can trust it, and not before', async (t) => {
  const api = await startApi(t)
  api.objects.delete(CONFIGURATION_PATH)
  const started = await startInjector(t, { api, unready: true })
  deepStrictEqual(await started.admin('/healthz'), { status: 200, text: 'ok\n' })
  const { status, text } = await started.admin('/readyz')
  strictEqual(status, 503)
  match(text, /MutatingWebhookConfiguration sluice-injector does not name the authority yet/)
  api.put(CONFIGURATION_PATH, configuration())
  await until(
    () => started.admin('/readyz'),
    (seen) => seen.status === 200
  )
  ok(isInjected(await started.call(REVIEW)))
  // An API server that is away takes nothing from what is there.
  api.intercept = async () => 503
  await until(
    () => started.metric('sluice_inject_certificate_events_total{event="failed"}'),
    (failures) => failures > 2
  )
  strictEqual((await started.admin('/readyz')).status, 200)
  ok(isInjected(await started.call(REVIEW)))
})

test('authorities and certificates change under load, and no call of those who trust the bundle fails', { timeout: 240_000 }, async (t) => {
  const api = await startApi(t)
  // Followed after a second or two, long before the end: that a busy machine comes late for the end of one is no matter of this test.
  const tls = { lifetime: '60s', authorityLifetime: '120s', renewAt: '2.9%', settle: '200ms', checkInterval: '50ms', clockSkew: '1s' }
  const replicas: TestInjector[] = await Promise.all([startInjector(t, { api, tls }), startInjector(t, { api, tls })])
  const agents = [new Agent({ keepAlive: true, maxSockets: 1 }), new Agent({ keepAlive: true, maxSockets: 1 })]
  t.after(() => {
    for (const agent of agents) agent.destroy()
  })
  const bundles = new Set<string>()
  let calls = 0
  const deadlineMs = Date.now() + 180_000
  while ((bundles.size < 5 || calls < 300) && Date.now() < deadlineMs) {
    const ca = api.bundle()
    bundles.add(ca)
    // Each replica by a connection that stays and by one of its own.
    const answers = await Promise.all(
      replicas.flatMap((replica, i) => [replica.call(REVIEW, { ca, agent: agents[i] }), replica.call(REVIEW, { ca })])
    )
    ok(answers.every(isInjected))
    calls += answers.length
  }
  ok(bundles.size >= 5, `only ${bundles.size} bundles in ${calls} calls`)
  for (const replica of replicas) ok((await replica.metric('sluice_inject_certificate_events_total{event="served"}')) >= 4)
  // They take turns, and what the one writes the other takes.
  const written = await Promise.all(
    replicas.map((replica) => replica.metric('sluice_inject_certificate_events_total{event="secret-written"}'))
  )
  const adopted = await Promise.all(replicas.map((replica) => replica.metric('sluice_inject_certificate_events_total{event="adopted"}')))
  ok(written[0] + written[1] >= 8 && adopted[0] + adopted[1] >= 3, `${written} ${adopted}`)
})

test('mounted files are enough, without an API server', async (t) => {
  const dir = temporaryDirectory()
  const validity = { fromMs: Date.now() - 60_000, untilMs: Date.now() + 3_600_000 }
  const authority = await makeAuthority(validity)
  const write = async (): Promise<void> => {
    const { certificate, key } = await makeServing(authority, ['sluice-injector.sluice.svc'], validity)
    writeFileSync(join(dir, 'tls.key'), key)
    writeFileSync(join(dir, 'tls.crt'), certificate)
  }
  await write()
  const files = { source: 'files', certFile: join(dir, 'tls.crt'), keyFile: join(dir, 'tls.key') }
  const started = await startInjector(t, { tls: files, webhook: { excludeNamespaces: ['quiet'] } })
  const call = (request: object = {}) => started.call(review(podOfDeployment(), request), { ca: authority.certificate })
  ok(isInjected(await call()))
  ok(!isInjected(await call({ namespace: 'quiet' })))
  ok(started.said.some(({ message }) => /version of Kubernetes stays unknown/.test(String(message))))
  await write()
  await until(
    () => started.metric('sluice_inject_certificate_events_total{event="served"}'),
    (served) => served === 2
  )
  ok(isInjected(await call()))
  ok((await started.metric('sluice_inject_certificate_not_after_seconds{certificate="serving"}')) > Date.now() / 1000)
})

test('the version of Kubernetes decides which kind of sidecar, from the first pod on', async (t) => {
  const f = async (version: string, list: string): Promise<void> => {
    const api = await startApi(t)
    api.version = version
    const { call, metric } = await startInjector(t, { api })
    const { json } = await call(REVIEW)
    const patch: { path: string }[] = JSON.parse(Buffer.from(json.response.patch, 'base64').toString())
    ok(
      patch.some(({ path }) => path.startsWith(`/spec/${list}`)),
      version
    )
    strictEqual(
      patch.some(({ path }) => path.startsWith('/spec/initContainers')),
      list === 'initContainers'
    )
    strictEqual(await metric(`sluice_inject_kubernetes_info{version="${version}"}`), 1)
  }
  await f('v1.28.15', 'containers/-')
  await f('v1.29.0', 'initContainers')
  await f('v1.34.1+k3s1', 'initContainers')
})

test('changed settings hold from the next pod on; a file that cannot be used changes nothing and is told', async (t) => {
  const api = await startApi(t)
  const started = await startInjector(t, { api, sidecar: { image: 'registry.example/sluice:1' } })
  const image = async (): Promise<string | undefined> => {
    const { json } = await started.call(REVIEW)
    return /"image":"([^"]+)"/.exec(Buffer.from(json.response.patch, 'base64').toString())?.[1]
  }
  const to = (tag: string, webhook: object = {}) => settingsOf({ api, sidecar: { image: `registry.example/sluice:${tag}` }, webhook })
  strictEqual(await image(), 'registry.example/sluice:1')
  started.configure(to('2'))
  await started.injector.reload()
  strictEqual(await image(), 'registry.example/sluice:2')
  started.configure('sidecar: { imagePullPolici: Always }')
  await started.injector.reload()
  strictEqual(await image(), 'registry.example/sluice:2')
  match(String(started.said.findLast(({ level }) => level === 'error')?.message), /the old settings go on: .*imagePullPolici/)
  // Whoever looks at the file meanwhile finds it changed, too.
  for (const result of ['ok', 'failed']) ok((await started.metric(`sluice_inject_settings_reloads_total{result="${result}"}`)) >= 1)
  started.configure(to('3', { idleTimeout: '3s' }))
  await started.injector.reload()
  ok(started.said.some(({ message }) => /under webhook takes effect at the next start/.test(String(message))))
  // Nobody needs to say so: the file is looked at.
  started.configure(to('4'))
  await until(image, (seen) => seen === 'registry.example/sluice:4')
})

test('it serves on while it is being left, answers what is inside, and then is gone', async (t) => {
  const api = await startApi(t)
  const started = await startInjector(t, { api, webhook: { drainDelay: '300ms' } })
  const { injector, call, admin, port } = started
  const ca = api.bundle()
  const stopped = injector.stop(injector.drainDelayMs)
  const { status, text } = await admin('/readyz')
  deepStrictEqual([status, text], [503, 'stopping\n'])
  ok(isInjected(await call(REVIEW, { ca, port })))
  await stopped
  await rejects(call(REVIEW, { ca, port }), /ECONNREFUSED/)
})

test('an API server that does not answer keeps nobody from stopping', async (t) => {
  const api = await startApi(t)
  const started = await startInjector(t, { api, webhook: { kubernetes: { ...api.settings, timeout: '5m' } } })
  const hung = new Promise<void>((resolve) => {
    api.intercept = () => {
      resolve()
      return new Promise(() => undefined)
    }
  })
  await hung
  const startedAtMs = performance.now()
  await started.injector.stop()
  ok(performance.now() - startedAtMs < 60_000)
})

test('warnings stand in the log, with the pod that they are about', async (t) => {
  const api = await startApi(t)
  const { call, said } = await startInjector(t, { api })
  await call(review(podOfDeployment({ annotations: { 'sluice.dev/sample-traces': 'lots' } })))
  const { level, namespace, pod, warnings } = said.find(({ message }) => message === 'a pod was admitted') ?? {}
  deepStrictEqual([level, namespace, pod], ['warn', 'dubbing', 'dubbing-worker-6d4cf56db6-'])
  match(String(warnings), /sluice\.dev\/sample-traces/)
})

test('what cannot start says why', async () => {
  const dir = temporaryDirectory()
  const log = { level: '', debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
  const f = async (settings: object, words: RegExp): Promise<void> => {
    const file = join(dir, 'inject.yaml')
    writeFileSync(file, JSON.stringify(settings))
    await rejects(Injector.start({ file, env: {}, log, version: '1' }), words)
  }
  const here = { listen: '127.0.0.1:0', admin: 'off' }
  await f({ webhook: { ...here, listen: 'off' } }, /webhook\.listen: came off/)
  await f({ webhook: here }, /KUBERNETES_SERVICE_HOST is not set, so this is no pod/)
  await f(
    { webhook: { ...here, kubernetes: { url: 'http://127.0.0.1:1', namespaceFile: '/nowhere' } } },
    /webhook\.kubernetes\.namespace: not given/
  )
  await f({ webhook: { ...here, tsl: {} } }, /unknown key "?tsl/)
})
