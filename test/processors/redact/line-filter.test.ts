import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { array as arrays, assert, constantFrom, integer, json as jsons, oneof, property, string as strings, tuple } from 'fast-check'
import { Engine } from '../../../src/processors/redact/engine.ts'
import { LineFilter } from '../../../src/processors/redact/line-filter.ts'
import { Secrets } from '../../support/secrets.ts'

const secrets = new Secrets(5)
const BEGIN = `-----BEG${'IN'} RSA PRI${'VATE'} KEY-----`
const END = `-----E${'ND'} RSA PRI${'VATE'} KEY-----`

function filterOf(json: boolean, lineBytesMax = 1 << 20, found: (rule: string, place: string) => void = () => undefined): LineFilter {
  const engine = new Engine({
    keys: ['internalNote'],
    patterns: [],
    allow: [],
    counted: (rule) => found(rule, filter.place(String)),
    exceeded: () => undefined
  })
  const filter = new LineFilter(engine, { json, lineBytesMax, tooLong: (line) => found('too long', String(line)) })
  return filter
}

function through(filter: LineFilter, ...chunks: readonly (string | Uint8Array)[]): string {
  const parts = chunks.flatMap((chunk) => filter.write(Buffer.from(chunk)).map((part) => Buffer.from(part)))
  return Buffer.concat([...parts, ...filter.end()]).toString()
}

test('a line in, a line out: what holds no secret stays as it is', () => {
  const f = (text: string, expected = text): void => strictEqual(through(filterOf(false), text), expected)
  f('')
  f('\n\n')
  f('no end')
  f('with an end\r\n')
  f('tokens: 17\nkeyframe 3\n')
  f('password=hunter2x\nnext', 'password=[redacted:password]\nnext')
  f('one\r\npassword=hunter2x\r\n', 'one\r\npassword=[redacted:password]\r\n')
  f('\u00e9\ud83d\ude00 ana@viewers.example \u00e9\n', '\u00e9\ud83d\ude00 [redacted:email] \u00e9\n')
})

test('a line comes out alike wherever its pieces were cut', () => {
  const text = `a\n${Object.values(secrets.tokens()).join('\nwith ')}\npassword="${secrets.password()}"\nend`
  const whole = through(filterOf(false), text)
  const bytes = Buffer.from(text)
  assert(
    property(arrays(integer({ min: 0, max: bytes.length }), { maxLength: 12 }), (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), bytes.length]
      strictEqual(through(filterOf(false), ...at.slice(1).map((end, i) => bytes.subarray(at[i], end))), whole)
    })
  )
})

test('of JSON only what is secret changes: numbers, spacing, order and repeated members stay', () => {
  const f = (line: string, expected = line): void => {
    strictEqual(through(filterOf(true), `${line}\n`), `${expected}\n`)
    strictEqual(through(filterOf(true), expected), expected, 'twice')
  }
  const token = secrets.tokens()['github-token']
  f('{ "a" : 1.50, "b":1e3 ,"a":-0, "c":[ ] , "d":"\\u00e9\\/" }')
  f(`{ "a" : 1.50,\t"b":"x ${token} y", "a":-0 }`, '{ "a" : 1.50,\t"b":"x [redacted:github-token] y", "a":-0 }')
  f(`"${token}"`, '"[redacted:github-token]"')
  f(`[["${token}"],{"${token}":1}]`, '[["[redacted:github-token]"],{"[redacted:github-token]":1}]')
  f('{"\\u0070assword":"hunter2x"}', '{"\\u0070assword":"[redacted:password]"}')
  f('{"m":"\\u0070assword=hunter2x \\u00e9"}', '{"m":"password=[redacted:password] \\u00e9"}')
  f('{"m":"password=hunter2x \\"\u00e9\\""}', '{"m":"password=[redacted:password] \\"\u00e9\\""}')
  f(
    '{"apiKey":1234567890,"api_key_id":1234567890,"password":[1,"hunter2x"]}',
    '{"apiKey":"[redacted:api-key]","api_key_id":1234567890,"password":[1,"[redacted:password]"]}'
  )
  f(
    '{"password":null,"secret":true,"token":"","apiKey":{"v":"abc"}}',
    '{"password":null,"secret":true,"token":"","apiKey":{"v":"[redacted:api-key]"}}'
  )
  f('{"internal_note":"x y"}', '{"internal_note":"[redacted:custom-key]"}')
  f('{"pan":4111111111111111,"n":4111111111111112}', '{"pan":"[redacted:card]","n":4111111111111112}')
  f('{"name":"API_KEY","value":"abc"}', '{"name":"API_KEY","value":"[redacted:api-key]"}')
  f('{"value":"abc","name":"API_KEY"}', '{"value":"[redacted:api-key]","name":"API_KEY"}')
  f('{"key":"db.password","value":{"stringValue":"abc"}}', '{"key":"db.password","value":{"stringValue":"[redacted:password]"}}')
  f('{"name":"MODE","value":"fast"}')
  f('["run","--password","abc","-v","x"]', '["run","--password","[redacted:password]","-v","x"]')
  f(`["${BEGIN}","abc",17]`, `["${BEGIN}","[redacted:private-key]",17]`)
  f('["curl","-u","ana:abc","http://a.example"]', '["curl","-u","ana:[redacted:password]","http://a.example"]')
  f('{"authorization":"Bearer abcdefgh12345678"}', '{"authorization":"Bearer [redacted:authorization]"}')
  f('{"cookie":"lang=en; sid=abc123"}', '{"cookie":"lang=[redacted:cookie]; sid=[redacted:cookie]"}')
  f('{"m":"{\\"password\\":\\"a\\\\\\"b\\",\\"x\\":1}"}', '{"m":"{\\"password\\":\\"[redacted:password]\\",\\"x\\":1}"}')
})

