import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import type { LogValue } from '../../src/logs/log-entry.ts'
import { contextOf, datadogIdOf, flagsOf, type Propagation, spanIdOf, traceIdOf } from '../../src/logs/trace-context.ts'
import { understood } from './entry.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

test('trace ids', () => {
  const f = (value: LogValue, expected: string): void => deepStrictEqual(traceIdOf(value), expected)
  f(TRACE, TRACE)
  f(TRACE.toUpperCase(), TRACE)
  f('0af76519-16cd-43dd-8448-eb211c80319c', TRACE)
  f(`projects/p/traces/${TRACE}`, TRACE)
  f(`0x${TRACE}`, TRACE)
  f(SPAN, `0000000000000000${SPAN}`)
  for (const value of ['0', '', '0'.repeat(32), '0'.repeat(16), TRACE.slice(1), `${TRACE}0`, 'x'.repeat(32), 5, null, true]) f(value, '')
})

test('span ids and flags', () => {
  deepStrictEqual([spanIdOf(SPAN.toUpperCase()), spanIdOf('0'.repeat(16)), spanIdOf('1'), spanIdOf(1)], [SPAN, '', '', ''])
  deepStrictEqual(['01', '00', 'ff', 'True', 'false', true, 1].map(flagsOf), [1, 0, 255, 1, 0, 1, 1])
  deepStrictEqual(['', '001', 'x', 256, -1, null].map(flagsOf), [-1, -1, -1, -1, -1, -1])
})

test('headers', () => {
  const f = (propagation: Propagation, value: LogValue, expected: string | null): void => {
    const context = contextOf(propagation, value)
    deepStrictEqual(context && `${context.traceId}-${context.spanId}-${context.flags}`, expected)
  }
  const sampled = `${TRACE}-${SPAN}-1`
  const not = `${TRACE}-${SPAN}-0`
  f('traceparent', `00-${TRACE}-${SPAN}-01`, sampled)
  f('traceparent', `cc-${TRACE}-${SPAN}-01-what-comes`, sampled)
  f('traceparent', `00-${TRACE}-${SPAN}-01-x`, null)
  f('traceparent', `ff-${TRACE}-${SPAN}-01`, null)
  f('traceparent', `00-${'0'.repeat(32)}-${SPAN}-01`, null)
  f('traceparent', `00-${TRACE}-${'0'.repeat(16)}-01`, null)
  f('b3', `${TRACE}-${SPAN}-1-${SPAN}`, sampled)
  f('b3', `${TRACE}-${SPAN}-d`, sampled)
  f('b3', `${TRACE}-${SPAN}`, not)
  f('b3', `${SPAN}-${SPAN}-0`, `0000000000000000${SPAN}-${SPAN}-0`)
  f('b3', '0', null)
  f('jaeger', `${TRACE}:${SPAN}:0:1`, sampled)
  f('jaeger', `af7651916cd43dd8448eb211c80319c:${SPAN}:0:3`, sampled)
  f('jaeger', `${TRACE}%3A${SPAN}%3A0%3A0`, not)
  f('xray', `Root=1-${TRACE.slice(0, 8)}-${TRACE.slice(8)};Parent=${SPAN};Sampled=1`, sampled)
  f('xray', `Self=1-0-0; Root=1-${TRACE.slice(0, 8)}-${TRACE.slice(8)}`, `${TRACE}--0`)
  f('sentry', `${TRACE}-${SPAN}-1`, sampled)
  f('sentry', `${TRACE}-${SPAN}`, not)
  for (const propagation of ['traceparent', 'b3', 'jaeger', 'xray', 'sentry'] as const)
    for (const value of ['', 'x', 5, null, '-'.repeat(1000)]) f(propagation, value, null)
})

