import { doesNotMatch, match, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { faultOf } from '../../src/telemetry/fault.ts'

test('a fault is told by its name and place, never by its message', () => {
  let thrown: unknown
  try {
    JSON.parse('hunter2')
  } catch (error) {
    thrown = error
  }
  const { error, place } = faultOf(thrown, 3)
  strictEqual(error, 'SyntaxError')
  match(place, /at .*fault\.test\.ts/)
  doesNotMatch(place, /hunter2/)
  strictEqual(faultOf('thrown words', 3).error, 'string')
})
