import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import * as yaml from 'yaml'
import { injectManifests } from '../../src/inject/manifests.ts'
import { loadSettings } from '../../src/inject/settings.ts'

const { sidecar } = await loadSettings(undefined)
const inject = (text: string) => injectManifests('m.yaml', text, sidecar, { namespaceAsks: true })

const read = (text: string) =>
  yaml.parseAllDocuments(text, { version: '1.1', merge: true }).map((document) => (document as yaml.Document).toJS())

test('whatever the style, the text around what is added stays', () => {
  // The lines of the pod that may change; all others must be there, in their order.
  const f = (text: string, ...changed: string[]) => {
    const result = inject(text)
    deepStrictEqual(result.warnings, [])
    const left = result.text.split('\n')
    for (const line of text.split('\n')) {
      if (changed.includes(line)) continue
      const at = left.indexOf(line)
      ok(at !== -1, `${JSON.stringify(line)} is gone from\n${result.text}`)
      left.splice(0, at + 1)
    }
    const pod = read(result.text)[0]
    deepStrictEqual(pod.spec.initContainers.map(({ name }: { name: string }) => name).slice(0, 1), ['sluice'])
    return { text: result.text, pod }
  }
  const pod = (spec: string, metadata = 'metadata: { name: a } # named') => `# top\napiVersion: v1\nkind: Pod\n${metadata}\nspec:\n${spec}`
  const env = (each: { env: { name: string }[] }) => each.env.map(({ name }) => name)

  const first = f(
    pod(
      '  initContainers:\n    # fetches\n    - name: fetch   # it\n\n    # warms\n    - name: warm\n  containers: # these\n  - name: w\n'
    ),
    'metadata: { name: a } # named'
  )
  match(first.text, /readOnly: true\n {4}# fetches\n {4}- name: fetch {3}# it\n {6}env:/)
  match(first.text, /metadata: \{ name: a, "labels":\{"sluice\.dev\/injected":"true"\} \} # named/)

  const empty = f(
    pod('  initContainers: []\n  volumes: [] # none\n  containers:\n    - name: w\n      env: []\n      command: [a]\n'),
    'metadata: { name: a } # named',
    '  initContainers: []',
    '  volumes: [] # none',
    '      env: []'
  )
  match(empty.text, / {4}- name: sluice-podinfo[\s\S]* # none\n {2}containers:/)
  ok(env(empty.pod.spec.containers[0]).includes('OTEL_SERVICE_NAME'))

  const nothing = f(
    pod('  volumes:\n  containers:\n  - name: w\n    env: # later\n    args: [a]\n    envFrom: ~\n'),
    'metadata: { name: a } # named',
    '    env: # later',
    '  volumes:'
  )
  ok(env(nothing.pod.spec.containers[0]).includes('OTEL_SERVICE_NAME'))

  const block = f(
    pod('  containers:\n  - name: w\n    env:\n    - name: A\n      value: |\n        one\n\n        two\n\n# end\n---\nkind: Other\n'),
    'metadata: { name: a } # named'
  )
  strictEqual(block.pod.spec.containers[0].env[0].value, 'one\n\ntwo\n')

  const flow = f(
    pod('  containers: [{name: w, env: [{name: A, value: "0644"}]}, {name: x}]\n  priority: 0010\n'),
    'metadata: { name: a } # named',
    '  containers: [{name: w, env: [{name: A, value: "0644"}]}, {name: x}]'
  )
  deepStrictEqual([flow.pod.spec.containers.length, flow.pod.spec.priority, flow.pod.spec.containers[0].env[0].value], [2, 8, '0644'])
  match(flow.text, /\{name: w, env: \[\{name: A, value: "0644"\}, \{"name":"OTEL_EXPORTER/)

  f(pod('  containers:\n  - name: w', 'metadata:\n  name: a\n  labels: { b: c }\n  annotations:\n    d: "e"'), '  labels: { b: c }')
})

test('JSON stays JSON', () => {
  const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec: { containers: [{ name: 'w', env: [] }] } }
  for (const indent of [0, 2, '\t']) {
    const { text } = inject(JSON.stringify(object, null, indent))
    const { spec } = JSON.parse(text)
    strictEqual(spec.initContainers[0].name, 'sluice')
    ok(spec.containers[0].env.length > 5)
    strictEqual(text.includes('\n'), indent !== 0)
  }
})

test('places that stand for several are written out', () => {
  const f = (spec: string, containers: number) => {
    const { text, warnings } = inject(`# note\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n${spec}---\n# kept\nkind: Other\n`)
    match(warnings.join(), /m\.yaml:2: its anchors are written out/)
    const [pod, other] = read(text)
    strictEqual(pod.spec.containers.length, containers)
    for (const { name, env } of pod.spec.containers) {
      const attributes = env.find((each: { name: string }) => each.name === 'OTEL_RESOURCE_ATTRIBUTES').value
      ok(attributes.endsWith(`k8s.container.name=${name}`))
      strictEqual(new Set(env.map((each: { name: string }) => each.name)).size, env.length)
    }
    match(text, /---\n# kept\nkind: Other\n$/)
    deepStrictEqual(other, { kind: 'Other' })
  }
  f('  containers:\n  - name: a\n    env: &e\n    - {name: A, value: b}\n  - name: b\n    env: *e\n', 2)
  f('  containers:\n  - &c\n    name: a\n    env: [{name: A, value: b}]\n  - <<: *c\n    name: b\n', 2)
})

test('what is written out ends as it did, to the last blank line of a text', () => {
  const manifest = `apiVersion: v1
kind: Pod
spec:
  containers:
  - {name: a, env: &e [{name: A, value: b}]}
  - {name: b, env: *e}
metadata:
  name: a
  annotations:
    note: |+
      text


---
kind: Other
`
  const { text, warnings } = inject(manifest)
  match(warnings.join(), /its anchors are written out/)
  strictEqual(read(text)[0].metadata.annotations.note, 'text\n\n\n')
})

test('an anchor that nothing is added to does no harm', () => {
  const text =
    'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: a\n    resources: &r {limits: {cpu: 1}}\n  - name: b\n    resources: *r\n'
  const result = inject(text)
  deepStrictEqual(result.warnings, [])
  match(result.text, /resources: &r \{limits: \{cpu: 1\}\}[\s\S]*resources: \*r\n/)
})

test('what is asked for by a Namespace in the stream counts for its pods', () => {
  const f = (space: string, pod: string, expected: number) => {
    const text = `apiVersion: v1\nkind: Namespace\nmetadata: { name: dub, ${space} }\n---\napiVersion: v1\nkind: Pod\nmetadata: { name: a, ${pod} }\nspec: { containers: [{ name: w }] }\n`
    strictEqual(injectManifests('m.yaml', text, sidecar, { namespaceAsks: false }).injected, expected)
  }
  const [yes, no] = ['{ sluice.dev/inject: "true" }', '{ sluice.dev/inject: "false" }']
  f(`labels: ${yes}`, 'namespace: dub', 1)
  f(`annotations: ${yes}`, 'namespace: dub', 1)
  f(`annotations: ${yes}, labels: ${no}`, 'namespace: dub', 0)
  f(`labels: ${yes}`, 'namespace: other', 0)
  f(`labels: ${yes}`, `namespace: dub, labels: ${no}`, 0)
  f(`labels: ${no}`, 'namespace: dub', 0)
})
