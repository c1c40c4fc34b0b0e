import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { readTagged } from '../../../src/receivers/datadog/dogstatsd-tags.ts'

const ID = '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'
const UID = '3b8f4a52-7c1e-4f0a-9d51-0a6f1f0f2c11'

test('tags say what a metric is about, and a few whose it is', () => {
  const f = (field: string, attributes: object, resource: object = {}): void =>
    deepStrictEqual(readTagged(field.split('|')), { resource, attributes })
  f('', {})
  f('#', {})
  f('#stage:tts', { stage: 'tts' })
  f('#b:2,a:1', { a: '1', b: '2' })
  f('#url:http://x/y', { url: 'http://x/y' })
  f('#canary', { canary: true })
  f('#canary,canary:yes', { canary: 'yes' })
  f('#empty:', { empty: '' })
  f('#,:x, a:1 ,', { a: '1' })
  f('#a:2,a:1,a:2', { a: '1,2' })
  f('#__proto__:1', JSON.parse('{"__proto__":"1"}'))
  f(
    '#service:dub,env:prod,version:1.2,host:h1,runtime-id:r1,stage:tts',
    { stage: 'tts' },
    {
      'deployment.environment.name': 'prod',
      'host.name': 'h1',
      'service.instance.id': 'r1',
      'service.name': 'dub',
      'service.version': '1.2'
    }
  )
  f('#service,host:', {})
  f(`#dd.internal.entity_id:${UID},dd.internal.card:low`, {}, { 'k8s.pod.uid': UID })
  f('#dd.internal.entity_id:none', {})
  f(`c:ci-${ID}`, {}, { 'container.id': ID })
  f(`c:${ID}`, {}, { 'container.id': ID })
  f('c:in-4026532', {})
  f('c:x y', {})
  f(`e:it-false,cn-worker,pu-${UID}`, {}, { 'k8s.container.name': 'worker', 'k8s.pod.uid': UID })
  f('card:low|unknown:field|#a:1', { a: '1' })
})

test('a field of an event names the host', () => {
  deepStrictEqual(readTagged([], 'h1').resource, { 'host.name': 'h1' })
  deepStrictEqual(readTagged(['#host:h2'], 'h1').resource, { 'host.name': 'h2' })
})

test('no text of a resource is long', () => {
  deepStrictEqual(readTagged([`#service:${'é'.repeat(5000)}`]).resource, { 'service.name': 'é'.repeat(256) })
})
