import { ok, strictEqual } from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { GpuState } from '../../../src/facts/facts.ts'
import type { Run } from '../../../src/facts/gpu/runner.ts'
import { judge, mayBeFields } from '../../../src/facts/gpu/states.ts'

const run = (parts: Partial<Run>): Run => ({ end: 'exit', status: 0, stdout: '', stderr: '', durationMs: 1, ...parts })

test('each way in which nvidia-smi fails is a state with a remedy', () => {
  const f = (state: GpuState, parts: Partial<Run>): void => {
    const verdict = judge(run(parts), 0)
    strictEqual(verdict.state, state, JSON.stringify(parts))
    ok(verdict.remedy.length > 20)
  }
  f('no binary', { end: 'missing' })
  f('no binary', { status: 127 })
  f('permission', { end: 'forbidden' })
  f('permission', { status: 126 })
  f('permission', { status: 4 })
  f('permission', { status: 255, stderr: 'Failed to initialize NVML: Unknown Error\n' })
  f('permission', { status: 255, stdout: 'Failed to initialize NVML: Insufficient Permissions\n' })
  f('no driver', { status: 9 })
  f('no driver', { status: 1, stderr: "NVIDIA-SMI couldn't find libnvidia-ml.so library in your system.\n" })
  f('no driver', { status: 12 })
  f('no devices', { status: 6 })
  f('no devices', { status: 0, stdout: 'No devices were found\n' })
  f('version mismatch', { status: 18 })
  f('device lost', { status: 15 })
  f('device lost', { status: 255, stdout: 'Unable to determine the device handle for GPU 0000:02:00.0: GPU is lost.  Reboot the system\n' })
  f('hung', { end: 'late', stdout: 'GPU is lost' })
  f('hung', { end: 'stuck' })
  f('hung', { end: 'busy' })
  f('failed', { end: 'flood' })
  f('failed', { end: 'unstartable' })
  f('failed', { status: 2, stdout: 'Field "power.draw.instant" is not a valid field to query.\n' })
  f('failed', { status: undefined })
  f('failed', { status: 0, stdout: '' })
  f('failed', { status: 77, stderr: 'whatever' })
  strictEqual(judge(run({ end: 'stopped' }), 0).state, 'off')
})

test('the words are told from the recordings, on either stream and whatever the status', (t) => {
  const folder = join(import.meta.dirname, '..', '..', '..', '..', 'shared', 'fixtures', 'nvidia-smi', 'errors')
  if (!existsSync(folder)) return t.skip(`no recordings: ${folder} is absent`)
  const expected: readonly (readonly [string, GpuState])[] = [
    ['driver-not-loaded', 'no driver'],
    ['nvml-lib-mismatch', 'version mismatch'],
    ['device-handle-unknown', 'device lost']
  ]
  const names = readdirSync(folder).filter((name) => !name.startsWith('csv-'))
  ok(names.length >= 4)
  for (const name of names) {
    const text = readFileSync(join(folder, name), 'utf8')
    const state = expected.find(([start]) => name.startsWith(start))?.[1]
    for (const status of [0, 1, 255])
      for (const parts of [{ stdout: text }, { stderr: text }]) strictEqual(judge(run({ status, ...parts }), 0).state, state, name)
  }
})

test('where some GPUs answer, only a lost one counts', () => {
  const f = (state: GpuState, parts: Partial<Run>): void => strictEqual(judge(run(parts), 7).state, state, JSON.stringify(parts))
  f('ok', {})
  f('ok', { status: 14, stdout: 'WARNING: infoROM is corrupted at gpu 0000:B3:00.0\n' })
  f('ok', { stdout: 'GPU-1, [Insufficient Permissions]\n' })
  f('device lost', { stdout: 'Unable to determine the device handle for GPU1: 0000:34:00.0: Unknown Error\nGPU-1, 5\n' })
  f('device lost', { stdout: 'GPU-1, 5\nGPU-2, [GPU is lost]\n' })
  f('device lost', { stdout: 'GPU-1, 5\nGPU-2, [GPU requires reset]\n' })
  f('device lost', { status: 15 })
  f('hung', { end: 'late' })
  f('failed', { status: undefined })
})

test('fields are looked up again where they may be the reason', () => {
  const f = (expected: boolean, parts: Partial<Run>): void => strictEqual(mayBeFields(judge(run(parts), 0)), expected)
  f(true, { status: 2 })
  f(true, { status: 1, stdout: 'Field "x" is not a valid field to query.\n' })
  f(true, { stdout: 'unreadable' })
  f(false, { end: 'late' })
  f(false, { status: 9 })
})
