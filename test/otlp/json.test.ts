import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { checkRequest, DEPTH_MAX } from '../../src/otlp/check.ts'
import { decode } from '../../src/otlp/decode.ts'
import { encode } from '../../src/otlp/encode.ts'
import { fromJson, toJson } from '../../src/otlp/json.ts'
import type { AnyValue, HistogramDataPoint, LogRecord, Span } from '../../src/otlp/objects.ts'
import { MESSAGES, type MessageName } from '../../src/otlp/schema.ts'
import { WireError } from '../../src/otlp/wire.ts'

const logs = (record: string): string => `{"resourceLogs":[{"scopeLogs":[{"logRecords":[${record}]}]}]}`
const spans = (span: string): string => `{"resourceSpans":[{"scopeSpans":[{"spans":[${span}]}]}]}`
const points = (point: string): string =>
  `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","histogram":{"dataPoints":[${point}]}}]}]}]}`

function recordOf(text: string): LogRecord | undefined {
  const bytes = fromJson('logs', Buffer.from(text))
  checkRequest('logs', bytes)
  return decode('ExportLogsServiceRequest', bytes).resourceLogs?.[0].scopeLogs?.[0].logRecords?.[0]
}
const log = (record: string): LogRecord | undefined => recordOf(logs(record))
const value = (json: string): AnyValue | undefined => log(`{"body":${json}}`)?.body
function span(json: string): Span | undefined {
  const bytes = fromJson('traces', Buffer.from(spans(json)))
  checkRequest('traces', bytes)
  return decode('ExportTraceServiceRequest', bytes).resourceSpans?.[0].scopeSpans?.[0].spans?.[0]
}
function point(json: string): HistogramDataPoint | undefined {
  const bytes = fromJson('metrics', Buffer.from(points(json)))
  strictEqual(checkRequest('metrics', bytes), 1)
  return decode('ExportMetricsServiceRequest', bytes).resourceMetrics?.[0].scopeMetrics?.[0].metrics?.[0].histogram?.dataPoints?.[0]
}

test('keys in either spelling, unknown ones skipped, null absent', () => {
  const f = (json: string, expected: Span): void => deepStrictEqual(span(json), expected)
  f('{"name":"a"}', { name: 'a' })
  f('{"traceState":"a=1"}', { traceState: 'a=1' })
  f('{"trace_state":"a=1"}', { traceState: 'a=1' })
  f('{"\\u006eame":"a"}', { name: 'a' })
  f('{"Name":"a","naem":1,"":2,"name ":3,"links":[],"toString":1,"constructor":{}}', {})
  f('{"__proto__":{"name":"b"},"name":"a"}', { name: 'a' })
  f('{"new":[{"a":[1,-2.5e3,true,false,null,"\\n\\u00e4",{}]},[]],"name":"a"}', { name: 'a' })
  f('{"name":null,"attributes":null,"status":null,"kind":null,"startTimeUnixNano":null}', {})
  f(' { "name" :\n"a" ,\t"status" : { } }\r\n', { name: 'a', status: {} })
})

test('every field of every message is found by both names', () => {
  const sample = { string: '"x"', bytes: '"eA=="', id16: `"${'ab'.repeat(16)}"`, id8: `"${'ab'.repeat(8)}"`, bool: 'true' }
  // The way from a request to each message, as the JSON around it.
  const around = new Map<MessageName, (inner: string) => string>()
  const visit = (name: MessageName, wrap: (inner: string) => string): void => {
    if (around.has(name)) return
    around.set(name, wrap)
    for (const [key, { message, repeated }] of Object.entries(MESSAGES[name])) {
      if (message !== undefined) visit(message, (inner) => wrap(`{"${key}":${repeated ? `[${inner}]` : inner}}`))
    }
  }
  const signals = { traces: 'Trace', metrics: 'Metrics', logs: 'Logs' } as const
  for (const [signal, title] of Object.entries(signals)) {
    around.clear()
    const request = `Export${title}ServiceRequest` as MessageName
    visit(request, (inner) => inner)
    for (const [name, wrap] of around) {
      for (const [key, { scalar, repeated }] of Object.entries(MESSAGES[name])) {
        const one = scalar === undefined ? '{}' : ((sample as Record<string, string>)[scalar] ?? '1')
        const snake = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
        const [camel, other] = [key, snake].map((spelling) =>
          fromJson(signal as 'traces', Buffer.from(wrap(`{"${spelling}":${repeated ? `[${one}]` : one}}`)))
        )
        ok(toJson(signal as 'traces', camel).includes(`"${key}":`), `${name}.${key}`)
        deepStrictEqual(other, camel, `${name}.${key}`)
      }
    }
  }
})

