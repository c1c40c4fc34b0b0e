import { deepStrictEqual, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { TraceHeaders } from '../../../src/exporters/sentry/dsc.ts'
import { samplingOf } from '../../../src/exporters/sentry/sampling.ts'
import { sourceOf } from '../../../src/exporters/sentry/source.ts'
import { attributesFrom, SETTINGS } from '../../support/sentry-build.ts'

const TRACE = '0af7651916cd43dd84'

test('the rate is what a threshold keeps', () => {
  const f = (traceState: string | undefined, bits: string, rate: number | undefined): void =>
    deepStrictEqual(samplingOf(traceState, TRACE + bits).rate, rate)
  f('ot=th:e666', 'ffffffffffffff', 0.100006103515625)
  f('ot=th:8', '80000000000000', 0.5)
  f('ot=th:0', '00000000000000', 1)
  f('vendor=x,ot=p:1;th:c , other=y', 'f0000000000000', 0.25)
  f('ot=th:ffffffffffffff', 'ffffffffffffff', 2 ** -56)
  f('ot=rv:f0000000000000;th:e', '00000000000000', 0.125)
  // Nothing is told, or nothing that can be true of this trace.
  f(undefined, 'ffffffffffffff', undefined)
  f('', 'ffffffffffffff', undefined)
  f('xot=th:8', 'ffffffffffffff', undefined)
  f('ot=th:', 'ffffffffffffff', undefined)
  f('ot=th:123456789012345', 'ffffffffffffff', undefined)
  f('ot=th:8', '7fffffffffffff', undefined)
  f('ot=rv:00000000000000;th:8', 'ffffffffffffff', undefined)
  f(`${'a=b,'.repeat(3000)}ot=th:8`, 'ffffffffffffff', undefined)
})

test('what Sentry compares with the rate is below it exactly for what was kept', () => {
  const random = (bits: string): number => samplingOf(undefined, TRACE + bits).random
  deepStrictEqual([random('ffffffffffffff'), random('80000100000000'), random('00000000000000')], [0, 0.499999940395, 0.999999999999])
  for (const threshold of ['e666', '8', '0', '1', 'fd70a', 'ffff', 'fffffffffffff8', 'ffffffffffffff', '00000000000001']) {
    const lowest = threshold.padEnd(14, '0')
    for (const bits of [lowest, 'ffffffffffffff', `${lowest.slice(0, -1)}f`]) {
      const { rate, random } = samplingOf(`ot=th:${threshold}`, TRACE + bits)
      ok(rate !== undefined && random >= 0 && random < rate, `${threshold} ${bits}: ${random} ${rate}`)
      const header = headers().of(TRACE + bits, samplingOf(`ot=th:${threshold}`, TRACE + bits), source(), undefined)
      ok(Number(header.sample_rand) < Number(header.sample_rate), `${header.sample_rand} ${header.sample_rate}`)
      ok(!/e/.test(`${header.sample_rand}${header.sample_rate}`), 'no exponents')
    }
  }
})

const headers = (settings = {}): TraceHeaders => new TraceHeaders({ ...SETTINGS, ...settings })
const source = (attributes = {}) =>
  sourceOf({ attributes: attributesFrom({ 'service.name': 'dub', 'service.version': '2', ...attributes }) }, SETTINGS)

test('the context of a trace is all texts, and stays as it was first told; its rate is of the spans that it goes with', () => {
  const id = `${TRACE}ffffffffffffff`
  const known = headers({ organisation: '7' })
  const first = known.of(id, samplingOf('ot=th:8', id), source(), 'POST /dub')
  const expected = {
    trace_id: id,
    public_key: 'key',
    environment: 'production',
    release: 'dub@2',
    org_id: '7',
    transaction: 'POST /dub',
    sample_rate: '0.5',
    sample_rand: '0',
    sampled: 'true'
  }
  deepStrictEqual(first, expected)
  const other = source({ 'service.name': 'mux', 'deployment.environment.name': 'staging' })
  deepStrictEqual(known.of(id, samplingOf('ot=th:0', id), other, 'GET /'), { ...expected, sample_rate: '1' })
  const { sample_rate: _, ...unknown } = expected
  deepStrictEqual(known.of(id, samplingOf(undefined, id), other, undefined), unknown)
})

test('an error tells of its trace, and of no rate: errors are sent whether the trace is kept or not', () => {
  const id = `${TRACE}ffffffffffffff`
  deepStrictEqual(headers().ofError(id, source()), { trace_id: id, public_key: 'key', environment: 'production', release: 'dub@2' })
})

test('no more than 4096 traces are remembered', () => {
  const known = headers()
  const id = (i: number): string => (0x10000 + i).toString(16).padStart(32, '1')
  for (let i = 0; i <= 4096; i++) known.of(id(i), samplingOf(undefined, id(i)), source({ 'service.version': `${i}` }), undefined)
  const releaseOf = (i: number) => known.of(id(i), samplingOf(undefined, id(i)), source(), undefined).release
  deepStrictEqual([releaseOf(4096), releaseOf(0)], ['dub@4096', 'dub@2'])
})
