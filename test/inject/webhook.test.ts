import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { podOfDeployment, review, type Tree } from '../support/admission-reviews.ts'
import { startInjector } from '../support/injector.ts'
import { applyPatch } from '../support/json-patch.ts'
import { CONFIGURATION_PATH, configuration, emptySecret, KubeApi, SECRET_PATH } from '../support/kube-api.ts'
import { RawClient } from '../support/raw-client.ts'

async function start(t: Parameters<typeof startInjector>[0] & { after(done: () => void): void }, webhook: object = {}) {
  const api = await KubeApi.start(t)
  api.put(SECRET_PATH, emptySecret())
  api.put(CONFIGURATION_PATH, configuration())
  return { api, ...(await startInjector(t, { api, webhook })) }
}

const patched = (pod: unknown, { response }: Tree): Tree =>
  applyPatch(pod, response.patch === undefined ? [] : JSON.parse(Buffer.from(response.patch, 'base64').toString()))
const sidecarOf = ({ spec }: Tree): Tree | undefined => spec.initContainers?.find(({ name }: Tree) => name === 'sluice')

test('a pod that asks comes out with a sidecar, and is left as it is when it comes again', async (t) => {
  const { call } = await start(t)
  const pod = podOfDeployment()
  const { status, headers, json } = await call(review(pod), { path: '/mutate/labelled-pods' })
  deepStrictEqual([status, headers['content-type']], [200, 'application/json'])
  deepStrictEqual([json.apiVersion, json.kind], ['admission.k8s.io/v1', 'AdmissionReview'])
  const { uid, allowed, patchType, auditAnnotations } = json.response
  deepStrictEqual([uid, allowed, patchType], ['705ab4f5-6393-11e8-b7cc-42010a800002', true, 'JSONPatch'])
  deepStrictEqual(auditAnnotations, { outcome: 'injected' })
  const injected = patched(pod, json)
  strictEqual(sidecarOf(injected)?.restartPolicy, 'Always')
  const again = await call(review(injected), { path: '/mutate/labelled-pods' })
  deepStrictEqual(again.json.response, { uid, allowed: true })
})

test('which entry called says whether the namespace asks; the pod has the last word', async (t) => {
  const { call } = await start(t)
  const f = async (label: string | undefined, path: string, outcome?: string): Promise<void> => {
    const pod = podOfDeployment()
    if (label === undefined) delete pod.metadata.labels['sluice.dev/inject']
    else pod.metadata.labels['sluice.dev/inject'] = label
    const { json } = await call(review(pod, { dryRun: true }), { path })
    strictEqual(json.response.allowed, true)
    strictEqual(json.response.auditAnnotations?.outcome, outcome, `${label} at ${path}`)
  }
  await f(undefined, '/mutate/labelled-namespaces', 'injected')
  await f('false', '/mutate/labelled-namespaces')
  await f(undefined, '/mutate/labelled-pods')
  await f(undefined, '/mutate')
  await f('true', '/mutate/labelled-pods', 'injected')
  await f('true', '/mutate', 'injected')
})

test('what is not a new pod, or nobody’s to touch, is allowed as it is', async (t) => {
  const { call, metric } = await start(t)
  const f = async (request: Tree, warning?: RegExp): Promise<void> => {
    const { status, json } = await call(review(podOfDeployment(), request))
    const { allowed, patch, warnings = [] } = json.response
    deepStrictEqual([status, allowed, patch], [200, true, undefined])
    if (warning === undefined) deepStrictEqual(warnings, [])
    else match(warnings.join(), warning)
  }
  await f({ operation: 'UPDATE', oldObject: podOfDeployment() })
  await f({ operation: 'DELETE', object: null, oldObject: podOfDeployment() })
  await f({ operation: 'CONNECT', subResource: 'exec' })
  await f({ operation: 'CREATE', subResource: 'eviction', kind: { group: 'policy', version: 'v1', kind: 'Eviction' } })
  await f({ namespace: 'kube-system' })
  await f({ namespace: 'sluice' })
  await f({ kind: { group: 'apps', version: 'v1', kind: 'Deployment' } }, /webhook is for pods/)
  await f({ kind: undefined }, /webhook is for pods/)
  await f({ object: null }, /without a pod/)
  await f({ object: undefined }, /without a pod/)
  await f({ object: ['a pod'] }, /without a pod/)
  strictEqual(await metric('sluice_inject_requests_total{result="ignored",entry="any"}'), 11)
})

