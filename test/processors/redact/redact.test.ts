import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import * as z from 'zod'
import { type Batch, parseBatch, type Signal } from '../../../src/batch.ts'
import type { Redactor } from '../../../src/component.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { encode } from '../../../src/otlp/encode.ts'
import { SHAPES } from '../../../src/otlp/signal.ts'
import { redact } from '../../../src/processors/redact/redact.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { host } from '../../support/host.ts'
import { attribute, message, request, span, string, varint } from '../../support/otlp-bytes.ts'
import { Secrets } from '../../support/secrets.ts'

const S = new Secrets(23)
const metrics = new Metrics()
const DEFAULTS = z.object(redact.options).parse({})
const redactor = make()

function make(options: Partial<Parameters<typeof redact.create>[0]> = {}): Redactor {
  return redact.create({ ...DEFAULTS, ...options }, host({ metrics }))
}

function process(signal: Signal, bytes: Uint8Array, by = redactor): Batch {
  const batch = by.process(parseBatch(signal, bytes))
  ok(batch !== null)
  // What leaves is a batch that anybody else would accept.
  strictEqual(parseBatch(signal, batch.bytes).items, batch.items)
  return batch
}

// A token in an attribute, and a value that only its key gives away, in a string, in bytes, in a list and in a map.
function planted(secret: () => string, isMarked: boolean): object[] {
  const under = (kind: string, value: () => object): object => (isMarked ? { stringValue: `[redacted:${kind}]` } : value())
  return [
    { key: 'note', value: { stringValue: `sent ${secret()} there` } },
    { key: 'raw', value: { bytesValue: Buffer.from(`\xff ${secret()} \xfe`, 'latin1') } },
    {
      key: 'list',
      value: {
        arrayValue: { values: [{ stringValue: secret() }, { intValue: 4 }, { arrayValue: { values: [{ stringValue: secret() }] } }] }
      }
    },
    {
      key: 'map',
      value: {
        kvlistValue: { values: [{ key: 'deep', value: { kvlistValue: { values: [{ key: 'x', value: { stringValue: secret() } }] } } }] }
      }
    },
    { key: 'db.password', value: under('password', () => ({ stringValue: secret() })) },
    { key: 'apiKey', value: under('api-key', () => ({ bytesValue: Buffer.from(secret()) })) },
    {
      key: 'http.request.header.authorization',
      value: under('authorization', () => ({ arrayValue: { values: [{ stringValue: `Bearer ${secret()}` }] } }))
    },
    {
      key: 'credentials',
      value: under('credential', () => ({ kvlistValue: { values: [{ key: 'user', value: { stringValue: secret() } }] } }))
    },
    { key: secret(), value: { stringValue: 'the key is the secret' } },
    { key: 'kept', value: { stringValue: 'kept as it is' } }
  ]
}

const EXEMPLAR_IDS = { spanId: 'b7ad6b7169203331', traceId: '0af7651916cd43dd8448eb211c80319c' }

