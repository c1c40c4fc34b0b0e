import { deepStrictEqual, match, ok, strictEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RefusedError } from '../../src/errors.ts'
import { warningsOf, writeReview } from '../../src/inject/admission-review.ts'
import { type Answered, admit, type Entry } from '../../src/inject/admit.ts'
import { loadSettings, type SidecarSettings } from '../../src/inject/settings.ts'
import { podOfDeployment, review, type Tree } from '../support/admission-reviews.ts'

const { sidecar } = await loadSettings(undefined)

function answerTo(body: Buffer | string, entry: Entry = 'namespaces', settings: SidecarSettings | null = sidecar) {
  const [answered, failed]: [Answered[], unknown[]] = [[], []]
  const text = admit(Buffer.from(body), entry, {
    sidecar: settings as SidecarSettings,
    excluded: new Set(['kube-system']),
    kubernetesVersion: 'v1.33.0',
    declines: (_, namespace) => namespace === 'declining',
    answered: (answer) => void answered.push(answer),
    failed: (error) => void failed.push(error)
  })
  return { response: JSON.parse(text).response as Tree, answered, failed }
}

test('a fault of ours allows the pod, is told to the user, and counted', () => {
  const { response, answered, failed } = answerTo(JSON.stringify(review(podOfDeployment())), 'any', null)
  deepStrictEqual([response.uid, response.allowed, response.patch], ['705ab4f5-6393-11e8-b7cc-42010a800002', true, undefined])
  deepStrictEqual(response.warnings, ['sluice: not injected, by a fault of the injector; its log says where'])
  deepStrictEqual([answered[0].result, answered[0].pod], ['failed', 'dubbing-worker-6d4cf56db6-'])
  ok(failed[0] instanceof TypeError)
})

test('whatever comes in place of a review is refused as invalid, and whatever in place of a pod is allowed', () => {
  const refused = (body: Buffer | string): void => throws(() => answerTo(body), RefusedError)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      refused(Buffer.from(bytes))
    })
  )
  fc.assert(
    fc.property(fc.json(), (json) => {
      refused(json)
    })
  )
  const anything = fc.jsonValue({ maxDepth: 4 })
  const pod = fc.record(
    {
      metadata: fc.oneof(anything, fc.record({ name: anything, labels: anything, annotations: anything, ownerReferences: anything })),
      spec: fc.oneof(
        anything,
        fc.record({
          containers: fc.oneof(anything, fc.array(fc.record({ name: anything, env: anything, ports: anything, volumeMounts: anything }))),
          volumes: anything,
          initContainers: anything
        })
      )
    },
    { requiredKeys: [] }
  )
  fc.assert(
    fc.property(fc.oneof(anything, pod), (object) => {
      const { response, failed } = answerTo(JSON.stringify(review(object)))
      deepStrictEqual([response.allowed, response.uid], [true, '705ab4f5-6393-11e8-b7cc-42010a800002'])
      for (const warning of response.warnings ?? []) ok([...warning].length <= 120)
      deepStrictEqual(failed, [])
    }),
    { numRuns: 500 }
  )
  fc.assert(
    fc.property(anything, anything, anything, anything, (kind, operation, namespace, subResource) => {
      const { response } = answerTo(JSON.stringify(review(podOfDeployment(), { kind, operation, namespace, subResource })))
      strictEqual(response.allowed, true)
    })
  )
})

test('a pod that is nested deeper than any stack is allowed', () => {
  const deep = `${'{"a":['.repeat(50_000)}${']}'.repeat(50_000)}`
  const at = (place: string): string => JSON.stringify(review(podOfDeployment({ [place]: 'HERE' }))).replace('"HERE"', deep)
  for (const place of ['spec', 'labels', 'annotations']) strictEqual(answerTo(at(place)).response.allowed, true)
  const named = podOfDeployment()
  named.spec.containers[0].env = 'HERE'
  strictEqual(answerTo(JSON.stringify(review(named)).replace('"HERE"', deep)).response.allowed, true)
})

test('warnings fit into headers', () => {
  const f = (came: string[], expected: string[]): void => deepStrictEqual(warningsOf(came), expected)
  f([], [])
  f(['a\r\nSet-Cookie: b\x00\x7f\x85'], ['a Set-Cookie: b '])
  f(['\ud800'], ['\ufffd'])
  f(['x'.repeat(120)], ['x'.repeat(120)])
  f(['😀'.repeat(121)], [`${'😀'.repeat(119)}…`])
  f(Array(20).fill('a'), Array(20).fill('a'))
  f(Array(25).fill('a'), [...Array(19).fill('a'), 'sluice: 6 more warnings'])
})

test('an answer without a patch says nothing of one', () => {
  const text = writeReview('u', { patch: [], warnings: [], outcome: 'unchanged' })
  strictEqual(text, '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"u","allowed":true}}')
  match(
    writeReview('u', { patch: [{ op: 'add', path: '/a', value: 1 }], warnings: [], outcome: 'injected' }),
    /"patchType":"JSONPatch","patch":"W3si/
  )
})

test('a body of nothing but values is refused before it is read', () => {
  const refused = (body: string): void => throws(() => answerTo(body), { code: 'too-large' })
  refused('['.repeat(200_001))
  refused(`[${'{},'.repeat(200_000)}0]`)
  refused(`"a\\\\"${','.repeat(200_001)}`)
  const pod = podOfDeployment({ annotations: { note: '[{",\\'.repeat(200_000), 'sluice.dev/inject': 'true' } })
  strictEqual(answerTo(JSON.stringify(review(pod))).answered[0].result, 'injected')
})