test('pods of any size and sense are allowed; what is wrong with them is a warning', async (t) => {
  const { call } = await start(t)
  const container = (i: number): Tree => ({ name: `c${i}`, image: 'registry.example/x:1' })
  const many = podOfDeployment({ spec: { containers: Array.from({ length: 200 }, (_, i) => container(i)) } })
  const { json } = await call(review(many))
  const injected = patched(many, json)
  ok(injected.spec.containers.every(({ env }: Tree) => env.some(({ name }: Tree) => name === 'OTEL_EXPORTER_OTLP_ENDPOINT')))

  const warn = async (pod: Tree): Promise<string[]> => {
    const { response } = (await call(review(pod))).json
    strictEqual(response.allowed, true)
    for (const warning of response.warnings ?? []) ok([...warning].length <= 120 && !/[\x00-\x1f]/.test(warning), warning)
    return response.warnings ?? []
  }
  const conflicting = podOfDeployment({
    annotations: { 'sluice.dev/inject': 'false', 'sluice.dev/sample-traces': `lots\n${'x'.repeat(300)}` }
  })
  ok((await warn(conflicting)).length > 0)
  const odd = Array.from({ length: 60 }, (_, i) => [`sluice.dev/option-${i}`, 'x'])
  strictEqual((await warn(podOfDeployment({ annotations: Object.fromEntries(odd) }))).length <= 20, true)
  ok((await warn(podOfDeployment({ spec: { containers: [{ name: 'sluice', image: 'other:1' }, container(1)] } }))).length > 0)
  for (const spec of [
    null,
    7,
    'spec',
    [],
    { containers: null },
    { containers: [null, 7, { name: 7 }] },
    { containers: {}, initContainers: 'x' }
  ])
    await warn({ ...podOfDeployment(), spec } as Tree)
  for (const metadata of [null, [], { labels: 7, annotations: 'x' }, { labels: { 'sluice.dev/inject': true } }])
    await warn({ ...podOfDeployment(), metadata } as Tree)
})

test('what is no AdmissionReview of v1 is refused in a form that the API server logs', async (t) => {
  const { call, api, metric, port } = await start(t, { requestMax: '64KiB' })
  const f = async (status: number, words: RegExp, body: unknown, options: object = {}): Promise<void> => {
    const answer = await call(body, options)
    strictEqual(answer.status, status, answer.text)
    match(answer.text, words)
    if (status !== 404 && status !== 405) {
      deepStrictEqual([answer.json.kind, answer.json.status, answer.json.code], ['Status', 'Failure', status])
      ok(!answer.text.includes('hunter2'))
    }
  }
  await f(400, /not JSON/, 'secret=hunter2')
  await f(400, /not JSON/, '')
  await f(400, /not JSON/, `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"1"`)
  await f(400, /kind: came nothing, expected AdmissionReview/, '7')
  await f(400, /kind: came nothing/, '[]')
  await f(400, /kind: came nothing/, 'null')
  await f(400, /kind: came Pod, expected AdmissionReview/, podOfDeployment())
  await f(400, /kind: came something else/, { kind: 'my hunter2 secret' })
  const other = (apiVersion: unknown): Tree => review(podOfDeployment(), {}, { apiVersion })
  await f(
    400,
    /came admission.k8s.io\/v1beta1, expected admission.k8s.io\/v1; .*admissionReviewVersions/,
    other('admission.k8s.io/v1beta1')
  )
  await f(400, /came admission.k8s.io\/v2/, other('admission.k8s.io/v2'))
  await f(400, /came nothing/, other(undefined))
  await f(400, /request.uid: came nothing/, review(podOfDeployment(), { uid: undefined }))
  await f(400, /request.uid: came nothing/, review(podOfDeployment(), {}, { request: undefined }))
  await f(400, /not JSON/, `${'['.repeat(30_000)}`)
  await f(400, /kind: came nothing/, `${'['.repeat(30_000)}${']'.repeat(30_000)}`)
  await f(413, /larger than 65536 bytes/, review(podOfDeployment(), { padding: 'x'.repeat(70_000) }))
  await f(413, /larger/, gzipSync(JSON.stringify({ padding: 'x'.repeat(9_000_000) })), { headers: { 'content-encoding': 'gzip' } })
  await f(415, /expected application\/json/, review(podOfDeployment()), { headers: { 'content-type': 'application/yaml' } })
  await f(415, /expected application\/json/, review(podOfDeployment()), { headers: { 'content-type': '' } })
  await f(415, /sluice inject: /, review(podOfDeployment()), { headers: { 'content-encoding': 'brotli' } })
  await f(405, /expected POST/, '', { method: 'GET' })
  await f(405, /expected POST/, review(podOfDeployment()), { method: 'PUT' })
  await f(404, /nothing/, review(podOfDeployment()), { path: '/validate' })
  const good = await call(gzipSync(JSON.stringify(review(podOfDeployment()))), { headers: { 'content-encoding': 'gzip' } })
  strictEqual(good.json.response.allowed, true)

  // Not TLS at all, and a caller that trusts somebody else.
  await new RawClient({ host: '127.0.0.1', port }).send('POST /mutate HTTP/1.1\r\n\r\n').closed
  await call(review(podOfDeployment()), { ca: '' }).then(
    () => ok(false, 'was trusted'),
    () => undefined
  )
  strictEqual((await call(review(podOfDeployment()), { ca: api.bundle() })).status, 200)
  ok((await metric('sluice_inject_refused_requests_total{reason="invalid"}')) >= 12)
  strictEqual(await metric('sluice_inject_refused_requests_total{reason="too-large"}'), 2)
})