test('Datadog’s ids are decimal where they may be', () => {
  const f = (value: LogValue, decimal: string | null, hex = ''): void =>
    deepStrictEqual(datadogIdOf(value), decimal === null ? null : { decimal, hex })
  f('1234567890123456789', '1234567890123456789')
  f('1234567890123456', '1234567890123456')
  f(456, '456')
  f(2n ** 64n - 1n, '18446744073709551615')
  f('18446744073709551616', null)
  f(TRACE, BigInt(`0x${TRACE.slice(16)}`).toString(), TRACE)
  f(SPAN, BigInt(`0x${SPAN}`).toString())
  for (const value of ['0', '', 'x', '-1', 1.5, null, '0'.repeat(32)]) f(value, null)
})

test('of several contexts the record’s own goes first', () => {
  const OTHER = 'ffffffffffffffffffffffffffffffff'
  const f = (fields: object, trace: string | undefined, attributes?: object): void => {
    const said = understood(JSON.stringify({ msg: 'm', ...fields }))
    deepStrictEqual([said.trace, said.attributes], [trace, attributes])
  }
  f({ trace_id: TRACE, span_id: SPAN, trace_flags: '01' }, `${TRACE}-${SPAN}-1`)
  f({ traceId: TRACE, spanId: SPAN }, `${TRACE}-${SPAN}-0`)
  f({ otelTraceID: TRACE, otelSpanID: SPAN, otelTraceSampled: true }, `${TRACE}-${SPAN}-1`)
  f({ otelTraceID: '0', otelSpanID: '0', otelTraceSampled: false }, undefined)
  f({ traceparent: `00-${OTHER}-${SPAN}-01`, trace_id: TRACE }, `${TRACE}--0`)
  f({ traceparent: `00-${TRACE}-${SPAN}-01`, trace_id: TRACE }, `${TRACE}-${SPAN}-1`)
  f({ headers: { 'X-B3-TraceId': TRACE, 'X-B3-SpanId': SPAN } }, `${TRACE}-${SPAN}-0`)
  f({ req: { headers: { 'uber-trace-id': `${TRACE}:${SPAN}:0:1`, host: 'h' } } }, `${TRACE}-${SPAN}-1`, { 'req.headers.host': 'h' })
  f({ mdc: { trace_id: TRACE, span_id: SPAN, other: 1 } }, `${TRACE}-${SPAN}-0`, { 'mdc.other': 1 })
  f({ 'sentry-trace': `${TRACE}-${SPAN}-1` }, `${TRACE}-${SPAN}-1`)
  f({ span_id: SPAN }, undefined, { span_id: SPAN })
  f({ dd: { trace_id: TRACE, span_id: '255' } }, `${TRACE}-00000000000000ff-0`, {
    'dd.trace_id': `${BigInt(`0x${TRACE.slice(16)}`)}`,
    'dd.span_id': '255'
  })
  f({ 'dd.trace_id': '42', trace_id: TRACE }, `${TRACE}--0`, { 'dd.trace_id': '42' })
  f({ request_id: '0af76519-16cd-43dd-8448-eb211c80319c' }, undefined, { 'request.id': '0af76519-16cd-43dd-8448-eb211c80319c' })
  f({ correlationId: 'c', 'x-correlation-id': 'c' }, undefined, { 'correlation.id': 'c' })
  f({ correlationId: 'c', correlation_id: 'd' }, undefined, { 'correlation.id': 'c', correlation_id: 'd' })
  f({ headers: { 'x-correlation-id': 'in' }, correlationId: 'out' }, undefined, {
    'headers.x-correlation-id': 'in',
    'correlation.id': 'out'
  })
  f({ correlationId: 'out', headers: { 'x-correlation-id': 'in' } }, undefined, {
    'correlation.id': 'out',
    'headers.x-correlation-id': 'in'
  })
  f({ correlationId: 'x'.repeat(129) }, undefined, { correlationId: 'x'.repeat(129) })
  f({ correlationId: 'a\nb' }, undefined, { correlationId: 'a\nb' })
})
