import { deepStrictEqual, notStrictEqual, strictEqual } from 'node:assert/strict'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parsePodinfo, parseResourceAttributes, readDownward, versionOf } from '../../../src/facts/pod/downward.ts'
import { parseRules } from '../../../src/facts/pod/names.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const none = parseRules([])
const nowhere = { directory: '/nonexistent', namespaceFile: '/nonexistent' }

test('the variables of manifests and operators name the pod', () => {
  const f = (env: Record<string, string>, expected: Record<string, string> | undefined): void =>
    deepStrictEqual(readDownward({ ...nowhere, env }, none, none), expected)
  f({}, undefined)
  f({ PATH: '/bin', NODE_NAME: 'n1' }, undefined)
  const named = { 'k8s.pod.name': 'w-0', 'k8s.namespace.name': 'gpu', 'service.name': 'w-0', 'service.namespace': 'gpu' }
  f({ POD_NAME: 'w-0', POD_NAMESPACE: 'gpu' }, named)
  f({ K8S_POD_NAME: 'w-0', K8S_NAMESPACE: 'gpu' }, named)
  f({ OTEL_RESOURCE_ATTRIBUTES_POD_NAME: 'w-0', OTEL_RESOURCE_ATTRIBUTES: 'k8s.namespace.name=gpu' }, named)
  f({ POD_NAME: '$(MY_NAME)', POD_UID: '7' }, { 'k8s.pod.uid': '7' })
})

test('what an operator says of one container is not said of the pod', () =>
  deepStrictEqual(
    readDownward(
      {
        ...nowhere,
        env: {
          OTEL_RESOURCE_ATTRIBUTES:
            'k8s.container.name=worker,k8s.deployment.name=tts,k8s.namespace.name=gpu,k8s.node.name=n1,k8s.pod.name=tts-1,' +
            'k8s.pod.uid=$(OTEL_UID),service.version=2,service.instance.id=gpu.tts-1.worker,container.id=abc'
        }
      },
      none,
      none
    ),
    {
      'k8s.deployment.name': 'tts',
      'k8s.namespace.name': 'gpu',
      'k8s.node.name': 'n1',
      'k8s.pod.name': 'tts-1',
      'service.name': 'tts',
      'service.namespace': 'gpu',
      'service.version': '2'
    }
  ))

test('resource attributes are percent-decoded, and broken pairs are left out', () => {
  const f = (text: string, expected: Record<string, string>): void =>
    deepStrictEqual(Object.fromEntries(parseResourceAttributes(text)), expected)
  f('a=1, b = two ,c=x%2Cy', { a: '1', b: 'two', c: 'x,y' })
  f('a=%zz,=1,b,c=,d=e=f', { a: '%zz', d: 'e=f' })
  f('', {})
})

test('lines of the downward volume are unescaped as Go escaped them', () => {
  const f = (line: string, key: string, value: string): void => strictEqual(parsePodinfo(line).get(key), value, line)
  f('app="tts"', 'app', 'tts')
  f('note="a \\"b\\" \\\\ c\\n\\td"', 'note', 'a "b" \\ c\n\td')
  f('note="\\u00e9 \\U0001f600 \\x01\\xc3\\xa9 \\a"', 'note', 'é 😀 \x01é \x07')
  f('url="a=\\"b"', 'url', 'a="b')
  deepStrictEqual([...parsePodinfo('app\n="x"\nb="\nc=d\n')], [])
})

function podinfo(): { directory: string; write(version: number, files: Record<string, string>): void } {
  const directory = temporaryDirectory()
  // As the kubelet does: files in a directory of their own, a link to it that is swapped at once, links through it.
  const write = (version: number, files: Record<string, string>): void => {
    mkdirSync(join(directory, `..v${version}`))
    for (const name in files) writeFileSync(join(directory, `..v${version}`, name), files[name])
    symlinkSync(`..v${version}`, join(directory, '..tmp'))
    renameSync(join(directory, '..tmp'), join(directory, '..data'))
    if (version === 1) for (const name in files) symlinkSync(`..data/${name}`, join(directory, name))
  }
  return { directory, write }
}

test('the volume gives labels and annotations by rule, the deployment by the template hash, and is seen to change', () => {
  const { directory, write } = podinfo()
  const env = { POD_NAME: 'tts-6d4cf56db6-x2x7q', POD_NAMESPACE: 'gpu' }
  const read = () =>
    readDownward(
      { env, directory, namespaceFile: '/nonexistent' },
      parseRules(['team', 'tier=dubbing.tier']),
      parseRules(['example.com/*'])
    )
  write(1, {
    labels: 'pod-template-hash="6d4cf56db6"\nteam="voice"\ntier="gold"\nsecret="x"\n',
    annotations: 'example.com/run="7"\nother="no"\nresource.opentelemetry.io/service.name="narrator"\n'
  })
  const first = versionOf(directory)
  strictEqual(versionOf(directory), first)
  deepStrictEqual(read(), {
    'k8s.pod.name': 'tts-6d4cf56db6-x2x7q',
    'k8s.namespace.name': 'gpu',
    'k8s.deployment.name': 'tts',
    'k8s.replicaset.name': 'tts-6d4cf56db6',
    'k8s.pod.label.team': 'voice',
    'dubbing.tier': 'gold',
    'k8s.pod.annotation.example.com/run': '7',
    'service.name': 'narrator',
    'service.namespace': 'gpu'
  })
  write(2, { labels: 'team="lips"\n', annotations: '' })
  notStrictEqual(versionOf(directory), first)
  strictEqual(read()?.['k8s.pod.label.team'], 'lips')
  strictEqual(read()?.['dubbing.tier'], undefined)
})
