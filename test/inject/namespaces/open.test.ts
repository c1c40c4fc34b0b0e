import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { podOfDeployment, review } from '../../support/admission-reviews.ts'
import { until } from '../../support/gateway-process.ts'
import { startInjector } from '../../support/injector.ts'
import {
  CONFIGURATION_PATH,
  configuration,
  emptySecret,
  KubeApi,
  LEAST_RIGHTS,
  NAMESPACE_RIGHTS,
  SECRET_PATH
} from '../../support/kube-api.ts'

/** One that says nothing itself. */
const POD = podOfDeployment()
delete POD.metadata.labels['sluice.dev/inject']

async function start(t: TestContext, rights = [...LEAST_RIGHTS, ...NAMESPACE_RIGHTS], namespacesByAnnotation = true) {
  const api = await KubeApi.start(t)
  api.renewToken('token-2', rights)
  api.put(SECRET_PATH, emptySecret())
  api.put(CONFIGURATION_PATH, configuration())
  api.putNamespace('asking', { 'sluice.dev/inject': 'true' })
  api.putNamespace('declining', { 'sluice.dev/inject': 'false' })
  api.putNamespace('labelled')
  const started = await startInjector(t, { api, webhook: { namespacesByAnnotation } })
  const isInjected = async (path: string, namespace: string): Promise<boolean> => {
    const { status, json } = await started.call(review(POD, { namespace }), { path: `/mutate/${path}` })
    strictEqual(status, 200)
    return json.response.patch !== undefined
  }
  return { api, isInjected, ...started }
}

test('annotated namespaces come to be selected, and what they say is shown', async (t) => {
  const { api, isInjected, metric, said } = await start(t)
  await until(
    () => metric('sluice_inject_namespace_events_total{event="entry-patched"}'),
    (patched) => patched === 1
  )
  const [, model, entry] = api.objects.get(CONFIGURATION_PATH)!.webhooks
  deepStrictEqual(entry.namespaceSelector.matchExpressions[0].values, ['asking'])
  strictEqual(entry.clientConfig.caBundle, model.clientConfig.caBundle)
  strictEqual(await metric('sluice_inject_annotated_namespaces{inject="true"}'), 1)
  strictEqual(await metric('sluice_inject_annotated_namespaces{inject="false"}'), 1)
  deepStrictEqual([await isInjected('annotated-namespaces', 'asking'), await isInjected('labelled-namespaces', 'labelled')], [true, true])
  // The label said yes, or another replica has not heard of it yet.
  deepStrictEqual(
    [await isInjected('labelled-namespaces', 'declining'), await isInjected('annotated-namespaces', 'declining')],
    [false, false]
  )
  strictEqual(await isInjected('annotated-namespaces', 'kube-system'), false)
  ok(said.some(({ message }) => message === 'annotated-namespaces.inject.sluice.dev of sluice-injector selects 1 namespaces'))
  strictEqual(await metric('sluice_inject_namespace_events_total{event="failed"}'), 0)
})

test('without the right, it is ready, serves whom the cluster selects, and tells what is missing', async (t) => {
  const { isInjected, metric, said, admin } = await start(t, [...LEAST_RIGHTS])
  await until(
    () => metric('sluice_inject_namespace_events_total{event="failed"}'),
    (failed) => failed >= 1
  )
  strictEqual((await admin('/readyz')).status, 200)
  deepStrictEqual([await isInjected('labelled-namespaces', 'labelled'), await isInjected('annotated-namespaces', 'asking')], [true, true])
  ok(said.some(({ level, message }) => level === 'warn' && /namespaces: answered 403/.test(String(message))))
})

test('switched off, nobody is asked, and a webhook that is left over selects nobody', async (t) => {
  const { api, isInjected, metric } = await start(t, [...LEAST_RIGHTS], false)
  deepStrictEqual([await isInjected('labelled-namespaces', 'declining'), await isInjected('annotated-namespaces', 'asking')], [true, false])
  ok(!api.asked.some((line) => line.includes('/namespaces 4')))
  strictEqual(await metric('sluice_inject_annotated_namespaces{inject="true"}'), 0)
})
