// A parser of the two text formats that forgives nothing: what real scrapers let pass, as bucket counts that fall or a name that belongs to two
// families, throws here.
import assert from 'node:assert/strict'

export interface ParsedSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly exemplar?: { readonly labels: Readonly<Record<string, string>>; readonly value: number; readonly time?: number }
}
export interface ParsedFamily {
  readonly name: string
  type: string
  help?: string
  unit?: string
  readonly samples: ParsedSample[]
}

const TYPES: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total'],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
  info: ['_info'],
  unknown: [''],
  untyped: ['']
}
const CLAIMS: Readonly<Record<string, readonly string[]>> = {
  ...{ counter: ['', '_total', '_created'], histogram: ['', '_bucket', '_sum', '_count', '_created'] },
  ...{ summary: ['', '_sum', '_count', '_created'], info: ['', '_info'] }
}

/** Parses a whole page, or throws at the first line that a strict reader of the format would not take. */
export function parsePage(
  page: string,
  { openMetrics, utf8 = false }: { openMetrics: boolean; utf8?: boolean }
): Map<string, ParsedFamily> {
  assert.ok(page === '' || page.endsWith('\n'), 'the page ends with a newline')
  assert.ok(page.isWellFormed(), 'the page is Unicode')
  assert.ok(!page.includes('\0'), 'no U+0000')
  const lines = page.split('\n').slice(0, -1)
  if (openMetrics) assert.equal(lines.pop(), '# EOF')
  const families = new Map<string, ParsedFamily>()
  let family: ParsedFamily | null = null
  for (const line of lines) {
    if (line.startsWith('#')) {
      const { keyword, name, rest } = comment(line, utf8)
      if (family === null || family.name !== name) {
        assert.ok(!families.has(name), `two groups: ${line}`)
        family = { name, type: '', samples: [] }
        families.set(name, family)
      }
      assert.equal(family.samples.length, 0, `after samples: ${line}`)
      if (keyword === 'TYPE') {
        assert.equal(family.type, '', line)
        assert.ok(Object.hasOwn(TYPES, rest) && rest !== (openMetrics ? 'untyped' : 'unknown') && (openMetrics || rest !== 'info'), line)
        family.type = rest
      } else if (keyword === 'HELP') family.help = unescaped(rest, openMetrics ? /\\[\\"n]|[^\\"]/g : /\\[\\n]|[^\\]/g)
      else {
        assert.ok(openMetrics && keyword === 'UNIT' && name.endsWith(`_${rest}`), line)
        family.unit = rest
      }
    } else {
      assert.ok(family !== null && family.type !== '', `no TYPE before: ${line}`)
      family.samples.push(sample(line, family, openMetrics, utf8))
    }
  }
  checkNames(families, openMetrics)
  for (const one of families.values()) checkFamily(one, openMetrics)
  return families
}

function comment(line: string, utf8: boolean): { keyword: string; name: string; rest: string } {
  const match = /^# (HELP|TYPE|UNIT) (?:([a-zA-Z_:][a-zA-Z0-9_:]*)|"((?:[^"\\]|\\[\\"n])*)") (.+)$/s.exec(line)
  assert.ok(match !== null, line)
  const [, keyword, plain, quoted, rest] = match
  assert.ok(plain !== undefined || utf8, line)
  return { keyword, name: plain ?? unescaped(quoted), rest }
}

function sample(line: string, family: ParsedFamily, openMetrics: boolean, utf8: boolean): ParsedSample {
  const cursor = { line, at: 0 }
  let name = take(cursor, /[a-zA-Z_:][a-zA-Z0-9_:]*/y)
  const labels: Record<string, string> = {}
  if (take(cursor, /\{/y) !== undefined) {
    if (name === undefined) {
      assert.ok(utf8, line)
      name = quotedText(cursor)
      if (take(cursor, /,/y) !== undefined) readLabels(cursor, labels, utf8)
    } else readLabels(cursor, labels, utf8)
    assert.ok(take(cursor, /\}/y) !== undefined, line)
  }
  assert.ok(name !== undefined, line)
  assert.ok(
    TYPES[family.type].some((suffix) => (openMetrics || family.type !== 'counter' ? name === family.name + suffix : name === family.name)),
    line
  )
  assert.ok(take(cursor, / /y) !== undefined, line)
  const value = readNumber(cursor)
  if (cursor.at === line.length) return { name, labels, value }
  assert.ok(openMetrics && take(cursor, / # \{/y) !== undefined, line)
  const exemplarLabels: Record<string, string> = {}
  if (take(cursor, /(?=\})/y) === undefined) readLabels(cursor, exemplarLabels, false)
  assert.ok(take(cursor, /\} /y) !== undefined, line)
  const exemplarValue = readNumber(cursor)
  const time = take(cursor, / /y) === undefined ? undefined : readNumber(cursor)
  assert.equal(cursor.at, line.length, line)
  const chars = Object.entries(exemplarLabels).flat().join('')
  assert.ok(Array.from(chars).length <= 128, `exemplar of more than 128 characters: ${line}`)
  assert.ok(name.endsWith('_bucket') || (family.type === 'counter' && name.endsWith('_total')), `no place for an exemplar: ${line}`)
  return { name, labels, value, exemplar: { labels: exemplarLabels, value: exemplarValue, ...(time === undefined ? {} : { time }) } }
}

interface Cursor {
  readonly line: string
  at: number
}

