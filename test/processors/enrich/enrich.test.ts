import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { parseBatch } from '../../../src/batch.ts'
import { fromEnvironment } from '../../../src/processors/enrich/enrich.ts'
import { request, span } from '../../support/otlp-bytes.ts'
import { enrichWith } from './support.ts'

test('attributes are added to the resource; what the sender said stays unless overwritten', () => {
  const f = (
    sent: Record<string, string>,
    attributes: Record<string, string>,
    overwrite: boolean,
    expected: Record<string, string>
  ): void => {
    const { process } = enrichWith({ attributes, overwrite })
    deepStrictEqual(process(parseBatch('traces', request([span()], sent)))?.bytes, request([span()], expected))
  }
  f({ a: '1' }, { b: '2' }, false, { a: '1', b: '2' })
  f({ a: '1' }, { a: '2', b: '3' }, false, { a: '1', b: '3' })
  f({ a: '1' }, { a: '2', b: '3' }, true, { a: '2', b: '3' })
  f({}, { a: '1', b: '2' }, false, { a: '1', b: '2' })
})

test('resources of one request do not take each other’s place', () => {
  const { process } = enrichWith({ attributes: { a: '2', b: '2' } })
  const sent = Buffer.concat([request([span()], { a: '1' }), request([span()], { c: '1' })])
  const expected = Buffer.concat([request([span()], { a: '1', b: '2' }), request([span()], { c: '1', a: '2', b: '2' })])
  deepStrictEqual(process(parseBatch('traces', sent))?.bytes, expected)
})

test('a batch that lacks nothing stays the very same', () => {
  const batch = parseBatch('traces', request([span()], { a: '1' }))
  strictEqual(enrichWith({ attributes: { a: '2' } }).process(batch), batch)
  strictEqual(enrichWith({ attributes: {} }).process(batch), batch)
})

test('OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME', () => {
  const f = (attributes: string | undefined, service: string | undefined, expected: Record<string, string>): void =>
    deepStrictEqual(fromEnvironment({ OTEL_RESOURCE_ATTRIBUTES: attributes, OTEL_SERVICE_NAME: service }), expected)
  f(undefined, undefined, {})
  f('', '', {})
  f('a=1,b=2', undefined, { a: '1', b: '2' })
  f(' a = 1 , b=x%20y%2C=z', undefined, { a: '1', b: 'x y,=z' })
  f('broken,=empty,a=%zz', undefined, { a: '%zz' })
  f('service.name=one', 'two', { 'service.name': 'two' })
})