// Every place of every signal that can hold text.
function requests(secret: () => string, isMarked = false): Record<'traces' | 'metrics' | 'logs', object> {
  const attributes = (): object[] => planted(secret, isMarked)
  const text = (): string => `before ${secret()} after`
  const head = (): object => ({
    resource: { attributes: attributes(), entityRefs: [{ schemaUrl: text(), type: text(), idKeys: [text()], descriptionKeys: [text()] }] },
    schemaUrl: text()
  })
  const scope = (): object => ({ scope: { name: text(), version: text(), attributes: attributes() }, schemaUrl: text() })
  const traceState = (): string => `ot=th:e666,vendor=${secret()},other=kept`
  const exemplars = (): object[] => [{ filteredAttributes: attributes(), timeUnixNano: 5, asDouble: 2, ...EXEMPLAR_IDS }]
  const times = { startTimeUnixNano: 1_700_000_000_000_000_000n, timeUnixNano: 1_700_000_000_500_000_000n }
  const named = (): object => ({ name: text(), description: text(), unit: text(), metadata: attributes() })
  return {
    traces: {
      resourceSpans: [
        {
          ...head(),
          scopeSpans: [
            {
              ...scope(),
              spans: [
                {
                  ...EXEMPLAR_IDS,
                  parentSpanId: '0102030405060708',
                  traceState: traceState(),
                  name: text(),
                  kind: 2,
                  startTimeUnixNano: 1n,
                  endTimeUnixNano: 2n,
                  attributes: attributes(),
                  events: [{ timeUnixNano: 3n, name: text(), attributes: attributes() }],
                  links: [{ ...EXEMPLAR_IDS, traceState: traceState(), attributes: attributes() }],
                  status: { message: text(), code: 2 }
                },
                { ...EXEMPLAR_IDS, name: 'clean' }
              ]
            }
          ]
        }
      ]
    },
    metrics: {
      resourceMetrics: [
        {
          ...head(),
          scopeMetrics: [
            {
              ...scope(),
              metrics: [
                { ...named(), gauge: { dataPoints: [{ attributes: attributes(), ...times, asDouble: 2, exemplars: exemplars() }] } },
                {
                  ...named(),
                  sum: {
                    dataPoints: [{ attributes: attributes(), ...times, asInt: -4n, exemplars: exemplars() }],
                    aggregationTemporality: 2,
                    isMonotonic: true
                  }
                },
                {
                  ...named(),
                  histogram: {
                    dataPoints: [
                      {
                        attributes: attributes(),
                        ...times,
                        count: 3n,
                        sum: 4,
                        bucketCounts: [1n, 2n],
                        explicitBounds: [2],
                        exemplars: exemplars(),
                        min: 1,
                        max: 2
                      }
                    ],
                    aggregationTemporality: 1
                  }
                },
                {
                  ...named(),
                  exponentialHistogram: {
                    dataPoints: [
                      {
                        attributes: attributes(),
                        ...times,
                        count: 3n,
                        sum: 4,
                        scale: 2,
                        positive: { offset: 64, bucketCounts: [64n, 64n] },
                        exemplars: exemplars()
                      }
                    ],
                    aggregationTemporality: 2
                  }
                },
                {
                  ...named(),
                  summary: {
                    dataPoints: [{ attributes: attributes(), ...times, count: 3n, sum: 4, quantileValues: [{ quantile: 0.5, value: 2 }] }]
                  }
                }
              ]
            }
          ]
        }
      ]
    },
    logs: {
      resourceLogs: [
        {
          ...head(),
          scopeLogs: [
            {
              ...scope(),
              logRecords: [
                {
                  timeUnixNano: 1n,
                  severityText: text(),
                  body: { stringValue: text() },
                  attributes: attributes(),
                  ...EXEMPLAR_IDS,
                  eventName: text()
                },
                { timeUnixNano: 1n, body: { kvlistValue: { values: attributes() } } },
                { timeUnixNano: 1n, body: { arrayValue: { values: [{ stringValue: text() }] } } },
                { timeUnixNano: 1n, body: { bytesValue: Buffer.from(text()) } },
                {
                  timeUnixNano: 1n,
                  body: { stringValue: JSON.stringify({ a: [text()], password: isMarked ? '[redacted:password]' : secret() }) }
                }
              ]
            }
          ]
        }
      ]
    }
  }
}

test('no planted secret is left in any place of any signal, and everything else is', () => {
  for (const kind of ['github-token', 'aws-access-key-id', 'jwt', 'email', 'card', 'mailchimp-key']) {
    const secrets: string[] = []
    const secret = (): string => {
      const value = new Secrets(secrets.length + 7).tokens()[kind]
      secrets.push(value)
      return value
    }
    const marked = requests(() => `[redacted:${kind}]`, true)
    for (const [signal, object] of Object.entries(requests(secret)) as ['traces' | 'metrics' | 'logs', object][]) {
      const name = SHAPES[signal].request
      const before = encode(name, object as never)
      const { bytes } = process(signal, before)
      for (const value of secrets) ok(!Buffer.from(bytes).includes(value), `${signal}: ${kind}`)
      strictEqual(process(signal, bytes).bytes, bytes, 'the second time nothing changes')
      deepStrictEqual(decode(name, bytes), decode(name, encode(name, marked[signal] as never)), 'it reads as if markers had come')
      ok(Buffer.from(bytes).includes('kept as it is'))
    }
  }
})

test('the value of a sensitive key becomes a marker, whatever its type; harmless values stay', () => {
  const values = [
    { stringValue: 'x1' },
    { intValue: 123456789n },
    { doubleValue: 1.5 },
    { bytesValue: Buffer.from('ab') },
    { arrayValue: { values: [{ stringValue: 'a' }] } },
    { kvlistValue: { values: [{ key: 'a', value: { stringValue: 'b' } }] } }
  ]
  const harmless = [
    { boolValue: true },
    { intValue: 5n },
    { stringValue: '' },
    { stringValue: '****' },
    { stringValue: '[redacted:password]' },
    {}
  ]
  const logs = (all: readonly object[]): Buffer =>
    encode('ExportLogsServiceRequest', {
      resourceLogs: [{ scopeLogs: [{ logRecords: [{ attributes: all.map((value, i) => ({ key: `p${i}.password`, value })) }] }] }]
    } as never)
  const of = (bytes: Uint8Array): unknown[] =>
    (decode('ExportLogsServiceRequest', bytes).resourceLogs?.[0].scopeLogs?.[0].logRecords?.[0].attributes ?? []).map(
      ({ value }) => value?.stringValue
    )
  deepStrictEqual(
    of(process('logs', logs(values)).bytes),
    values.map(() => '[redacted:password]')
  )
  const batch = parseBatch('logs', logs(harmless))
  strictEqual(redactor.process(batch), batch)
})

