import { deepStrictEqual, ok } from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { unknownIn } from '../../src/monitoring/catalogue.ts'
import { runbookOf } from '../../src/monitoring/rule.ts'
import { GROUPS } from '../../src/monitoring/rules.ts'
import { queriesOf, RUNBOOKS } from './runbook-queries.ts'

const SECTIONS = ['Meaning', 'Impact', 'First look', 'Causes', 'Remedies']
const ALERTS = GROUPS.flatMap(({ alerts = [] }) => alerts.map(({ alert }) => alert))
const pages = readdirSync(RUNBOOKS).filter((name) => name.endsWith('.md'))

test('the name of a page is the name of its alert in small words', () => {
  const f = (alert: string, expected: string): void => deepStrictEqual(runbookOf(alert), expected)
  f('GpuLost', 'gpu-lost.md')
  f('ApiDown', 'api-down.md')
  f('SluiceRedactionCanaryFailed', 'sluice-redaction-canary-failed.md')
})

test('every alert has its page, and every page its alert', () => {
  deepStrictEqual(
    ALERTS.filter((alert) => !pages.includes(runbookOf(alert))),
    []
  )
  deepStrictEqual(
    pages.filter((page) => page !== 'README.md' && !ALERTS.some((alert) => runbookOf(alert) === page)),
    []
  )
})

test('pages have all sections in their order, and something in each', () => {
  for (const alert of ALERTS) {
    const [title, ...sections] = readFileSync(join(RUNBOOKS, runbookOf(alert)), 'utf8').split(/^## /m)
    ok(title.startsWith(`# ${alert}\n`) && title.includes(`\`${alert}\``), alert)
    deepStrictEqual(
      sections.map((section) => section.slice(0, section.indexOf('\n'))),
      SECTIONS,
      alert
    )
    for (const section of sections) ok(section.trim().split('\n').length > 1 && section.length > 30, `${alert}: ${section}`)
    ok(sections[2].includes('```promql'), `${alert}: no query to look at first`)
  }
})

test('queries ask for metrics that there are', () => {
  let queries = 0
  for (const page of pages) {
    for (const query of queriesOf(page)) {
      queries++
      deepStrictEqual(unknownIn(query), [], `${page}: ${query}`)
    }
  }
  ok(queries > 250)
})

test('links lead to pages that there are', () => {
  for (const page of pages)
    for (const [, link] of readFileSync(join(RUNBOOKS, page), 'utf8').matchAll(/\]\(((?!http)[^)#]+)/g))
      ok(existsSync(join(RUNBOOKS, link)), `${page}: ${link}`)
})
