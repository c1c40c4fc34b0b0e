import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseBatch } from '../../src/batch.ts'
import { LogEntry, type LogValue } from '../../src/logs/log-entry.ts'
import { LOG_FORMATS, type LogSource } from '../../src/logs/log-source.ts'
import { LogWriter } from '../../src/logs/log-writer.ts'
import { understandLine, understandObject } from '../../src/logs/understand.ts'
import { cpuMs } from '../support/cpu-time.ts'
import { NOW_MS } from './entry.ts'

// The long form: SLUICE_FUZZ_RUNS=50000.
const runs = Number(process.env.SLUICE_FUZZ_RUNS ?? 2000)
const LINE_CHARACTERS = 256 * 1024
/** A line of that length takes a few milliseconds; what grows with its square takes minutes. */
const LINE_MS_MAX = 1000

const SOURCE: LogSource = { resource: {}, attributes: { 'log.iostream': 'stdout' }, scope: 'test', format: 'auto' }
const writer = new LogWriter()
const entry = new LogEntry()

function written(): void {
  writer.open()
  writer.add(SOURCE, entry)
  ok(writer.bytes > 0)
  const bytes = writer.close()
  strictEqual(parseBatch('logs', bytes).items, 1)
  strictEqual(new Set(entry.keys).size, entry.keys.length, 'each key once')
}

// Parts that the readers look for, so that lines get past their first looks.
const PARTS = [
  '{"',
  '":',
  '"',
  '}',
  '{',
  '[',
  ']',
  ',',
  ':',
  ': ',
  ' ',
  '\\',
  '\n',
  '\t',
  '=',
  '-',
  '|',
  'level',
  'msg',
  'message',
  'time',
  'ts',
  'error',
  'err',
  'stack',
  'trace_id',
  'dd.trace_id',
  'traceparent',
  '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  '1730716245.123456789',
  '99999999999999999999',
  '1e999',
  'info',
  'ERROR',
  'I1104 10:30:45.123456 1 a.go:1] ',
  '2026-11-04T10:30:45.123Z',
  '2026-11-04 10:30:45,123',
  'Nov  4 10:30:45 ',
  '[rank0]:',
  'NCCL INFO ',
  'h:1:2 [3] ',
  'Traceback (most recent call last):\n',
  'Exception Group Traceback (most recent call last)',
  '\n\tat ',
  'java.lang.IllegalStateException: x',
  'panic: ',
  '\ngoroutine 1 [running]:',
  "thread 'main' panicked at ",
  'PHP Fatal error:  Uncaught ',
  '\u001b[31m',
  '__proto__',
  'constructor',
  '\ud800',
  '\u0000',
  'ä',
  '1.2.3.4 - - [04/Nov/2026:10:30:45 +0000] "GET / HTTP/1.1" 200 1',
  'null',
  'true',
  'log'
]
const mixed = fc
  .array(
    fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...PARTS) }, { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) }),
    { maxLength: 40 }
  )
  .map((parts) => parts.join(''))
const fields = fc.dictionary(
  fc.oneof(fc.constantFrom(...PARTS), fc.string()),
  fc.oneof(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(...PARTS))
)
const line = fc.oneof(
  mixed,
  fields.map((each) => JSON.stringify(each)),
  fc.tuple(fields, fc.nat(), mixed).map(([each, at, part]) => {
    const text = JSON.stringify(each)
    const cut = at % (text.length + 1)
    return text.slice(0, cut) + part + text.slice(cut)
  })
)

test('any line is understood in some way, and makes a valid record', () => {
  fc.assert(
    fc.property(line, fc.constantFrom(...LOG_FORMATS), (text, format) => {
      entry.reset(NOW_MS)
      understandLine(text, format, entry)
      written()
    }),
    { numRuns: runs }
  )
})

test('a line of text alone keeps all that it says', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }).filter((text) => !/[\u001b\r]/.test(text)),
      (text) => {
        entry.reset(NOW_MS)
        understandLine(text, 'text', entry)
        ok(text.endsWith(entry.body as string))
      }
    ),
    { numRuns: runs }
  )
})

const value: fc.Arbitrary<LogValue> = fc.letrec<{ value: LogValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.integer(),
    fc.bigInt(),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 })
  )
})).value

test('any entry makes a valid record', () => {
  const anything = fc.record({
    timeMs: fc.double(),
    timeNanos: fc.double(),
    observedMs: fc.double(),
    severityNumber: fc.double(),
    severityText: fc.string({ unit: 'binary' }),
    body: value,
    eventName: fc.string(),
    serviceName: fc.string({ unit: 'binary' }),
    traceId: fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-fA-Fx]{32}$/)),
    spanId: fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f]{16}$/)),
    traceFlags: fc.double(),
    droppedAttributes: fc.double(),
    keys: fc.uniqueArray(fc.string({ unit: 'binary' }), { maxLength: 5 }),
    values: fc.array(value, { minLength: 5, maxLength: 5 })
  })
  fc.assert(
    fc.property(anything, ({ keys, values, ...rest }) => {
      entry.reset(0)
      Object.assign(entry, rest)
      for (const [i, key] of keys.entries()) entry.add(key, values[i])
      written()
    }),
    { numRuns: runs }
  )
})

test('any structure is understood', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.oneof(fc.constantFrom(...PARTS), fc.string()), value), (object) => {
      entry.reset(NOW_MS)
      understandObject(object, entry)
      written()
    }),
    { numRuns: runs }
  )
})

test('no line takes longer than its length', () => {
  const f = (part: string, before = '', behind = ''): void => {
    const text = before + part.repeat(Math.ceil(LINE_CHARACTERS / part.length)) + behind
    const took = cpuMs(() => {
      entry.reset(NOW_MS)
      understandLine(text, 'auto', entry)
      written()
    })
    ok(took < LINE_MS_MAX, `${Math.round(took)} ms for ${JSON.stringify(`${before}…${part}…${behind}`)}`)
  }
  for (const part of PARTS) {
    f(part)
    f(part, 'ERROR:a:')
    f(part, '2026-11-04 10:30:45,123 ')
    f(part, '{"msg":"', '"}')
    f(part, 'Traceback (most recent call last):\n')
    f(part, '', '\n\tat x')
    f(part, '1.2.3.4 - - [', '] "')
  }
  f('a')
  f('a.')
  f('a b ')
  f('a: ')
  f('a\n')
  f('  \n')
  f('a=1 ', 'a=1 ')
  f('a="', 'a=1 ')
  f('[{"a":', '{"a":')
  f('{"a":', '', `1${'}'.repeat(60_000)}`)
  f('\\"', '{"msg":"', '":"}')
  f('"a":1,', '{', '"b":2}')
  f('a-', '1.2.3.4 - - [04/Nov/2026:10:30:45 +0000] "', '')
  f('1', '{"a":', '}')
  f('1.', '', '')
  f("':", "thread '", '')
  f('(x)', 'a.rb:1:in ', '\n')
})

test('deep structures are cut, and the line kept', () => {
  const f = (depth: number): LogEntry => {
    entry.reset(NOW_MS)
    understandLine(
      `{"msg":"m","a":${'{"b":'.repeat(depth)}1${'}'.repeat(depth)},"l":${'['.repeat(depth)}${']'.repeat(depth)}}`,
      'auto',
      entry
    )
    written()
    return entry
  }
  deepStrictEqual(f(3).keys, ['a.b.b.b', 'l'])
  for (const depth of [8, 20, 64, 100, 1000, 20_000]) f(depth)
  ok(f(20_000).keys.includes('log.record.original'))
  ok(!f(20).keys.includes('log.record.original'))
})
