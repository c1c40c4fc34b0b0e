import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseRules } from '../../../src/facts/pod/names.ts'
import { parseImage, readPod } from '../../../src/facts/pod/pod-object.ts'
import { pod } from '../../support/kubelet.ts'

const none = parseRules([])
const attributesOf = (parts: Parameters<typeof pod>[0]) => readPod(pod(parts), none, none)?.attributes ?? {}

test('a pod of the list becomes attributes of the conventions', () => {
  const known = readPod(
    pod({ name: 'tts-abc-1', labels: { team: 'voice' }, containers: { worker: 'a'.repeat(64) } }),
    parseRules(['team']),
    none
  )
  deepStrictEqual(known?.attributes, {
    'k8s.pod.uid': 'uid-tts-abc-1',
    'k8s.pod.name': 'tts-abc-1',
    'k8s.namespace.name': 'gpu',
    'k8s.node.name': 'node-1',
    'k8s.pod.ip': '10.1.0.5',
    'k8s.pod.start_time': '2026-03-01T10:00:00Z',
    'k8s.pod.label.team': 'voice',
    'service.name': 'tts-abc-1',
    'service.namespace': 'gpu'
  })
  deepStrictEqual(known.containers.get('a'.repeat(64)), {
    ...known.attributes,
    'k8s.container.name': 'worker',
    'container.id': 'a'.repeat(64),
    'container.image.name': 'registry:5000/dub/worker',
    'container.runtime.name': 'containerd',
    'service.version': '1.4.2',
    'service.instance.id': 'gpu.tts-abc-1.worker'
  })
})

test('the owner of the owner follows from the names', () => {
  const f = (owner: [string, string], labels: Record<string, string>, expected: Record<string, string>): void => {
    const found = attributesOf({ name: 'p', owner, labels })
    const names = Object.entries(found).filter(([name]) => /^k8s\.(?!pod|node|namespace).*\.name$/.test(name))
    deepStrictEqual(Object.fromEntries(names), expected)
  }
  const hash = { 'pod-template-hash': '6d4cf56db6' }
  f(['ReplicaSet', 'tts-6d4cf56db6'], hash, { 'k8s.replicaset.name': 'tts-6d4cf56db6', 'k8s.deployment.name': 'tts' })
  f(['ReplicaSet', 'tts-6d4cf56db6'], {}, { 'k8s.replicaset.name': 'tts-6d4cf56db6' })
  f(['ReplicaSet', '-6d4cf56db6'], hash, { 'k8s.replicaset.name': '-6d4cf56db6' })
  f(['StatefulSet', 'db'], {}, { 'k8s.statefulset.name': 'db' })
  f(['DaemonSet', 'agent'], {}, { 'k8s.daemonset.name': 'agent' })
  // The double's pods are made at ten, a minute after this was due.
  const due = Math.floor(Date.parse('2026-03-01T09:59:00Z') / 60_000)
  f(['Job', `nightly-${due}`], {}, { 'k8s.job.name': `nightly-${due}`, 'k8s.cronjob.name': 'nightly' })
  f(['Job', 'import-20260301'], {}, { 'k8s.job.name': 'import-20260301' })
  f(['Rollout', 'canary'], {}, {})
  f(['constructor', 'x'], {}, {})
})

test('the name of the service comes from the best source there is', () => {
  const f = (labels: Record<string, string>, annotations: Record<string, string>, expected: string): void =>
    strictEqual(attributesOf({ name: 'p', owner: ['StatefulSet', 'set'], labels, annotations })['service.name'], expected)
  const name = { 'app.kubernetes.io/name': 'app' }
  const instance = { 'app.kubernetes.io/instance': 'app-blue' }
  f({}, {}, 'set')
  f(name, {}, 'app')
  f({ ...name, ...instance }, {}, 'app-blue')
  f({ ...name, ...instance }, { 'resource.opentelemetry.io/service.name': 'said' }, 'said')
})

test('a pod cannot pass itself off as another one by what its author may write', () => {
  const uid = 'resource.opentelemetry.io/k8s.pod.uid'
  const parts = {
    name: 'p',
    uid: 'own',
    labels: { who: 'other' },
    annotations: { [uid]: 'other', 'resource.opentelemetry.io/container.id': 'other' }
  }
  const known = readPod(pod({ ...parts, containers: { c: 'id' } }), parseRules(['who=k8s.pod.uid']), none)
  strictEqual(known?.attributes['k8s.pod.uid'], 'own')
  strictEqual(known.containers.get('id')?.['container.id'], 'id')
})

test('a pod that shares its node’s network is not found by address, and one that has ended is over', () => {
  deepStrictEqual(readPod(pod({ name: 'p' }), none, none)?.ips, ['10.1.0.5', 'fd00::5'])
  deepStrictEqual(readPod(pod({ name: 'p', hostNetwork: true }), none, none)?.ips, [])
  const f = (phase: string, expected: boolean): void => strictEqual(readPod(pod({ name: 'p', phase }), none, none)?.isOver, expected)
  f('Running', false)
  f('Pending', false)
  f('Succeeded', true)
  f('Failed', true)
})

test('an image is cut at its tag, not at a port, and a digest names nothing', () => {
  const f = (image: string, repository: string | undefined, tag: string | undefined): void =>
    deepStrictEqual(parseImage(image), { repository, tag })
  f('nginx', 'nginx', undefined)
  f('nginx:1.27', 'nginx', '1.27')
  f('registry:5000/a/b', 'registry:5000/a/b', undefined)
  f('registry:5000/a/b:v1@sha256:00', 'registry:5000/a/b', 'v1')
  f('sha256:0123', undefined, undefined)
  f('', undefined, undefined)
})

test('no JSON makes the reader fail', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => void readPod(value, none, none)))
  const keys = fc.constantFrom(
    'metadata',
    'spec',
    'status',
    'uid',
    'name',
    'namespace',
    'labels',
    'ownerReferences',
    'containerStatuses',
    'podIPs'
  )
  const tree = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom('x', 1, null, true),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(keys, tie('tree'))
    )
  })).tree
  fc.assert(fc.property(tree, (value) => void readPod(value, none, none)))
  fc.assert(
    fc.property(tree, tree, (metadata, status) => {
      readPod({ metadata: { ...Object(metadata), uid: 'u', name: 'n', namespace: 's' }, status }, none, none)
    })
  )
})