test('ids are hex in any case, or base64 when the length says so', () => {
  const f = (traceId: string, spanId: string, expected: Span): void =>
    deepStrictEqual(span(`{"traceId":${traceId},"spanId":${spanId}}`), expected)
  const both = { traceId: '5b8efff798038103d269b633813fc60c', spanId: 'eee19b7ec3c1b174' }
  f('"5b8efff798038103d269b633813fc60c"', '"eee19b7ec3c1b174"', both)
  f('"5B8EFFF798038103D269B633813FC60C"', '"EEE19B7ec3c1b174"', both)
  f('"\\u0035b8efff798038103d269b633813fc60c"', '"eee19b7ec3c1b17\\u0034"', both)
  f('"W47/95gDgQPSabYzgT/GDA=="', '"7uGbfsPBsXQ="', both)
  f('"W47\\/95gDgQPSabYzgT\\/GDA"', '"7uGbfsPBsXQ"', both)
  f('"W47_95gDgQPSabYzgT_GDA"', '"7uGbfsPBsXQ"', both)
  f('""', '""', {})
})

test('64-bit integers are exact, as numbers and as strings', () => {
  const f = (json: string, expected: bigint | undefined): void => {
    strictEqual(span(`{"startTimeUnixNano":${json}}`)?.startTimeUnixNano, expected)
    strictEqual(span(`{"startTimeUnixNano":"${json}"}`)?.startTimeUnixNano, expected)
  }
  f('0', undefined)
  f('-0', undefined)
  f('1', 1n)
  f('4294967295', 4294967295n)
  f('4294967296', 4294967296n)
  f('9007199254740993', 9007199254740993n)
  f('1544712660000000123', 1544712660000000123n)
  f('18446744073709551615', 18446744073709551615n)
  f('12.0', 12n)
  f('1.5e3', 1500n)
  f('9007199254740993.00', 9007199254740993n)
  f('1.8446744073709551615e19', 18446744073709551615n)
  f('18446744073709551615000E-3', 18446744073709551615n)
  f('0e99', undefined)
  const signed = (json: string, expected: bigint): void => {
    strictEqual(value(`{"intValue":${json}}`)?.intValue, expected)
    strictEqual(value(`{"intValue":"${json}"}`)?.intValue, expected)
  }
  signed('0', 0n)
  signed('-1', -1n)
  signed('-4294967296', -4294967296n)
  signed('-9223372036854775808', -9223372036854775808n)
  signed('9223372036854775807', 9223372036854775807n)
  signed('-1e18', -1000000000000000000n)
  strictEqual(value('{"intValue":"007"}')?.intValue, 7n)
  strictEqual(value('{"intValue":"000000000000000000000000000042"}')?.intValue, 42n)
  strictEqual(value('{"intValue":"\\u0034\\u0032"}')?.intValue, 42n)
})

