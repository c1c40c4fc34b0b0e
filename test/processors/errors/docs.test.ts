import { deepStrictEqual, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { DEFAULT_RULES } from '../../../src/processors/errors/default-rules.ts'
import { FACTS } from '../../../src/processors/errors/facts.ts'
import { counts, exception, keyValues, open, span, traces } from './support.ts'

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'errors.md'), 'utf8')

test('the examples of the page have the fingerprints that it says', () => {
  const rows = Array.from(PAGE.matchAll(/^\| `([^`]+)` \| `([^`]+)` \| ((?:`[^`]+` ?)+) \|$/gm))
  ok(rows.length >= 6)
  for (const [, type, message, parts] of rows) {
    const [{ attributes }] = open().take(traces([span({ events: exception(type, message) })]))
    deepStrictEqual(
      attributes['error.fingerprint'],
      Array.from(parts.matchAll(/`([^`]+)`/g), ([, part]) => part),
      message
    )
  }
})

test('every rule and every field of its own stands on the page, the rules in their order', () => {
  const [, table] = /\| Rule that comes along .*\n.*\n((?:\|.*\n)+)/.exec(PAGE) ?? ['', '']
  deepStrictEqual(
    Array.from(table.matchAll(/^\| `([^`]+)`/gm), ([, name]) => name),
    [...new Set(DEFAULT_RULES.map(({ name }) => name))]
  )
  for (const name of Object.keys(FACTS)) ok(PAGE.includes(`\`${name}\``), name)
})

test('the configuration on the page does what it says', () => {
  const [, yaml] = /```yaml\n([^`]*)```/.exec(PAGE) ?? []
  const { processors } = parse(yaml ?? '') as { processors: { errors: object } }
  const failing = span({ attributes: keyValues({ 'job.stage': 'mux' }), events: exception('ffmpeg.Error', 'exit 1') })
  const [{ attributes }] = open(processors.errors).take(traces([failing]))
  deepStrictEqual([attributes['error.group'], attributes['error.fingerprint']], ['ffmpeg', ['ffmpeg', 'mux', 'ffmpeg.Error']])
})

test('every counter stands on the page', () => {
  const { metrics } = open()
  for (const { name, samples } of metrics.families()) {
    ok(PAGE.includes(`\`${name}`), name)
    for (const { labels } of samples) for (const value of Object.values(labels)) ok(PAGE.includes(`\`${value}\``), `${name} ${value}`)
  }
  deepStrictEqual(counts(metrics, 'sluice_errors_total'), {})
})
