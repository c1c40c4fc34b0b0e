import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { FIELDS, IDENTITY } from '../../../src/facts/gpu/fields.ts'
import { chooseQuery } from '../../../src/facts/gpu/query.ts'
import { helpText } from '../../support/nvidia-smi-texts.ts'

test('only what the driver knows is asked, one name of each thing, the UUID last', () => {
  const f = (expected: string[], ...groups: string[][]): void => deepStrictEqual(chooseQuery(helpText(...groups)), expected)
  f(['uuid'], ['uuid'])
  f(['name', 'utilization.gpu', 'uuid'], ['uuid', 'gpu_uuid'], ['utilization.gpu'], ['name', 'gpu_name'], ['something.new'])
  f(['clocks.current.sm', 'uuid'], ['clocks.current.sm', 'clocks.sm'], ['uuid'])
  f(['clocks.sm', 'uuid'], ['clocks.sm'], ['uuid'])
  f(['power.draw.instant', 'power.draw', 'uuid'], ['power.draw'], ['power.draw.instant', 'gpu.power.draw.instant'], ['uuid'])
})

test('throttle reasons are asked as a mask, or one by one, by the name of their time', () => {
  const f = (expected: string[], ...groups: string[][]): void => deepStrictEqual(chooseQuery(helpText(...groups, ['uuid'])), expected)
  f(['clocks_throttle_reasons.active', 'uuid'], ['clocks_throttle_reasons.active'], ['clocks_throttle_reasons.gpu_idle'])
  f(['clocks_event_reasons.active', 'uuid'], ['clocks_event_reasons.active', 'clocks_throttle_reasons.active'])
  f(['clocks_throttle_reasons.gpu_idle', 'uuid'], ['clocks_throttle_reasons.gpu_idle'])
})

test('a text that is no help is refused', () => {
  throws(() => chooseQuery(''), /names 0 fields/)
  throws(() => chooseQuery(helpText(['name'])), /names 1 fields/)
  throws(() => chooseQuery('"'.repeat(1_000_000)), /names 0 fields/)
})

test('each value of ours has one name and at least one source', () => {
  const names = FIELDS.map(({ name }) => name)
  strictEqual(new Set(names).size, names.length)
  for (const { name, csv, xml } of FIELDS) ok(csv.length + xml.length > 0 || name.startsWith('nvlink'), name)
  for (const name of Object.keys(IDENTITY)) ok(!names.includes(name))
})
