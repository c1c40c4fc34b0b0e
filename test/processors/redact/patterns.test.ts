import { ok, strictEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Engine } from '../../../src/processors/redact/engine.ts'
import { userPattern } from '../../../src/processors/redact/patterns.ts'

function redactWith(pattern: string): (text: string) => string {
  const engine = new Engine({
    keys: [],
    patterns: [userPattern('own', pattern)],
    allow: [],
    counted: () => undefined,
    exceeded: () => undefined
  })
  return (text) => {
    const bytes = Buffer.from(text)
    return Buffer.from(engine.redact(bytes, 0, bytes.length) ?? bytes).toString()
  }
}

test('patterns match as written, the earliest and then the longest', () => {
  const f = (pattern: string, text: string, expected: string): void => strictEqual(redactWith(pattern)(text), expected, pattern)
  f('ACME-[0-9]{4}', 'id ACME-1234 and ACME-12', 'id [redacted:own] and ACME-12')
  f('ACME-\\d+', 'ACME-1 ACME-2222x', '[redacted:own] [redacted:own]x')
  f('(?i)acme-\\d{2}', 'AcMe-12', '[redacted:own]')
  f('acme', 'ACME acme', 'ACME [redacted:own]')
  f('[a-z]{3}_corp_(?:one|two|[xyz]{2,3})', 'abc_corp_one abcd_corp_xyz abc_corp_q', '[redacted:own] a[redacted:own] abc_corp_q')
  f('\\bkey:\\s*\\w+', 'key: abc monkey: def', '[redacted:own] monkey: def')
  f('(corp|inc)-id=.{1,3}', 'corp-id=abcd', '[redacted:own]d')
  f('日本corp-\\d', 'x 日本corp-7', 'x [redacted:own]')
  f('x?acme\\.[^ ]*', 'xacme.a,b c', '[redacted:own] c')
  f('(ab){2,3}cde', 'ababcde abcde', '[redacted:own] abcde')
})

test('patterns that cannot be run safely are refused with the reason', () => {
  const f = (pattern: string, message: RegExp): void => {
    throws(() => userPattern('own', pattern), { name: 'PatternError', message })
  }
  f('', /3 or more characters/)
  f('\\d{16}', /3 or more characters/)
  f('ab|abc', /3 or more characters/)
  f('(abc)?', /3 or more characters/)
  f('(a+)+abc', /repeat inside/)
  f('([a-z]+\\.)*corp', /repeat inside/)
  f('(?:x*){2}abc', /repeat inside/)
  f('abc**', /repeat of a repeat/)
  f('(?=abc)abc', /look-around/)
  f('(abc)\\1', /back-references/)
  f('^abc', /anchors/)
  f('abc[', /not closed/)
  f('(abc', /not closed/)
  f('abc)', /unexpected/)
  f('abc[z-a]', /backwards/)
  f('abc.{3,2}', /backwards/)
  f('abc.{2000}', /more than 1000/)
  f('abc.{900}.{900}.{900}', /too large/)
  f('abc\\', /backslash/)
  f('abc\\p', /not supported/)
  f(`${'('.repeat(40)}abc${')'.repeat(40)}`, /nested deeper/)
})

test('patterns that blow up other engines take linear work here', () => {
  const evil = [
    'abc.*.*.*x',
    'abc[a-z]*[a-z]*[a-z]*1',
    'abc(a|a|a|aa)*?y'.replace('*?', '{0,30}'),
    'a*a*a*abc',
    '\\w*\\w*abc\\w*\\w*!',
    'abc.{0,900}z'
  ]
  for (const pattern of evil) {
    const redact = redactWith(pattern)
    const started = process.cpuUsage()
    for (const text of ['abc'.repeat(20_000), `abc${'a'.repeat(60_000)}`, `${'a'.repeat(60_000)}abc`]) ok(redact(text).length > 0)
    const { user } = process.cpuUsage(started)
    ok(user < 3_000_000, `${pattern}: ${user} µs for 180 KB`)
  }
})

test('patterns agree with the regular expressions of the language', () => {
  const atom = fc.constantFrom('a', 'b', '[ab]', '.', '\\d', '\\w', 'c?', 'a{1,2}', 'b+', '(?:a|bc)', '\\b')
  const side = fc.array(atom, { maxLength: 3 }).map((atoms) => atoms.join(''))
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', ' ', 'q', 'u', 'x'), maxLength: 30 })
  fc.assert(
    fc.property(side, side, text, text, (before, after, left, right) => {
      const source = `${before}qux${after}`
      const subject = `${left}qux${right}`
      const expected = new RegExp(source).test(subject)
      strictEqual(redactWith(source)(subject) !== subject, expected, source)
    }),
    { numRuns: 1_000 }
  )
})
