import { deepStrictEqual, strictEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { checkRequest } from '../../src/otlp/check.ts'
import type { OtlpSignal } from '../../src/otlp/signal.ts'
import { attribute, fixed64, message, request, span, string, varint } from '../support/otlp-bytes.ts'

test('a request is counted by its items', () => {
  const f = (signal: OtlpSignal, bytes: Uint8Array, items: number): void => strictEqual(checkRequest(signal, bytes), items)
  f('traces', Buffer.alloc(0), 0)
  f('traces', request([]), 0)
  f('traces', request([span(), span()]), 2)
  f('traces', Buffer.concat([request([span()]), request([span(), span()])]), 3)
  f('logs', request([string(3, 'INFO'), message(5, string(1, 'hello'))]), 2)
  f('profiles', request([string(40, 'what is inside a profile is its own affair')]), 1)
  const points = [message(1, fixed64(3, 1n)), message(1, fixed64(3, 2n))]
  f(
    'metrics',
    request([Buffer.concat([string(1, 'up'), message(5, ...points)]), Buffer.concat([string(1, 'all'), message(7, points[0])])]),
    3
  )
})

test('what is wrong is named with its place, what came and what was expected', () => {
  const f = (record: Buffer, expected: RegExp): void =>
    throws(() => checkRequest('traces', request([span(), record])), { name: 'WireError', message: expected })
  f(message(1, Buffer.alloc(8)), /^resourceSpans\[0\]\.scopeSpans\[0\]\.spans\[1\]\.traceId \(offset \d+\): 8 bytes long, expected 16$/)
  f(message(2, Buffer.alloc(16)), /spanId \(offset \d+\): 16 bytes long, expected 8$/)
  f(message(5, Buffer.from([0xff, 0xfe])), /name \(offset \d+\): not UTF-8/)
  f(
    message(9, string(1, 'key'), message(2, message(1, Buffer.from([0xc3])))),
    /attributes\[0\]\.value\.stringValue \(offset \d+\): not UTF-8/
  )
  f(varint(7, 1), /startTimeUnixNano \(offset \d+\): came as varint, expected fixed64$/)
  f(varint(5, 1), /name \(offset \d+\): came as varint, expected length-delimited$/)
  f(Buffer.from([0xa3, 0x06]), /a group, which OTLP does not use$/)
  f(Buffer.from([0xa7, 0x06]), /wire type 7, which does not exist$/)
  f(Buffer.from([0x00, 0x00]), /field number 0/)
  f(Buffer.from([0x0a, 0x7f]), /traceId \(offset \d+\): truncated: 127 bytes announced, 0 left$/)
  f(Buffer.from([0x30, ...Array(10).fill(0xff), 1]), /a varint of more than 64 bits$/)
})

test('what a decoder takes is taken', () => {
  const f = (record: Buffer): void => deepStrictEqual(checkRequest('traces', request([record])), 1)
  f(Buffer.alloc(0))
  f(message(1)) // an empty trace id
  f(string(100, 'unknown field, tag of two bytes'))
  f(Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01])) // a varint of ten bytes
  f(Buffer.concat([string(5, 'first'), string(5, 'last')])) // a singular field twice
  f(Buffer.concat([message(15, varint(3, 2)), string(5, 'fields in any order'), message(1, Buffer.alloc(16, 1))]))
  f(attribute(9, 'größe', '日本語'))
  f(message(9, string(1, 'empty'), message(2)))
  f(message(9, string(1, 'yes'), message(2, varint(2, 1))))
  f(Buffer.from([0x2a, 0x82, 0x80, 0x00, 0x68, 0x69])) // a length written longer than it need be
})

test('nesting is bounded', () => {
  const nested = (depth: number): Buffer => {
    let value = string(1, 'deep')
    for (let i = 0; i < depth; i++) value = message(5, message(1, value))
    return message(9, string(1, 'key'), message(2, value))
  }
  strictEqual(checkRequest('traces', request([nested(40)])), 1)
  throws(() => checkRequest('traces', request([nested(60)])), /nested deeper than 100 messages/)
  throws(() => checkRequest('traces', request([nested(5_000)])), /nested deeper than 100 messages/)
})

test('strings are checked at every alignment', () => {
  for (let shift = 0; shift < 8; shift++) {
    for (let length = 0; length < 20; length++) {
      const text = Buffer.alloc(length, 'a')
      const whole = Buffer.concat([Buffer.alloc(shift), request([Buffer.concat([message(5, text)])])])
      strictEqual(checkRequest('traces', whole.subarray(shift)), 1)
      for (let bad = 0; bad < length; bad++) {
        const broken = Buffer.from(whole)
        broken[whole.length - length + bad] = 0xc0
        throws(() => checkRequest('traces', broken.subarray(shift)), /not UTF-8/, `shift ${shift}, length ${length}, bad byte ${bad}`)
      }
    }
  }
})

test('a run of attributes is checked to its last byte, whatever stands between its plain ones', () => {
  const plain = attribute(9, 'http.route', '/v1/jobs')
  const others = [
    attribute(9, 'title', '日本語'),
    message(9, string(1, 'port'), message(2, varint(3, 0xbb, 0x03))),
    message(9, string(1, 'size'), message(2, varint(3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01))),
    message(9, string(1, 'yes'), message(2, varint(2, 1))),
    message(9, string(1, 'list'), message(2, message(5, message(1, string(1, 'one'))))),
    message(9, message(2, string(1, 'value first')), string(1, 'key')),
    attribute(9, 'long', 'x'.repeat(300)),
    string(5, 'a name between attributes')
  ]
  const f = (record: Buffer): void => deepStrictEqual(checkRequest('traces', request([record])), 1)
  for (const other of others) {
    f(Buffer.concat([plain, other, plain, plain]))
    f(Buffer.concat([other, plain, other, other]))
  }
  const bad = (record: Buffer, expected: RegExp): void => throws(() => checkRequest('traces', request([record])), expected)
  const broken = Buffer.from(plain)
  broken[broken.length - 1] = 0xc0
  for (const other of [plain, ...others]) {
    bad(Buffer.concat([plain, other, broken, plain]), /not UTF-8/)
    bad(Buffer.concat([other, other, broken]), /not UTF-8/)
  }
  broken[4] = 0xc0 // the key
  broken[broken.length - 1] = 0x61
  bad(Buffer.concat([plain, broken]), /attributes\[1\]\.key .*not UTF-8/)
  bad(Buffer.concat([plain, message(9, string(1, 'cut'), message(2, varint(3, 0xff)))]), /truncated/)
  bad(Buffer.concat([plain, message(9, string(1, 'yes'), message(2, varint(2, 0x80)))]), /truncated/)
})
