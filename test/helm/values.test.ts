import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import { parse } from 'yaml'
import { parseSize } from '../../src/config/units.ts'
import { loadSettings } from '../../src/inject/settings.ts'
import { laidOver } from '../../src/inject/sidecar-config.ts'
import { exampleValues } from '../support/chart-examples.ts'
import { type ChartValue, chartFiles, chartSchema, chartValues } from '../tools/chart-schema.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const VALUES = read('helm/values.yaml')
const all = (values: readonly ChartValue[]): ChartValue[] => values.flatMap((value) => [value, ...all(value.inside)])

test('what the chart has of other files is up to date; `npm run docs` writes it', () => {
  for (const [path, text] of Object.entries(chartFiles())) ok(read(path) === text, path)
})

test('every value says in a sentence what it is', () => {
  const values = all(chartValues(VALUES))
  ok(values.length > 200)
  for (const { path, doc } of values) match(doc, /^\S.*[.\]}…]$/, path)
})

test('every value is used by a template', () => {
  const templates = readdirSync(join(ROOT, 'helm/templates'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(yaml|tpl|txt)$/.test(name))
    .map((name) => read(join('helm/templates', name)))
    .join('\n')
  // These are handed on whole, or by a name that is put together.
  const whole = /\.(sidecar|resources|rollingUpdate|updateStrategy|retention)\.|^(injector|daemonset|gateway)$/
  for (const { path } of all(chartValues(VALUES)))
    if (!whole.test(path)) match(templates, new RegExp(`(\\.|")${path.slice(path.lastIndexOf('.') + 1)}\\b`), path)
})

test('the chart is of the version of the gateway', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string }
  const chart = parse(read('helm/Chart.yaml')) as { version: string; appVersion: string }
  deepStrictEqual([chart.version, chart.appVersion], [version, version])
})

test('what the chart presets of the sidecar is what the injector presets', async () => {
  const { sidecar } = await loadSettings(undefined)
  const values = (parse(VALUES) as { injector: { sidecar: Record<string, unknown> } }).injector.sidecar
  deepStrictEqual(Object.keys(values).sort(), Object.keys(sidecar).sort())
  // Filled in by the templates.
  const { image: _, imagePullPolicy: __, gpuPort: ___, ...given } = values
  for (const [key, value] of Object.entries(given)) {
    const { [key]: preset } = sidecar as unknown as Record<string, unknown>
    deepStrictEqual(typeof preset === 'number' && typeof value === 'string' ? parseSize(value) : value, preset, key)
  }
})

// Helm lays values over the presets, takes away what is null, and holds the whole to the schema.
function together(over: unknown): unknown {
  const withoutNulls = (value: unknown): unknown =>
    typeof value !== 'object' || value === null || Array.isArray(value)
      ? value
      : Object.fromEntries(
          Object.entries(value)
            .filter(([, each]) => each !== null)
            .map(([key, each]) => [key, withoutNulls(each)])
        )
  return withoutNulls(laidOver(parse(VALUES), over))
}

test('the schema takes the presets, and refuses what is misspelt, of another type, or a secret', () => {
  const validate = new Ajv({ strict: false, allErrors: true }).compile(chartSchema(VALUES))
  const f = (text: string, path: string): void => {
    const valid = validate(together(parse(text)))
    strictEqual(valid, path === '', `${text} ${JSON.stringify(validate.errors)}`)
    if (path !== '')
      ok(
        validate.errors?.some(({ instancePath }) => instancePath === path),
        `${text}: ${JSON.stringify(validate.errors)}`
      )
  }
  f(VALUES, '')
  f('{}', '')
  f('global: { anything: 1 }', '')
  f(`daemonset: { config: { exporters: { sentry: { dsn: "\${DSN}" } } } }`, '')
  f('daemonset: { config: { receivers: { logs: { tcp: false } }, facts: { gpu: { source: false } } }, pods: { access: false } }', '')
  f('daemonset: { config: { exporters: { sentry: { dsn: "https://key@host/1" } } } }', '/daemonset/config/exporters/sentry/dsn')
  f('gateway: { config: { exporters: { datadog: { apiKey: abc } } } }', '/gateway/config/exporters/datadog/apiKey')
  f('gateway: { config: { queue: { sizemax: 1GiB } } }', '/gateway/config/queue')
  f('injector: { sidecar: { profiles: { batch: { queue: { ageMax: soon } } } } }', '/injector/sidecar/profiles/batch/queue/ageMax')
  f('injector: { sidecar: { queuesize: 1GiB } }', '/injector/sidecar')
  f('injector: { server: { tls: { lifetime: long } } }', '/injector/server/tls/lifetime')
  f('injector: { replicas: many }', '/injector/replicas')
  f('image: { digest: abc }', '/image/digest')
  ok(!validate(together({ gatway: {} })))
  // What is null has lost its default.
  f('{ injector: { nodeSelector: null } }', '/injector')
  f('{ daemonset: { config: null } }', '/daemonset')
  f('{ gateway: { podDisruptionBudget: { maxUnavailable: null }, resources: { limits: null }, tolerations: null } }', '')
  ok(!validate(together({ daemonset: null })))
  f('nameOverride: UPPER', '/nameOverride')
  f('fullnameOverride: a_b', '/fullnameOverride')
  f('image: { repository: UPPER/sluice }', '/image/repository')
  f('injector: { sidecar: { image: "sluice:" } }', '/injector/sidecar/image')
  f('injector: { sidecar: { secret: two words } }', '/injector/sidecar/secret')
  f('backends: { sentry: { dsnSecret: { name: two words } } }', '/backends/sentry/dsnSecret/name')
})

test('the examples of the page are values that the schema takes', () => {
  const validate = new Ajv({ strict: false, allErrors: true }).compile(chartSchema(VALUES))
  const examples = exampleValues()
  ok(examples.length >= 2)
  for (const example of examples) ok(validate(together(example)), `${JSON.stringify(example)}: ${JSON.stringify(validate.errors)}`)
})