test('a clean batch leaves as the very same batch', () => {
  const f = (signal: Signal, bytes: Uint8Array): void => {
    const batch = parseBatch(signal, bytes)
    strictEqual(redactor.process(batch), batch)
  }
  f('traces', new Uint8Array(0))
  f('traces', request([span({ attributes: { 'http.route': '/v1/jobs/:id' } })]))
  // Heads that turn out to be nothing.
  f(
    'traces',
    request([
      span({ attributes: { 'url.full': 'https://models.example/v2', max_tokens: '1024', 'user.note': 'the token of thanks @ noon' } })
    ])
  )
  f('logs', request([message(5, string(1, 'tokenizer ready, keyframe 4, https://h/x'))]))
})

test('keys and values may come in any order, twice, and with unknown fields beside', () => {
  const secret = S.password()
  const value = message(2, string(1, secret))
  const key = string(1, 'password')
  const f = (...fields: Uint8Array[]): void => {
    const { bytes } = process('traces', request([Buffer.concat([span(), message(9, ...fields)])]))
    ok(!Buffer.from(bytes).includes(secret))
    strictEqual(process('traces', bytes).bytes, bytes)
  }
  f(key, value)
  f(value, key)
  f(value, key, value)
  f(string(1, 'a'), value, key)
  f(key, message(2, string(1, 'x'), string(1, secret)))
  f(key, message(2, varint(2, 1), string(1, secret)))
  f(varint(7, 1), value, varint(9, 1), key)
})

test('a field that OTLP does not know goes as a whole when a secret is in it, and stays when not', () => {
  const token = S.tokens()['github-token']
  const dirty = request([Buffer.concat([span(), string(77, `x ${token}`)])])
  const { bytes } = process('traces', dirty)
  deepStrictEqual(bytes, request([span()]))
  const clean = parseBatch('traces', request([Buffer.concat([span(), string(77, 'mail me a token')])]))
  strictEqual(redactor.process(clean), clean)
})

test('tracestate stays tracestate: values are marked, members with a secret for a key are left out', () => {
  const token = S.tokens()['huggingface-token'].toLowerCase()
  const long = S.tokens()['digitalocean-token']
  const f = (before: string, after: string): void => {
    const { bytes } = process('traces', request([span({ traceState: before })]))
    deepStrictEqual(bytes, request([span({ traceState: after })]))
  }
  f('ot=th:e666;rv:01234567890123,dd=s:1', 'ot=th:e666;rv:01234567890123,dd=s:1')
  f(`ot=th:e666,a=${token}`, 'ot=th:e666,a=[redacted:huggingface-token]')
  f(`ot=th:e666,${long}=1,b=2`, 'ot=th:e666,b=2')
  f(`${long}=1`, '')
  f(`access_token=${S.alnum(30)},b=2`, 'access_token=[redacted:token],b=2')
})

test('ids, times and numbers are never touched, even where their bytes spell a head', () => {
  const at = Buffer.from('@@@@token=password:a@b.example/secret=abcdef12').subarray(0, 16).toString('hex')
  const batch = parseBatch(
    'traces',
    request([span({ traceId: at, spanId: Buffer.from('key=a@b.').toString('hex'), startUnixNano: 0x4040404040404040n })])
  )
  strictEqual(redactor.process(batch), batch)
})

// ProfilesDictionary { string_table = 5, attribute_table = 6 }, attribute { key_strindex = 1, value = 2 }, AnyValue { string_value_strindex = 8 }.
test('profiles lose secrets in resources, strings, attributes and original payloads', () => {
  const [token, byKey, inline] = [S.tokens()['gitlab-token'], S.password(), S.password()]
  const table = ['', 'main.go', `argv ${token}`, 'db.password', byKey, 'kept']
  const dictionary = message(
    2,
    ...table.map((text) => string(5, text)),
    message(6, varint(1, 3), message(2, varint(8, 4))),
    message(6, varint(1, 3), message(2, string(1, inline))),
    message(6, varint(1, 1), message(2, string(1, 'kept too')))
  )
  const profile = Buffer.concat([message(2, varint(1, 5)), message(10, Buffer.alloc(300, 7)), message(11, Buffer.from([1, 2, 3]))])
  const resource = request([profile], { 'service.name': 'w', 'api.key': byKey })
  const { bytes } = process('profiles', Buffer.concat([resource, dictionary]))
  for (const value of [token, byKey, inline, '\x07\x07\x07']) ok(!Buffer.from(bytes).includes(value))
  for (const value of ['main.go', 'argv [redacted:gitlab-token]', 'db.password', 'kept', 'kept too', '\x01\x02\x03'])
    ok(Buffer.from(bytes).includes(value))
  strictEqual(process('profiles', bytes).bytes, bytes)
  const clean = parseBatch('profiles', Buffer.concat([request([message(2, varint(1, 5))]), message(2, string(5, ''), string(5, 'main'))]))
  strictEqual(redactor.process(clean), clean)
})

