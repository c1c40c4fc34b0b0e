import { deepStrictEqual, rejects, strictEqual } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { OtlpTraces, type OtlpTracesOptions } from '../../../src/exporters/datadog/traces.ts'
import { DatadogBackend } from '../../support/datadog-backend.ts'
import { attributesOf, exceptionOf, intakeFor, KEY, redacted, STOP, spanOf, tracesOf } from './support.ts'

const INTAKE = { isIntake: true, isCounted: false, isChosen: false, isCountedThere: false }

async function make(t: TestContext, options: Partial<OtlpTracesOptions> = {}): Promise<{ backend: DatadogBackend; lane: OtlpTraces }> {
  const backend = await DatadogBackend.start(t)
  backend.key = KEY
  const url = new URL(`${backend.url}/v1/traces`)
  return { backend, lane: new OtlpTraces({ url, ...INTAKE, ...options }, await intakeFor(t)) }
}

test('spans by OTLP carry names and errors as attributes', async (t) => {
  const { backend, lane } = await make(t)
  const failed = spanOf({
    kind: 2,
    status: { code: 2 },
    events: [exceptionOf('TypeError', 'no voice', 'at two')],
    attributes: attributesOf({ 'http.request.method': 'GET', 'http.route': '/a', 'error.type': '500' })
  })
  const named = spanOf({ attributes: attributesOf({ 'operation.name': 'o', 'resource.name': 'r', 'span.type': 't' }) })
  strictEqual(await lane.send(redacted('traces', tracesOf([failed, named])), STOP), undefined)
  deepStrictEqual(backend.violations, [])
  const [first, second] = backend.otlpSpans
  deepStrictEqual(first.attributes, {
    ...{
      'http.request.method': 'GET',
      'http.route': '/a',
      'error.type': 'TypeError',
      'error.message': 'no voice',
      'error.msg': 'no voice'
    },
    ...{ 'error.stack': 'at two', 'operation.name': 'http.server.request', 'resource.name': 'GET /a', 'span.type': 'web' }
  })
  strictEqual(first.events.length, 1)
  deepStrictEqual(second.attributes, { 'operation.name': 'o', 'resource.name': 'r', 'span.type': 't' })
  strictEqual(backend.headers['otlp-traces']![0].compute_stats, undefined)
})

test('the intake is asked for statistics only when nobody else makes them', async (t) => {
  const { backend, lane } = await make(t, { isCountedThere: true })
  await lane.send(redacted('traces', tracesOf([spanOf()])), STOP)
  strictEqual(backend.headers['otlp-traces']![0].compute_stats, 'true')
})

test('more than the intake takes is too large before it is sent', async (t) => {
  const { backend, lane } = await make(t)
  const spans = Array.from({ length: 40 }, () => spanOf({ attributes: attributesOf({ text: 'x'.repeat(100_000) }) }))
  await rejects(lane.send(redacted('traces', tracesOf(spans)), STOP), { code: 'too-large' })
  strictEqual(backend.came.size, 0)
})
