import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { countPolls } from '../../../src/facts/gpu/counts.ts'
import { parseGpuCsv } from '../../../src/facts/gpu/csv.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { TABLE } from '../../support/nvidia-smi-texts.ts'

test('values that a look did not give are counted by reason', () => {
  const metrics = new Metrics()
  const state = { state: 'ok', sinceMs: 0, remedy: '', source: 'nvidia-smi' } as const
  const count = countPolls(
    metrics,
    () => state,
    () => undefined
  )
  const look = { verdict: { state: 'ok', remedy: '' }, lostBusIds: [], ...parseGpuCsv(TABLE, 1) } as const
  count('fast', look, 0, 1)
  count('fast', look, 0, 1)
  const family = metrics.families().find(({ name }) => name === 'sluice_gpu_values_absent_total')
  deepStrictEqual(Object.fromEntries(family!.samples.map(({ labels, value }) => [labels.reason, value])), {
    'not supported': 2,
    'not available': 6,
    deprecated: 2,
    unreadable: 2
  })
})