test('doubles are exact, and have names where JSON has no number', () => {
  const f = (json: string, expected: number): void => strictEqual(value(`{"doubleValue":${json}}`)?.doubleValue, expected)
  for (const text of [
    '0',
    '-0',
    '0.1',
    '1e3',
    '1.5',
    '-123.456',
    '0.30000000000000004',
    '123456789012345',
    '1234567890123456789',
    '5e-324',
    '1e-400'
  ]) {
    f(text, Number(text))
    f(`"${text}"`, Number(text))
  }
  // Long decimals of all magnitudes, by a generator of Lehmer's.
  for (let i = 0, seed = 1; i < 2000; i++) {
    seed = (seed * 48_271) % 2_147_483_647
    const digits = `${seed}${seed * 7}`.slice(0, 10 + (i % 10))
    const point = i % digits.length
    const text = point === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`
    f(text, Number(text))
  }
  f('1.7976931348623157e308', Number.MAX_VALUE)
  f('"NaN"', Number.NaN)
  f('"Infinity"', Number.POSITIVE_INFINITY)
  f('"-Infinity"', Number.NEGATIVE_INFINITY)
})

test('enums are numbers or names', () => {
  const f = (json: string, expected: number | undefined): void => strictEqual(span(`{"kind":${json}}`)?.kind, expected)
  f('2', 2)
  f('"SPAN_KIND_SERVER"', 2)
  f('"SPAN_KIND_UNSPECIFIED"', undefined)
  f('"2"', 2)
  f('99', 99)
  f('-1', -1)
  strictEqual(log('{"severityNumber":"SEVERITY_NUMBER_ERROR2"}')?.severityNumber, 18)
  strictEqual(log('{"severityNumber":"SEVERITY_NUMBER_TRACE"}')?.severityNumber, 1)
  strictEqual(log('{"severityNumber":"SEVERITY_NUMBER_FATAL4"}')?.severityNumber, 24)
})

test('strings keep every character, half surrogates become U+FFFD', () => {
  const f = (json: string, expected: string): void => strictEqual(value(`{"stringValue":"${json}"}`)?.stringValue, expected)
  f('', '')
  f('ä€😀', 'ä€😀')
  f('\\u00e4\\u20AC\\ud83d\\ude00', 'ä€😀')
  f('\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000', '"\\/\b\f\n\r\t\0')
  f('a\\ud83db', 'a\ufffdb')
  f('\\ud83d', '\ufffd')
  f('\\ude00\\ud83d', '\ufffd\ufffd')
  f('\\ud83d\\ud83d\\ude00', '\ufffd😀')
  f('\\ud83d\\n', '\ufffd\n')
  f('\\ud83d\\u0041', '\ufffdA')
  f('\u007f', '\u007f')
  for (const length of [39, 40, 41, 127, 128, 129, 16_383, 16_384, 70_000]) {
    f('x'.repeat(length), 'x'.repeat(length))
    f(`\\n${'ä'.repeat(length)}`, `\n${'ä'.repeat(length)}`)
  }
})

test('bytes are base64 in either alphabet', () => {
  const f = (json: string, expected: number[]): void =>
    deepStrictEqual(value(`{"bytesValue":"${json}"}`)?.bytesValue, Uint8Array.from(expected))
  f('', [])
  f('AQ==', [1])
  f('AQ', [1])
  f('++//', [251, 239, 255])
  f('--__', [251, 239, 255])
  f('+\\u002b\\/\\/', [251, 239, 255])
})

test('any-values nest, and may be empty', () => {
  const f = (json: string, expected: AnyValue | undefined): void => deepStrictEqual(value(json), expected)
  f('{}', {})
  f('null', undefined)
  f('{"stringValue":null}', {})
  f('{"boolValue":false}', { boolValue: false })
  f('{"arrayValue":{}}', { arrayValue: {} })
  f('{"arrayValue":{"values":[{},null,{"intValue":0}]}}', { arrayValue: { values: [{}, {}, { intValue: 0n }] } })
  f('{"kvlistValue":{"values":[{"key":"a","value":{"doubleValue":0}},{"key":"b"}]}}', {
    kvlistValue: { values: [{ key: 'a', value: { doubleValue: 0 } }, { key: 'b' }] }
  })
})

test('lists of numbers are packed', () => {
  deepStrictEqual(point('{"bucketCounts":["1",2,18446744073709551615],"explicitBounds":[0,0.5,"Infinity"],"min":0}'), {
    bucketCounts: [1n, 2n, 18446744073709551615n],
    explicitBounds: [0, 0.5, Number.POSITIVE_INFINITY],
    min: 0
  })
  deepStrictEqual(point('{"bucketCounts":[],"sum":-0}'), { sum: -0 })
  deepStrictEqual(point(`{"bucketCounts":[${'7,'.repeat(99)}7]}`)?.bucketCounts?.length, 100)
})

test('a key that comes twice counts as the wire would count it', () => {
  const f = (json: string, expected: Span): void => deepStrictEqual(span(json), expected)
  f('{"name":"a","name":"b"}', { name: 'b' })
  f('{"name":"a","name":""}', { name: '' })
  f('{"kind":2,"kind":0}', { kind: 0 })
  f('{"name":"a","name":null}', { name: 'a' })
  f('{"status":{"code":2},"status":{"message":"m"}}', { status: { code: 2, message: 'm' } })
  f('{"status":{"code":2},"status":{"code":0}}', { status: { code: 0 } })
  f('{"events":[{"name":"a"}],"events":[{"name":"b"}]}', { events: [{ name: 'a' }, { name: 'b' }] })
  deepStrictEqual(value('{"stringValue":"a","intValue":1}'), { intValue: 1n })
})

test('what does not fit is refused with its path, without its content', () => {
  const f = (text: string | Uint8Array, expected: RegExp): void =>
    throws(
      () => fromJson('traces', Buffer.from(text as string)),
      (error) => error instanceof WireError && expected.test(error.message) && !error.message.includes('SECRET')
    )
  const s = /^resourceSpans\[0\]\.scopeSpans\[0\]\.spans\[0\]/.source
  const at = (field: string, rest: string): RegExp => new RegExp(`${s}\\.${field}: ${rest} \\(offset \\d+\\)$`)
  f(spans('{"traceId":"5b8e"}'), at('traceId', 'a string of 4 characters, expected 32 hex digits'))
  f(spans(`{"traceId":"${'x'.repeat(32)}"}`), at('traceId', 'another string, expected 32 hex digits'))
  f(spans(`{"spanId":"${'ab'.repeat(16)}"}`), at('spanId', 'a string of 32 characters, expected 16 hex digits'))
  f(spans('{"traceId":12}'), at('traceId', 'a number, expected 32 hex digits'))
  f(spans('{},{"name":7}'), /spans\[1\]\.name: a number, expected a string/)
  f(spans('{"name":["SECRET"]}'), at('name', 'an array, expected a string'))
  f(spans('{"kind":"SECRET"}'), at('kind', 'another string, expected an enum number or name'))
  f(spans('{"kind":1.5}'), at('kind', 'another number, expected an enum number or name'))
  f(spans('{"kind":2147483648}'), at('kind', 'another number, expected an enum number or name'))
  f(spans('{"flags":4294967296}'), at('flags', 'another number, expected an integer from 0 to 2\\^32-1'))
  f(spans('{"flags":-1}'), at('flags', 'another number, .*'))
  f(spans('{"startTimeUnixNano":18446744073709551616}'), at('startTimeUnixNano', 'another number, expected an integer from 0 to 2\\^64-1'))
  f(spans('{"startTimeUnixNano":99999999999999999999}'), at('startTimeUnixNano', 'another number, .*'))
  f(spans('{"startTimeUnixNano":-1}'), at('startTimeUnixNano', 'another number, .*'))
  f(spans('{"startTimeUnixNano":1e30}'), at('startTimeUnixNano', 'another number, .*'))
  f(spans('{"startTimeUnixNano":"12SECRET"}'), at('startTimeUnixNano', 'another string, .*'))
  f(spans('{"startTimeUnixNano":""}'), at('startTimeUnixNano', 'another string, .*'))
  f(spans('{"startTimeUnixNano":"-"}'), at('startTimeUnixNano', 'another string, .*'))
  f(spans('{"startTimeUnixNano":" 1"}'), at('startTimeUnixNano', 'another string, .*'))
  f(spans('{"startTimeUnixNano":"0x10"}'), at('startTimeUnixNano', 'another string, .*'))
  f(spans('{"startTimeUnixNano":true}'), at('startTimeUnixNano', 'true, expected an integer .*'))
  f(spans('{"startTimeUnixNano":{}}'), at('startTimeUnixNano', 'an object, expected an integer .*'))
  f(
    spans('{"attributes":[{"key":"a","value":{"doubleValue":1e999}}]}'),
    /attributes\[0\]\.value\.doubleValue: another number, expected a number/
  )
  f(spans('{"attributes":[{"value":{"doubleValue":"SECRET"}}]}'), /doubleValue: another string, expected a number, "NaN"/)
  f(spans('{"attributes":[{"value":{"doubleValue":"1e999"}}]}'), /doubleValue: another string, expected/)
  f(spans('{"attributes":[{"value":{"intValue":9223372036854775808}}]}'), /intValue: another number, expected an integer from -2\^63/)
  f(spans('{"attributes":[{"value":{"intValue":-9223372036854775809}}]}'), /intValue: another number/)
  f(spans('{"attributes":[{"value":{"boolValue":"true"}}]}'), /boolValue: a string, expected true or false/)
  f(spans('{"attributes":[{"value":{"bytesValue":"SECRET!"}}]}'), /bytesValue: another string, expected base64/)
  f(spans('{"attributes":[{"value":{"bytesValue":"A"}}]}'), /bytesValue: another string, expected base64/)
  f(spans('{"attributes":[{"value":{"bytesValue":"A=BC"}}]}'), /bytesValue: another string, expected base64/)
  f(spans('{"attributes":{"a":1}}'), at('attributes', 'an object, expected an array'))
  f(spans('{"attributes":[null]}'), /attributes\[0\]: null, expected an object/)
  f(spans('{"status":[]}'), at('status', 'an array, expected an object'))
  f(spans('null'), /^resourceSpans\[0\]\.scopeSpans\[0\]\.spans\[0\]: null, expected an object/)
})

test('what is not JSON is refused', () => {
  const f = (text: string | Uint8Array, expected: RegExp): void =>
    throws(
      () => fromJson('traces', typeof text === 'string' ? Buffer.from(text) : text),
      (error) => error instanceof WireError && expected.test(error.message)
    )
  f('', /^the end of the text, expected an object/)
  f('   ', /^the end of the text, expected an object/)
  f('[]', /^an array, expected an object/)
  f('null', /^null, expected an object/)
  f('{', /^the end of the text, expected a key/)
  f('{"a"', /^the end of the text, expected ":"/)
  f('{"a":', /^the end of the text, expected a value/)
  f('{"a":1', /^the end of the text, expected "}"/)
  f('{"a":1,}', /^"}", expected a key/)
  f('{"a":[1,]}', /^"]", expected a value/)
  f('{"a":[1 2]}', /^a number, expected "]"/)
  f('{"a":1}{}', /^an object, expected the end of the text/)
  f('{"a":1}\0', /^a character that is not JSON, expected the end of the text/)
  f('\0{"a":1}', /^a character that is not JSON, expected an object/)
  f('{a:1}', /^a character that is not JSON, expected a key/)
  f("{'a':1}", /^a character that is not JSON, expected a key/)
  f('{"a":tru}', /^a word that is not JSON/)
  f('{"a":NaN}', /^a character that is not JSON, expected a value/)
  f('{"resourceSpans":nul}', /^a word that is not JSON/)
  for (const number of ['01', '1.', '.5', '-', '+1', '1e', '1e+', '-01', '0x1', '1_000'])
    f(`{"a":${number}}`, /a number that is not JSON|not JSON, expected a value|expected "}"/)
  f('{"a":"x', /^the text ends inside a string/)
  f('{"a":"x\\', /^the text ends inside a string/)
  f('{"a":"\\x"}', /^an escape that does not exist/)
  f('{"a":"\\u12g4"}', /^an escape that does not exist/)
  f('{"a":"\\u12', /^an escape that does not exist/)
  for (const character of '\0\t\n\r\x10\x1f') f(`{"a":"${character}"}`, /^a raw control character in a string/)
  f(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), /^not UTF-8/)
  f(Buffer.from('{"a":"\ud800"}', 'utf16le'), /not JSON|not UTF-8/)
  f(`${'{"a":'.repeat(1_000_000)}`, /^nested too deep/)
  f('['.repeat(1_000_000), /^an array, expected an object/)
  f(`{"a":${'['.repeat(101)}`, /^nested too deep/)
  throws(() => fromJson('profiles', Buffer.from('{}')), /protobuf only/)
})

test('a byte order mark is no part of the text', () => {
  strictEqual(fromJson('logs', Buffer.from('\ufeff{}')).length, 0)
  throws(() => fromJson('logs', Buffer.from('\ufeff\ufeff{}')), WireError)
})

test('as deep as the check allows, and no deeper', () => {
  const nested = (times: number): string => `${'{"arrayValue":{"values":['.repeat(times)}{}${']}}'.repeat(times)}`
  // request, resource entry, scope entry, record, then two messages per level
  const most = Math.floor((DEPTH_MAX - 4) / 2)
  const bytes = fromJson('logs', Buffer.from(logs(`{"body":${nested(most)}}`)))
  strictEqual(checkRequest('logs', bytes), 1)
  throws(() => fromJson('logs', Buffer.from(logs(`{"body":${nested(most + 1)}}`))), /values\[0\].*nested deeper than 100 messages/)
  deepStrictEqual(fromJson('logs', Buffer.from(toJson('logs', bytes))), bytes)
})

test('a body is read alike wherever it lies in its memory, and again after an error', () => {
  const text = logs('{"body":{"stringValue":"a"}}')
  const memory = Buffer.from(`xxx${text}yyy`)
  throws(() => fromJson('logs', Buffer.from(`${text}!`)), WireError)
  deepStrictEqual(fromJson('logs', new Uint8Array(memory.buffer, memory.byteOffset + 3, text.length)), fromJson('logs', Buffer.from(text)))
})

test('large bodies pass in one piece', () => {
  const record = `{"body":{"stringValue":"${'x'.repeat(1000)}"},"attributes":[{"key":"k","value":{"intValue":"1"}}]}`
  const bytes = fromJson('logs', Buffer.from(logs(Array(5000).fill(record).join(','))))
  strictEqual(checkRequest('logs', bytes), 5000)
  throws(
    () => fromJson('logs', Buffer.from(logs(`${Array(5000).fill(record).join(',')},7`))),
    /logRecords\[5000\]: a number, expected an object/
  )
})

test('toJson writes what the mapping asks for', () => {
  const request = encode('ExportLogsServiceRequest', {
    resourceLogs: [
      {
        scopeLogs: [
          {
            logRecords: [
              {
                timeUnixNano: 1544712660000000123n,
                severityNumber: 9,
                body: {
                  arrayValue: {
                    values: [{ doubleValue: Number.NaN }, { doubleValue: -0 }, { bytesValue: Buffer.from([251]) }, { intValue: -1 }, {}]
                  }
                },
                traceId: '5b8efff798038103d269b633813fc60c',
                attributes: [{ key: '"\u2028', value: { boolValue: true } }]
              }
            ]
          }
        ]
      }
    ]
  })
  strictEqual(
    toJson('logs', request),
    logs(
      '{"timeUnixNano":"1544712660000000123","severityNumber":9,' +
        '"body":{"arrayValue":{"values":[{"doubleValue":"NaN"},{"doubleValue":-0},{"bytesValue":"+w=="},{"intValue":"-1"},{}]}},' +
        '"attributes":[{"key":"\\"\u2028","value":{"boolValue":true}}],"traceId":"5b8efff798038103d269b633813fc60c"}'
    )
  )
  deepStrictEqual(fromJson('logs', Buffer.from(toJson('logs', request))), request)
})
