import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LogEntry } from '../../../src/logs/log-entry.ts'
import { readSyslog } from '../../../src/receivers/logs/syslog-message.ts'
import { cpuMs } from '../../support/cpu-time.ts'

const NOW_MS = new Date(2026, 10, 23, 12, 0, 0).getTime()

function read(text: string, nowMs = NOW_MS): LogEntry {
  const entry = new LogEntry()
  entry.reset(nowMs)
  readSyslog(text, entry)
  return entry
}

/** The parts of a message that are there: service, body, and attributes without `syslog.`. */
function partsOf(text: string): Record<string, unknown> {
  const { serviceName, body, keys, values } = read(text)
  const attributes = Object.fromEntries(keys.map((key, i) => [key.replace(/^syslog\./, ''), values[i]]))
  const { facility, version, ...rest } = attributes
  strictEqual(typeof facility, 'number')
  return { ...(serviceName === '' ? {} : { serviceName }), body, ...rest }
}

test('RFC 5424', () => {
  const f = (text: string, expected: Record<string, unknown>): void => deepStrictEqual(partsOf(text), expected)
  // The examples of the RFC.
  f(`<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \ufeff'su root' failed for lonvick on /dev/pts/8`, {
    serviceName: 'su',
    body: "'su root' failed for lonvick on /dev/pts/8",
    hostname: 'mymachine.example.com',
    msgid: 'ID47'
  })
  f("<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.", {
    serviceName: 'myproc',
    body: "%% It's time to make the do-nuts.",
    hostname: '192.0.2.1',
    procid: '8710'
  })
  f(
    '<165>1 2003-10-11T22:14:15.003Z host app - ID47 [exampleSDID@32473 iut="3" eventSource="Application"][examplePriority@32473 class="high"]',
    {
      serviceName: 'app',
      body: '',
      hostname: 'host',
      msgid: 'ID47',
      'exampleSDID@32473.iut': '3',
      'exampleSDID@32473.eventSource': 'Application',
      'examplePriority@32473.class': 'high'
    }
  )
  f('<13>1 - - - - - -', { body: '' })
  f('<13>1 - - - - - - a b', { body: 'a b' })
  f('<13>1 - - - - - -  as rsyslog forwards it', { body: 'as rsyslog forwards it' })
  f('<13>1 - - - - - -     at main', { body: '    at main' })
  f('<13>1 - - - - - [x] a', { body: 'a' })
  f('<13>1 - - - - - [x y="1\\"2\\\\3\\]4\\n"] a', { body: 'a', 'x.y': '1"2\\3]4\\n' })
  f('<13>1 - - - - - [o ip="1" ip="2" ip="3"] a', { body: 'a', 'o.ip': ['1', '2', '3'] })
  f('<13>1 - - - - - [x y="1" a', { body: '[x y="1" a' })
  f('<13>1 - - - - - [x y=1] a', { body: '[x y=1] a' })
  f('<13>1 - h a 1 m - {"level":"info"}', { serviceName: 'a', hostname: 'h', procid: '1', msgid: 'm', body: '{"level":"info"}' })
  f('<13>1 - h a 1 m - @cee: {"level":"info"}', { serviceName: 'a', hostname: 'h', procid: '1', msgid: 'm', body: '{"level":"info"}' })
  // What logger(1) sends.
  f('<13>1 2026-11-23T11:59:00.123456+00:00 node root - - [timeQuality tzKnown="1" isSynced="0"] hello', {
    serviceName: 'root',
    hostname: 'node',
    'timeQuality.tzKnown': '1',
    'timeQuality.isSynced': '0',
    body: 'hello'
  })
})

test('RFC 3164, and what is like it', () => {
  const f = (text: string, expected: Record<string, unknown>): void => deepStrictEqual(partsOf(text), expected)
  f("<34>Oct 11 22:14:15 mymachine su: 'su root' failed", { serviceName: 'su', hostname: 'mymachine', body: "'su root' failed" })
  f('<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!', { hostname: '10.0.0.99', body: 'Use the BFG!' })
  f('<30>Oct  9 22:33:20 host sshd[814]: Accepted', { serviceName: 'sshd', procid: '814', hostname: 'host', body: 'Accepted' })
  f('<30>Oct  9 22:33:20 sshd[814]: Accepted', { serviceName: 'sshd', procid: '814', body: 'Accepted' })
  f('<30>Oct  9 22:33:20 root: hello', { serviceName: 'root', body: 'hello' })
  f('<30>Oct  9 22:33:20 host kernel: [  12.5] x: y', { serviceName: 'kernel', hostname: 'host', body: '[  12.5] x: y' })
  f('<30>Oct  9 22:33:20 fe80::1 app: v6', { serviceName: 'app', hostname: 'fe80::1', body: 'v6' })
  f('<30>Oct  9 22:33:20 host app: a:b', { serviceName: 'app', hostname: 'host', body: 'a:b' })
  f('<30>Oct  9 22:33:20 host http://x is down', { hostname: 'host', body: 'http://x is down' })
  f('<30>2026-11-23T10:00:00.123456+01:00 host app[1]: iso', { serviceName: 'app', procid: '1', hostname: 'host', body: 'iso' })
  f('<30>2026-11-23T10:00:00Z host /usr/bin/app: x', { serviceName: '/usr/bin/app', hostname: 'host', body: 'x' })
  f('<14>just text', { body: 'just text' })
  f('<14>worker[7]: text', { serviceName: 'worker', procid: '7', body: 'text' })
  f('<14>ValueError: bad', { body: 'ValueError: bad' })
  f('<14>{"a":1}', { body: '{"a":1}' })
  f('no header', { body: 'no header' })
  f('', { body: '' })
  f('<13>', { body: '' })
  f('<192>x', { body: '<192>x' })
  f('<013>x', { body: '<013>x' })
  f('<1a>x', { body: '<1a>x' })
  f('<13>1 is a number', { body: '1 is a number' })
  f('<13>Oct 99 22:33:20 host a: b', { body: 'Oct 99 22:33:20 host a: b' })
})