test('a line that is no JSON is text', () => {
  const f = (line: string, expected: string): void => strictEqual(through(filterOf(true), line), expected)
  f('{"password":"hunter2x"', '{"password":"[redacted:password]"')
  f('password=hunter2x', 'password=[redacted:password]')
  f('{"a":1} password=hunter2x', '{"a":1} password=[redacted:password]')
  f('{"a":"\u0001 password=hunter2x"}', '{"a":"\u0001 password=[redacted:password]"}')
  const deep = '['.repeat(100_000)
  f(`${deep}"password=hunter2x"`, `${deep}"password=[redacted:password]"`)
  const bytes = Buffer.concat([Buffer.from('{"password":"hunter2x","a":"'), Buffer.from([0xff]), Buffer.from('"}')])
  const out = Buffer.concat(filterOf(true).write(Buffer.concat([bytes, Buffer.from('\n')])))
  ok(!out.includes('hunter2x') && out.includes(0xff))
})

test('a key that comes line by line, record by record, or as a list is hidden to its end', () => {
  const body = Array.from({ length: 6 }, () => secrets.base64(64))
  const key = [BEGIN, ...body, 'Q09O', END]
  const f = (json: boolean, lines: readonly string[]): void => {
    const out = through(filterOf(json), lines.map((line) => `${line}\n`).join(''))
    for (const line of [...body, 'Q09O']) ok(!out.includes(line), out)
    strictEqual(out.split('\n').length, lines.length + 1, 'a line for each')
    if (json) for (const line of out.trimEnd().split('\n')) JSON.parse(line)
    ok(out.includes('before') && out.includes('after'))
  }
  f(false, ['before', ...key, 'after'])
  f(false, ['before', ...key.map((line) => `  ${line}\r`), 'after'])
  f(
    true,
    ['before', ...key, 'after'].map((message) => JSON.stringify({ level: 'info', message, at: 'x' }))
  )
  f(true, [JSON.stringify({ x: 'before', lines: key, y: 'after' })])
  const stamped = through(filterOf(false), [BEGIN, ...body, END].map((line) => `2026-01-01T00:00:00Z INFO ${line}\n`).join(''))
  for (const line of body) ok(!stamped.includes(line))
  // What was cut off does not hide what others say.
  strictEqual(
    through(filterOf(false), `${BEGIN}\n${body[0]}\nit goes on\nand on\n`),
    `${BEGIN}\n[redacted:private-key]\nit goes on\nand on\n`
  )
})

test('a line that is too long is hidden as a whole, and memory is bounded', () => {
  const told: string[] = []
  const filter = filterOf(false, 100, (...what) => told.push(what.join(' ')))
  const long = 'x'.repeat(60)
  strictEqual(
    through(filter, 'a\n', long, long, '\nb\n', `${long}${long}\n`, long),
    `a\n[redacted:line-too-long]\nb\n[redacted:line-too-long]\n${long}`
  )
  deepStrictEqual(told, ['too long 2', 'too long 4'])
  strictEqual(through(filterOf(true, 10), `"${long}"\n1\n`), '"[redacted:line-too-long]"\n1\n')
})

test('a find is told with its place', () => {
  const told: string[] = []
  const filter = filterOf(true, 1000, (...what) => told.push(what.join(' ')))
  through(filter, '{"a":[{"b c":"password=hunter2x"},1],"password":"hunter2x"}\nno JSON: password=hunter2x\n')
  deepStrictEqual(told, ['password $.a[0]["b c"]', 'password $.password', 'password text'])
})

test('any JSON stays JSON, means the same but for what is hidden, and twice is once', () => {
  const pieces = oneof(
    constantFrom(
      'password',
      'token',
      'authorization',
      'cookie',
      'name',
      'value',
      'API_KEY',
      '--password',
      '-u',
      'a:b',
      'Bearer abcdef0123456789',
      BEGIN
    ),
    constantFrom(...Object.values(secrets.tokens())),
    strings({ unit: 'binary', maxLength: 12 })
  )
  const text = arrays(pieces, { maxLength: 4 }).map((parts) => parts.join(' '))
  const value = tuple(pieces, text, jsons({ stringUnit: 'binary' })).map(
    ([key, one, other]) =>
      `{"a":${other},${JSON.stringify(key)}: ${JSON.stringify(one)} ,"l":[${JSON.stringify(key)},${JSON.stringify(one)},411111111111111${key.length % 9}]}`
  )
  assert(
    property(arrays(value, { minLength: 1, maxLength: 3 }), (lines) => {
      const once = through(filterOf(true), lines.join('\n'))
      const out = once.split('\n')
      strictEqual(out.length, lines.length)
      for (const [i, line] of out.entries()) strictEqual(shapeOf(JSON.parse(line)), shapeOf(JSON.parse(lines[i])))
      strictEqual(through(filterOf(true), once), once)
    }),
    { numRuns: 300 }
  )
})

// Without texts, and without numbers, which become texts where they are secret.
function shapeOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(shapeOf).join()}]`
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value !== 'object') return '.'
  return `{${Object.values(value).map(shapeOf).join()}}`
}
