import { ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { parseBatch } from '../../../src/batch.ts'
import { Engine } from '../../../src/processors/redact/engine.ts'
import { userPattern } from '../../../src/processors/redact/patterns.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { cpuMs } from '../../support/cpu-time.ts'
import { message, request, span, string } from '../../support/otlp-bytes.ts'
import { redactorOf } from '../../support/redactor.ts'
import { Secrets } from '../../support/secrets.ts'

const MIB = 1 << 20
const TOKEN = new Secrets(53).tokens()['github-token']

// Less than this is nothing that can be compared: what is quadratic takes seconds for the larger text.
const MEASURABLE_MS = 5

// How much longer four times the text takes. Linear is 4; the best of two counts.
function growth(make: (bytes: number) => () => void, bytes: number): number {
  const [small, large] = [make(bytes), make(4 * bytes)]
  small()
  const best = (work: () => void): number => Math.min(cpuMs(work), cpuMs(work))
  return best(large) / Math.max(best(small), MEASURABLE_MS)
}

const GROWTH_MAX = 12

// Each takes exponential or quadratic time in an engine that tries one way after the other.
const CATASTROPHES: readonly [pattern: string, input: string][] = [
  ['x-(a|a)*c', `x-${'a'.repeat(64)}`],
  ['key(a|ab|b)*!', `key${'ab'.repeat(40)}`],
  ['id-\\w*\\w*\\w*!', `id-${'w'.repeat(90)}`],
  ['tag:.*.*=;', `tag:${'y'.repeat(60)}`],
  ['no\\d+\\d+\\d+x', 'no1234567890123456789012345678901234567890'],
  ['abc(d?){40}d{40}', `abc${'d'.repeat(40)}`],
  ['usr[a-z]*[a-y]*[a-x]*9', `usr${'abc'.repeat(30)}`],
  ['pre(\\s|\\s)*z', `pre${' '.repeat(80)}`],
  ['end.{0,200}end.{0,200}end!', 'end '.repeat(50)],
  ['(?i)foo[^q]*bar[^q]*baz[^q]*q', 'foo bar baz '.repeat(20)]
]

test('patterns that blow up engines which try one way after the other are refused or take linear time', () => {
  let ran = 0
  for (const [pattern, input] of CATASTROPHES) {
    let compiled: ReturnType<typeof userPattern>
    try {
      compiled = userPattern('own', pattern)
    } catch {
      continue
    }
    ran++
    const engine = new Engine({ keys: [], patterns: [compiled], allow: [], counted: () => undefined, exceeded: () => undefined })
    const make = (bytes: number) => (): void => {
      const text = Buffer.from(input.repeat(Math.ceil(bytes / input.length)).slice(0, bytes))
      engine.begin('logs', engine.treatment, bytes)
      engine.redact(text, 0, text.length)
    }
    const times = growth(make, 16_384)
    ok(times < GROWTH_MAX, `${pattern}: four times the text takes ${times.toFixed(1)} times as long`)
  }
  ok(ran >= 5, `${ran} of them run`)
})

test('the patterns themselves, and what they blow up on, are text as any other', () => {
  const redactor = redactorOf()
  for (const [pattern, input] of [...CATASTROPHES, ['(a+)+$', 'a'.repeat(5_000)], ['^(([a-z])+.)+[A-Z]([a-z])+$', 'a'.repeat(5_000)]])
    for (const text of [pattern, input]) strictEqual(redactor.text(text), text)
})

// Long runs of what starts a look.
const HOSTILE = [
  'a@',
  'a@a.',
  '%40',
  'token=a ',
  'token":["',
  'requirepass ',
  '://a:',
  'eyJ',
  '-----BEGIN PRIVATE KEY-----',
  '4444-',
  '\\"password\\":\\"'
]

test('time is linear in the size of a request, whatever it holds and however it is cut into records', () => {
  const metrics = new Metrics()
  const redactor = redactorOf({}, metrics)
  const ofRecords = (record: Uint8Array) => (bytes: number) => {
    const batch = parseBatch('logs', request(new Array(Math.ceil(bytes / record.length)).fill(record)))
    return (): void => void redactor.process(batch)
  }
  const body = (text: string): Buffer => message(5, string(1, text))
  const attribute = (key: string, value: string): Buffer => message(6, string(1, key), message(2, string(1, value)))
  const cases: [string, (bytes: number) => () => void][] = HOSTILE.flatMap((unit) => [
    [`one text of ${unit}`, (bytes) => ofRecords(body(unit.repeat(bytes / unit.length)))(1)],
    [`many texts of ${unit}`, ofRecords(body(unit.repeat(200 / unit.length)))]
  ])
  cases.push(
    ['digits that are no cards, and not one head', ofRecords(body('at 1700000000000 x'))],
    ['small attributes', ofRecords(attribute('pwd', 'ab'))],
    ['integers', ofRecords(message(6, string(1, 'n'), message(2, Buffer.from([0x18, 0xc7, 0xe3, 0xf1, 0xb8, 0xe3, 0xf4, 0xcd, 0x03]))))]
  )
  for (const [name, make] of cases) {
    const times = growth(make, MIB / 8)
    ok(times < GROWTH_MAX, `${name}: four times the bytes take ${times.toFixed(1)} times as long`)
  }
})

test('20 MiB of the worst that is known take no longer than 20 MiB may', { timeout: 240_000 }, () => {
  const redactor = redactorOf()
  // Measured beside it, since machines differ: so much of a harmless text is looked at meanwhile.
  const clean = parseBatch('logs', request(new Array(20).fill(message(5, string(1, 'worker ready, '.repeat(MIB / 14))))))
  const cleanMs = Math.min(...[1, 2, 3].map(() => cpuMs(() => redactor.process(clean))))
  for (const unit of ['a@', 'token=a ', 'pw', 'A', 'SCW', '%41']) {
    const batch = parseBatch('logs', request([message(5, string(1, unit.repeat((20 * MIB) / unit.length)))]))
    const worstMs = cpuMs(() => redactor.process(batch))
    ok(worstMs < 30 * cleanMs, `${unit}: ${worstMs.toFixed(0)} ms, harmless text ${cleanMs.toFixed(0)} ms`)
  }
})

test('over budget, what deserves a look is hidden without one and counted; what does not deserve it stays', () => {
  const metrics = new Metrics()
  const redactor = redactorOf({}, metrics)
  const hostile = message(5, string(1, 'token=a '.repeat(40)))
  const last = Buffer.concat([
    message(5, string(1, `sent ${TOKEN}`)),
    message(6, string(1, 'note'), message(2, string(1, TOKEN))),
    message(6, string(1, 'kept'), message(2, string(1, 'as it is')))
  ])
  const before = parseBatch('logs', request([...new Array(20_000).fill(hostile), last]))
  const after = redactor.process(before)
  const text = Buffer.from(after!.bytes).subarray(-200).toString('latin1')
  ok(text.includes('[redacted:over-budget]'))
  ok(text.includes('as it is'))
  ok(!Buffer.from(after!.bytes).includes(TOKEN))
  strictEqual(parseBatch('logs', after!.bytes).items, before.items)
  const family = metrics.families().find(({ name }) => name === 'sluice_redact_budget_exceeded_total')
  ok((family?.samples[0]?.value ?? 0) > 0)
  // The next request has a budget of its own.
  const next = redactor.process(parseBatch('traces', request([span({ name: `x ${TOKEN}` })])))
  ok(Buffer.from(next!.bytes).includes('x [redacted:github-token]'))
})

test('what a rule cannot cope with is hidden, not passed', () => {
  const faulty = {
    ...userPattern('own', 'boom'),
    check: () => {
      throw new Error('a fault')
    }
  }
  let exceeded = 0
  const engine = new Engine({ keys: [], patterns: [faulty], allow: [], counted: () => undefined, exceeded: () => exceeded++ })
  const f = (text: string, expected: string | undefined): void =>
    strictEqual(engine.redact(Buffer.from(text), 0, text.length)?.toString(), expected)
  f('a boom b', Buffer.from('[redacted:over-budget]').toString())
  f('nothing of it', undefined)
  strictEqual(exceeded, 1)
})

test('JSON that takes too much work is hidden as JSON', () => {
  const engine = new Engine({ keys: [], patterns: [], allow: [], counted: () => undefined, exceeded: () => undefined })
  const f = (text: string, expected: string): void => {
    const bytes = Buffer.from(text)
    // Nothing is left of the request's budget.
    engine.begin('logs', engine.treatment, 0)
    engine.spend(1e9)
    strictEqual(Buffer.from(engine.redact(bytes, 0, bytes.length) ?? bytes).toString(), expected)
  }
  f(`{"a":"${TOKEN}"}`, '"[redacted:over-budget]"')
  f(`a: ${TOKEN}`, '[redacted:over-budget]')
})