test('PRI is facility and severity', () => {
  const f = (text: string, facility: number, number: number, word: string): void => {
    const { severityNumber, severityText, keys, values } = read(text)
    deepStrictEqual([values[keys.indexOf('syslog.facility')], severityNumber, severityText], [facility, number, word])
  }
  f('<0>x', 0, 21, 'emergency')
  f('<1>x', 0, 19, 'alert')
  f('<2>x', 0, 18, 'critical')
  f('<11>x', 1, 17, 'error')
  f('<12>x', 1, 13, 'warning')
  f('<13>x', 1, 10, 'notice')
  f('<14>x', 1, 9, 'info')
  f('<191>x', 23, 5, 'debug')
  f('x', 1, 10, 'notice')
})

test('times are those of the message, of the nearest year where it leaves that out, and never far ahead', () => {
  const f = (text: string, expected: number, nanos = 0, nowMs = NOW_MS): void => {
    const { timeMs, timeNanos, body } = read(text, nowMs)
    deepStrictEqual([timeMs, timeNanos, body], [expected, nanos, 'x'])
  }
  f('<13>1 2003-10-11T22:14:15.003Z - - - - - x', Date.UTC(2003, 9, 11, 22, 14, 15, 3))
  f('<13>1 2003-08-24T05:14:15.000003-07:00 - - - - - x', Date.UTC(2003, 7, 24, 12, 14, 15), 3000)
  f('<13>1 - - - - - - x', 0)
  f('<13>1 2099-10-11T22:14:15.003Z - - - - - x', 0)
  f('<13>Oct 11 22:14:15 h a: x', new Date(2026, 9, 11, 22, 14, 15).getTime())
  f('<13>Oct  1 22:14:15 h a: x', new Date(2026, 9, 1, 22, 14, 15).getTime())
  f('<13>Dec 31 23:59:59 h a: x', new Date(2025, 11, 31, 23, 59, 59).getTime(), 0, new Date(2026, 0, 1).getTime())
  f('<13>Jan  1 00:00:10 h a: x', new Date(2027, 0, 1, 0, 0, 10).getTime(), 0, new Date(2026, 11, 31, 23, 59, 59).getTime())
  f('<13>Nov 24 12:00:00 h a: x', 0)
})

test('the trace context stands in structured data', () => {
  const trace = '0af7651916cd43dd8448eb211c80319c'
  const f = (params: string, traceId: string, spanId: string, flags: number): void => {
    const entry = read(`<13>1 - - - - - [opentelemetry ${params}] x`)
    deepStrictEqual([entry.traceId, entry.spanId, entry.traceFlags], [traceId, spanId, flags])
  }
  f(`trace_id="${trace}" span_id="b7ad6b7169203331" trace_flags="01"`, trace, 'b7ad6b7169203331', 1)
  f(`trace_id="${trace.toUpperCase()}"`, trace, '', 0)
  f(`trace_id="${'0'.repeat(32)}" span_id="xyz" trace_flags="1"`, '', '', 0)
})

test('fields and parameters are bounded', () => {
  const params = Array.from({ length: 100 }, (_, i) => `p${i}="${i}"`).join(' ')
  const { keys, values } = read(`<13>1 - - - - - [x ${params}] b`)
  ok(keys.length < 70)
  strictEqual(values[keys.indexOf('log.attributes_dropped')], 36)
  strictEqual(read(`<13>1 - ${'h'.repeat(1000)} a - - - b`).body, `1 - ${'h'.repeat(1000)} a - - - b`)
})

test('anything is a message, and takes no time', () => {
  const piece = fc.oneof(
    fc.constantFrom('<13>', '1 ', '- ', '[x ', 'y="', '"]', '\\', 'Oct 11 22:14:15 ', '2003-10-11T22:14:15Z ', 'a[1]: ', '@cee:', '\ufeff'),
    fc.string({ unit: 'binary', maxLength: 8 })
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const { body, keys, values } = read(pieces.join(''))
      strictEqual(typeof body, 'string')
      strictEqual(keys.length, values.length)
      strictEqual(new Set(keys).size, keys.length)
    }),
    { numRuns: 3000 }
  )
  const tookMs = cpuMs(() => {
    for (const part of ['[x y="1"]', '<', '[', '[x', 'a[', '\\"', ' ']) read(`<13>1 - - - - - ${part.repeat(200_000)}`)
  })
  ok(tookMs < 2000, `${tookMs} ms`)
})