test('any mix of texts and keys: valid out, same items, nothing to do the second time', () => {
  const secret = fc.constantFrom(...Object.values(new Secrets(3).tokens()), 'password', 'token=', '@', '://a:b@c', 'é', '1', '"', '\\', ' ')
  const text = fc.array(secret, { maxLength: 5 }).map((parts) => parts.join(''))
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      fc.record({ stringValue: text }),
      fc.record({ bytesValue: fc.uint8Array({ maxLength: 40 }) }),
      fc.record({ intValue: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
      fc.record({ arrayValue: fc.record({ values: fc.array(tie('any'), { maxLength: 3 }) }) }),
      fc.record({ kvlistValue: fc.record({ values: fc.array(fc.record({ key: text, value: tie('any') }), { maxLength: 3 }) }) })
    )
  })).any
  const record = fc.record({ body: value, attributes: fc.array(fc.record({ key: text, value }), { maxLength: 4 }), severityText: text })
  fc.assert(
    fc.property(fc.array(record, { maxLength: 4 }), (logRecords) => {
      const { bytes } = process('logs', encode('ExportLogsServiceRequest', { resourceLogs: [{ scopeLogs: [{ logRecords }] }] } as never))
      strictEqual(process('logs', bytes).bytes, bytes)
    }),
    { numRuns: 1_500 }
  )
})

test('options: keys, patterns, allow; what cannot be run is refused with its place', () => {
  const address = `ana@${'viewers'}.example`
  const f = (options: Parameters<typeof make>[0], text: string, expected: string): void => strictEqual(make(options).text(text), expected)
  f({ keys: ['internalNote'] }, 'internal_note=abc', 'internal_note=[redacted:custom-key]')
  f({ patterns: [{ name: 'acme', pattern: 'ACME-\\d{4}' }] }, 'x ACME-1234', 'x [redacted:acme]')
  f({ allow: ['email'] }, address, address)
  f({}, address, '[redacted:email]')
  f({}, 'nothing here', 'nothing here')
})

test('patterns that cannot be used are refused where they stand', () => {
  const f = (patterns: { name: string; pattern: string }[], path: string, message: RegExp): void => {
    const { error } = redact.options.patterns.safeParse(patterns)
    strictEqual(error?.issues[0].path.join('.'), path)
    match(error?.issues[0].message ?? '', message)
  }
  const ok = { name: 'ok', pattern: 'abc' }
  f([ok, { name: 'bad', pattern: '(a+)+abc' }], '1.pattern', /^expected a pattern that runs in linear time: a repeat inside/)
  f([{ name: 'A B', pattern: 'abc' }], '0.name', /^expected 1 to 40 small letters/)
})

test('each replacement is counted by its rule, and no counter tells a secret', () => {
  const own = new Metrics()
  const by = redact.create(DEFAULTS, host({ metrics: own }))
  const token = S.tokens()['github-token']
  process(
    'traces',
    request([Buffer.concat([span({ attributes: { a: `${token} ${token}`, password: S.password() } }), attribute(9, 'b', token)])]),
    by
  )
  const family = own.families().find(({ name }) => name === 'sluice_redactions_total')
  deepStrictEqual(
    family?.samples.map(({ labels, value }) => [labels.rule, labels.signal, labels.place, value]),
    [
      ['github-token', 'traces', 'attribute', 3],
      ['password', 'traces', 'attribute', 1]
    ]
  )
  ok(!JSON.stringify(own.families()).includes(token))
})

test('a number whose bytes look like text is not looked at; text that looks like a number is', () => {
  const email = 'a@bc.org'
  const wire = Buffer.concat([Buffer.from([0x21]), Buffer.from(email)])
  const value = (...bytes: Uint8Array[]): Buffer => Buffer.concat(bytes)
  const f = (attribute: Uint8Array, isChanged: boolean): void => {
    const before = request([Buffer.concat([span(), message(9, attribute)])])
    strictEqual(!Buffer.from(process('traces', before).bytes).equals(before), isChanged)
  }
  f(value(string(1, 'gpu.power'), message(2, wire)), false)
  f(value(string(1, 'gpu.power'), message(2, string(1, `x \x12\x09!${email}`))), true)
  f(value(string(1, `me \x12\x09!${email}`)), true)
  f(value(string(1, 'user.password'), message(2, wire)), true)
})
