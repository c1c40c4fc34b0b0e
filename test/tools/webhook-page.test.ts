import { match, ok, strictEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import * as yaml from 'yaml'
import { Counts } from '../../src/inject/counts.ts'
import { Metrics } from '../../src/telemetry/metrics.ts'
import { CONFIGURATION, LEAST_RIGHTS, SECRET } from '../support/kube-api.ts'
import { withWebhookOptions } from './webhook-page.ts'

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'webhook.md'), 'utf8')

test('the page knows all options; if not, `npm run docs` writes them', () => {
  strictEqual(withWebhookOptions(PAGE), PAGE)
})

test('the page names every metric of the injector', () => {
  const metrics = new Metrics()
  const counts = new Counts(metrics)
  counts.show(
    () => ({ serving: { fromMs: 1, untilMs: 2 } }),
    () => 'v1'
  )
  counts.refused('invalid')
  counts.befell('drop')
  counts.asked('get', 'secrets', 200)
  const names = [...counts.page().matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)
  ok(names.length >= 10)
  for (const name of names) match(PAGE, new RegExp(`\`${name}[{\`]`), name)
})

test('the rights on the page are those that the tests get by with', () => {
  const [, text] = /<!-- the least rights -->\n```yaml\n([\s\S]*?)```/.exec(PAGE) ?? []
  const rules = yaml.parseAllDocuments(text ?? '').flatMap((document) => (document.toJS() as { rules: Record<string, string[]>[] }).rules)
  const rights = rules.map(({ verbs, resources, resourceNames }) => ({ verbs, resource: resources[0], names: resourceNames }))
  strictEqual(JSON.stringify(rights), JSON.stringify(LEAST_RIGHTS))
  ok([SECRET, CONFIGURATION].every((name) => PAGE.includes(name)))
})
