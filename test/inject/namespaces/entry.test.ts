import { deepStrictEqual, strictEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { ENTRY, withEntry } from '../../../src/inject/namespaces/entry.ts'

const EXCLUDED = { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system'] }
const pods = {
  name: 'pods',
  clientConfig: { service: { name: 's', namespace: 'n', path: '/mutate/labelled-pods', port: 443 }, caBundle: 'eA==' }
}
const model = {
  name: 'namespaces',
  clientConfig: { service: { name: 's', namespace: 'n', path: '/mutate/labelled-namespaces', port: 443 }, caBundle: 'eA==' },
  namespaceSelector: { matchExpressions: [{ key: 'sluice.dev/inject', operator: 'In', values: ['true'] }, EXCLUDED] },
  objectSelector: { matchExpressions: [{ key: 'sluice.dev/inject', operator: 'NotIn', values: ['true', 'false'] }] },
  failurePolicy: 'Ignore',
  timeoutSeconds: 5
}
const entry = (names: readonly string[]) => ({
  ...model,
  name: ENTRY,
  clientConfig: { service: { name: 's', namespace: 'n', path: '/mutate/annotated-namespaces', port: 443 }, caBundle: 'eA==' },
  namespaceSelector: {
    matchExpressions: [
      { key: 'kubernetes.io/metadata.name', operator: 'In', values: names },
      { key: 'sluice.dev/inject', operator: 'DoesNotExist' },
      EXCLUDED
    ]
  }
})

test('the webhook takes after the one for labelled namespaces, in all but whom it selects', () => {
  deepStrictEqual(withEntry([pods, model], ['b', 'a']), [pods, model, entry(['a', 'b'])])
  deepStrictEqual(withEntry([entry(['old']), pods, model], ['a']), [pods, model, entry(['a'])])
  const [, , made] = withEntry([pods, { ...model, failurePolicy: 'Fail' }, entry(['a'])], ['a'])!
  strictEqual(made.failurePolicy, 'Fail')
})

test('what is as it should be is left alone, and without names there is none', () => {
  strictEqual(withEntry([pods, model, entry(['a', 'b'])], ['b', 'a']), null)
  strictEqual(withEntry([entry(['a']), pods, model], ['a']), null)
  strictEqual(withEntry([pods, model], []), null)
  strictEqual(withEntry([pods], []), null)
  deepStrictEqual(withEntry([pods, entry(['a']), model], []), [pods, model])
})

test('configurations that are made by hand select by labels, and call by URL', () => {
  const client = (path: string) => ({ url: `https://inject.example:8443${path}`, caBundle: 'eA==' })
  const byHand = {
    ...model,
    clientConfig: client('/mutate/labelled-namespaces'),
    namespaceSelector: { matchLabels: { 'sluice.dev/inject': 'true', team: 'dubbing' } }
  }
  const [, made] = withEntry([byHand], ['a'])!
  deepStrictEqual(made.clientConfig, client('/mutate/annotated-namespaces'))
  deepStrictEqual(made.namespaceSelector, {
    matchLabels: { team: 'dubbing' },
    matchExpressions: [
      { key: 'kubernetes.io/metadata.name', operator: 'In', values: ['a'] },
      { key: 'sluice.dev/inject', operator: 'DoesNotExist' }
    ]
  })
})

test('without one to take after, it says so', () => {
  for (const others of [[], [pods], [{ name: 'odd' }, { name: 'odder', clientConfig: { url: 7 } }]])
    throws(() => withEntry(others, ['a']), /no webhook that calls \/mutate\/labelled-namespaces/)
})