function take(cursor: Cursor, pattern: RegExp): string | undefined {
  pattern.lastIndex = cursor.at
  const match = pattern.exec(cursor.line)
  if (match === null) return undefined
  cursor.at = pattern.lastIndex
  return match[0]
}

function quotedText(cursor: Cursor): string {
  const text = take(cursor, /"(?:[^"\\\n]|\\[\\"n])*"/y)
  assert.ok(text !== undefined, cursor.line)
  return unescaped(text.slice(1, -1))
}

function readLabels(cursor: Cursor, labels: Record<string, string>, utf8: boolean): void {
  do {
    const name = take(cursor, /[a-zA-Z_][a-zA-Z0-9_]*/y) ?? (utf8 ? quotedText(cursor) : undefined)
    assert.ok(name !== undefined && take(cursor, /=/y) !== undefined, cursor.line)
    assert.ok(!Object.hasOwn(labels, name) && !name.startsWith('__'), `label ${name}: ${cursor.line}`)
    const value = quotedText(cursor)
    assert.notEqual(value, '', `label ${name} says nothing: ${cursor.line}`)
    labels[name] = value
  } while (take(cursor, /,/y) !== undefined)
}

function readNumber(cursor: Cursor): number {
  const text = take(cursor, /[+-]Inf|NaN|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/y)
  assert.ok(text !== undefined, cursor.line)
  return Number(text.replace('Inf', 'Infinity'))
}

function unescaped(text: string, units = /\\[\\"n]|[^\\"\n]/g): string {
  assert.equal(text.replace(units, ''), '', `stray escape or quote: ${text}`)
  return text.replace(/\\(.)/g, (_, char) => (char === 'n' ? '\n' : char))
}

// No name may belong to two families, neither as the family's nor as that of a sample.
function checkNames(families: ReadonlyMap<string, ParsedFamily>, openMetrics: boolean): void {
  const owners = new Map<string, string>()
  for (const { name, type } of families.values()) {
    const claims = type === 'counter' && !openMetrics ? [''] : (CLAIMS[type] ?? [''])
    for (const claim of claims) {
      assert.ok(!owners.has(name + claim), `${name + claim} belongs to ${owners.get(name + claim)} and ${name}`)
      owners.set(name + claim, name)
    }
  }
}

function checkFamily({ name, type, samples }: ParsedFamily, openMetrics: boolean): void {
  const seen = new Set<string>()
  const groups = new Map<string, ParsedSample[]>()
  let last = ''
  for (const one of samples) {
    const { le, quantile, ...labels } = one.labels
    const ofType =
      type === 'histogram'
        ? { ...labels, ...(quantile === undefined ? {} : { quantile }) }
        : type === 'summary'
          ? { ...labels, ...(le === undefined ? {} : { le }) }
          : one.labels
    const group = JSON.stringify(Object.entries(ofType).sort())
    const identity = `${one.name} ${JSON.stringify(Object.entries(one.labels).sort())}`
    assert.ok(!seen.has(identity), `twice: ${identity}`)
    seen.add(identity)
    assert.ok(group === last || !groups.has(group), `torn apart: ${identity}`)
    last = group
    groups.set(group, [...(groups.get(group) ?? []), one])
    const isCount =
      type === 'counter' || /_(?:bucket|count)$/.test(one.name.slice(name.length)) || (openMetrics && one.name === `${name}_sum`)
    if (isCount) assert.ok(one.value >= 0, `a count below zero or NaN: ${identity}`)
    if (type === 'info') assert.equal(one.value, 1)
    if (type === 'summary' && one.name === name)
      assert.ok(Number(quantile) >= 0 && Number(quantile) <= 1 && !(openMetrics && one.value < 0), identity)
  }
  if (type === 'histogram') for (const group of groups.values()) checkHistogram(name, group, openMetrics)
}

function checkHistogram(name: string, group: readonly ParsedSample[], openMetrics: boolean): void {
  const buckets = group.filter((one) => one.name === `${name}_bucket`)
  const bounds = buckets.map(({ labels }) => Number((labels.le ?? 'NaN').replace('Inf', 'Infinity')))
  assert.equal(bounds.at(-1), Number.POSITIVE_INFINITY, `${name}: no +Inf bucket`)
  for (const [i, { value, exemplar, labels }] of buckets.entries()) {
    if (openMetrics) assert.match(labels.le, /[.e]|Inf/, `${name}: le ${labels.le}`)
    assert.ok(Number.isInteger(value), `${name}: ${value} values in a bucket`)
    if (i > 0) assert.ok(bounds[i] > bounds[i - 1] && value >= buckets[i - 1].value, `${name}: bucket ${labels.le} is out of order`)
    if (exemplar !== undefined)
      assert.ok(exemplar.value <= bounds[i] && (i === 0 || exemplar.value > bounds[i - 1]), `${name}: exemplar outside of ${labels.le}`)
  }
  const sum = group.find((one) => one.name === `${name}_sum`)
  const count = group.find((one) => one.name === `${name}_count`)
  if (count !== undefined) assert.equal(count.value, buckets.at(-1)?.value, `${name}: count is not the +Inf bucket`)
  if (openMetrics) assert.equal(sum === undefined, count === undefined, `${name}: count and sum come together`)
  if (openMetrics && bounds[0] < 0) assert.equal(sum, undefined, `${name}: a sum beside buckets below zero`)
}
