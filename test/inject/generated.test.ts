import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import * as yaml from 'yaml'
import { injectManifests } from '../../src/inject/manifests.ts'
import { injectPod } from '../../src/inject/pod.ts'
import { loadSettings } from '../../src/inject/settings.ts'
import { cpuMs } from '../support/cpu-time.ts'
import { applyPatch } from '../support/json-patch.ts'
import { anyPod, faultsOf, isKept } from '../support/pods.ts'

const { sidecar } = await loadSettings(undefined)
const settings = { ...sidecar, profiles: { batch: { processors: { sample: { traces: '1%' } } } } }
const versions = fc.constantFrom('v1.27.3', 'v1.29.0', 'v1.33.1', undefined)
const contexts = fc.record({ namespaceAsks: fc.boolean(), kubernetesVersion: versions })

test('a patch fits the pod as it came, changes nothing of it, and the result is valid', () => {
  let injected = 0
  fc.assert(
    fc.property(anyPod, contexts, (pod, context) => {
      const before = structuredClone(pod)
      const { outcome, patch, warnings } = injectPod(pod, settings, context)
      deepStrictEqual(pod, before)
      ok(patch.every(({ op }) => op === 'add'))
      const result = applyPatch(pod, patch)
      ok(isKept(pod, result))
      deepStrictEqual(faultsOf(result), [])
      ok(warnings.every((warning) => warning !== ''))
      if (outcome === 'injected') injected++
      else deepStrictEqual(patch, [])
    }),
    { numRuns: 500 }
  )
  ok(injected > 60, `only ${injected} were injected`)
})

test('twice is once', () => {
  fc.assert(
    fc.property(anyPod, contexts, (pod, context) => {
      const once = applyPatch(pod, injectPod(pod, settings, context).patch)
      const again = injectPod(once, settings, context)
      deepStrictEqual(again.patch, [])
      ok(again.outcome !== 'injected')
    }),
    { numRuns: 300 }
  )
})

test('a container that comes later gets what it would have got', () => {
  fc.assert(
    fc.property(anyPod, anyPod, (pod, other) => {
      const context = { namespaceAsks: true, kubernetesVersion: 'v1.33.0' }
      const later = { ...other.spec.containers[0], name: 'later', ports: [], volumeMounts: [] }
      const once = applyPatch(pod, injectPod(pod, settings, context).patch)
      once.spec.containers.push(later)
      const again = applyPatch(once, injectPod(once, settings, context).patch)
      const together = structuredClone(pod)
      together.spec.containers.push(later)
      const expected = applyPatch(together, injectPod(together, settings, context).patch)
      const envOf = (each: typeof pod) => each.spec.containers.find(({ name }: { name: string }) => name === 'later').env
      deepStrictEqual(envOf(again), envOf(expected))
    }),
    { numRuns: 200 }
  )
})

test('whatever stands in a pod, nothing is thrown and the patch fits', () => {
  const anything = fc.object({
    key: fc.constantFrom('metadata', 'spec', 'containers', 'env', 'labels', 'name', 'annotations', 'sluice.dev/inject')
  })
  const pods = fc.oneof(fc.anything(), anything, fc.record({ metadata: anything, spec: fc.record({ containers: fc.array(anything) }) }))
  fc.assert(
    fc.property(pods, (pod) => {
      const target = JSON.parse(JSON.stringify(pod) ?? 'null')
      applyPatch(target, injectPod(target, settings, { namespaceAsks: true }).patch)
    }),
    { numRuns: 500 }
  )
})

test('two hundred containers are no trouble', () => {
  const containers = Array.from({ length: 200 }, (_, i) => ({ name: `c${i}`, image: 'a', ports: [{ containerPort: 9400 + i }] }))
  const pod = { metadata: { name: 'x' }, spec: { containers } }
  const tookMs = cpuMs(() => injectPod(pod, settings, { namespaceAsks: true }))
  ok(tookMs < 200, `${tookMs} ms`)
  const { patch, warnings } = injectPod(pod, settings, { namespaceAsks: true })
  const result = applyPatch(pod, patch)
  deepStrictEqual([faultsOf(result), warnings], [[], []])
  strictEqual(result.spec.containers.filter(({ env }: { env?: unknown[] }) => env !== undefined).length, 200)
})

test('manifests of any style say the same with the sidecar, and their lines stay', () => {
  const styles = fc.record({
    indentSeq: fc.boolean(),
    json: fc.constantFrom('no', 'short', 'long'),
    defaultStringType: fc.constantFrom('PLAIN' as const, 'QUOTE_DOUBLE' as const),
    crlf: fc.boolean(),
    end: fc.constantFrom('\n', '', '\n\n', '\n# end', '\n...\n')
  })
  const kinds = fc.constantFrom('Pod', 'Deployment', 'CronJob', 'List')
  fc.assert(
    fc.property(fc.array(fc.tuple(anyPod, kinds), { minLength: 1, maxLength: 3 }), styles, (pods, { json, crlf, end, ...style }) => {
      const objects = pods.map(([pod, kind]) => wrapped(pod, kind))
      const print = (object: unknown) =>
        json === 'no'
          ? yaml.stringify(object, { ...style, version: '1.1', aliasDuplicateObjects: false }).trimEnd()
          : JSON.stringify(object, null, json === 'long' ? 2 : 0)
      const lines = `# one\n${objects.map(print).join('\n# between\n---\n# two\n')}${end}`
      const text = crlf ? lines.replaceAll('\n', '\r\n') : lines
      const context = { namespaceAsks: false, kubernetesVersion: 'v1.33.0' }
      const result = injectManifests('m.yaml', text, settings, context)
      ok(!result.warnings.some((warning) => warning.includes('written out')), result.warnings.join())
      const read = (source: string) =>
        yaml.parseAllDocuments(source, { version: '1.1' }).map((document) => (document as yaml.Document).toJS())
      const before = read(text)
      read(result.text).forEach((object, i) => {
        ok(isKept(before[i], object))
      })
      if (json === 'no') {
        let at = 0
        // What is empty in brackets opens, the one thing that may change in a line.
        for (const line of text.split('\n').filter((each) => !/(\[\]|\{\})\r?$/.test(each))) {
          at = result.text.indexOf(line, at)
          ok(at !== -1, `the line ${JSON.stringify(line)} is gone`)
        }
      }
      const again = injectManifests('m.yaml', result.text, settings, context)
      strictEqual(again.text, result.text)
      strictEqual(again.injected, result.injected)
    }),
    { numRuns: 120 }
  )
})

// biome-ignore lint/suspicious/noExplicitAny: objects of Kubernetes
function wrapped(pod: any, kind: string): unknown {
  const { metadata, spec } = pod
  if (kind === 'Pod') return pod
  if (kind === 'List') return { apiVersion: 'v1', kind: 'List', items: [pod, { apiVersion: 'v1', kind: 'ConfigMap', data: { a: 'b' } }] }
  if (kind === 'Deployment')
    return { apiVersion: 'apps/v1', kind, metadata: { name: 'd' }, spec: { template: { metadata, spec }, replicas: 2 } }
  return {
    apiVersion: 'batch/v1',
    kind,
    metadata: { name: 'd' },
    spec: { jobTemplate: { spec: { template: { metadata, spec } } }, schedule: '* * * * *' }
  }
}
