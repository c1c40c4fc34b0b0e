import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import * as yaml from 'yaml'
import { injectPod } from '../../src/inject/pod.ts'
import { loadSettings } from '../../src/inject/settings.ts'
import { applyPatch } from '../support/json-patch.ts'
import { withOptions } from './injection-page.ts'

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'injection.md'), 'utf8')

test('the page knows all annotations and options; if not, `npm run docs` writes them', () => {
  strictEqual(withOptions(PAGE), PAGE)
})

test('the example of the page is injected without a warning', async () => {
  const [, example] = /```yaml\n([\s\S]*?)```/.exec(PAGE) ?? []
  ok(example !== undefined)
  const pod = yaml.parse(example)
  const { outcome, warnings } = injectPod(pod, (await loadSettings(undefined)).sidecar, { namespaceAsks: false })
  deepStrictEqual([outcome, warnings], ['injected', []])
})

test('the page names every variable that a worker can get', async () => {
  const { sidecar } = await loadSettings(undefined)
  const envs = [[], [{ name: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', value: 'http://a' }]]
  for (const env of envs) {
    const pod = { metadata: { name: 'a' }, spec: { containers: [{ name: 'w', env }] } }
    const result = applyPatch(pod, injectPod(pod, { ...sidecar, sentry: true }, { namespaceAsks: true }).patch)
    for (const { name } of result.spec.containers[0].env)
      match(PAGE, new RegExp(`\\b${name.replace(/_(TRACES|METRICS|LOGS)_/, '_<SIGNAL>_')}\\b`), name)
    for (const { name } of result.spec.initContainers[0].env) match(PAGE, new RegExp(`\\b${name}\\b`), name)
  }
})
