import { strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { adjustedCount } from '../../src/otlp/adjusted-count.ts'

test('the adjusted count is what the threshold in tracestate says', () => {
  const f = (traceState: string, expected: number): void => {
    const bytes = Buffer.from(`before${traceState}th:c`)
    strictEqual(adjustedCount(bytes, 6, bytes.length - 4), expected, traceState)
  }
  f('', 1)
  f('ot=th:0', 1)
  f('ot=th:8', 2)
  f('ot=th:c', 4)
  f('ot=th:80000000000000', 2)
  f('ot=th:e666', 65536 / (65536 - 0xe666))
  f('ot=rv:abcdefabcdefab;th:8', 2)
  f('ot=th:8;rv:abcdefabcdefab', 2)
  f('vendor=x, ot=th:8 ,other=th:0', 2)
  f('vendor=x,\tot=th:8', 2)
  f('ott=th:8', 1)
  f('xot=th:8', 1)
  f('vendor=ot=th:8', 1)
  f('ot=xth:8', 1)
  f('ot=p:2', 1)
  f('ot=', 1)
  f(',,,', 1)
  // What cannot be used is told from what is not there.
  f('ot=th:', 0)
  f('ot=th:E666', 0)
  f('ot=th:e66g', 0)
  f('ot=th:800000000000000', 0)
  f('ot=th:ffffffffffffff', 0)
})
