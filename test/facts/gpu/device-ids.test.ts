import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { uuidOf, visibleUuids } from '../../../src/facts/gpu/device-ids.ts'
import { GPU_0, GPU_1, GPU_9, gpu, MIG_1, MIG_2, mig } from '../../support/gpu-devices.ts'

const devices = [gpu(GPU_0, 0), mig(MIG_1, GPU_0, 1), mig(MIG_2, GPU_0, 2), gpu(GPU_1, 1)]

test('every form of a device plugin’s id leads to the device', () => {
  const f = (id: string, expected: string | undefined): void => strictEqual(uuidOf(id, devices), expected, id)
  f(GPU_1, GPU_1)
  f(`${GPU_1}::3`, GPU_1)
  f(`${GPU_1}::replica::3`, GPU_1)
  f(MIG_1, MIG_1)
  f(`${MIG_2}::0`, MIG_2)
  f(`MIG-${GPU_0}/2/0`, MIG_2)
  f(`MIG-${GPU_0}/7/0`, undefined)
  f('nvidia1', GPU_1)
  f('nvidia1/vgpu2', GPU_1)
  f('nvidia0/gi2', MIG_2)
  f('nvidia0/gi1/vgpu4', MIG_1)
  f('nvidia0/gi9', undefined)
  f('nvidia7', undefined)
  f(GPU_9, GPU_9)
})

test('what is no GPU is nobody’s', () => {
  for (const id of ['', '::', '0', 'GPU-', 'GPU-xyz', `x${GPU_1}`, `${GPU_1}x`, 'rdma0', 'nvidia', 'nvidia-1', 'nvidia1/gi', 'all'])
    strictEqual(uuidOf(id, devices), undefined, id)
})

test('NVIDIA_VISIBLE_DEVICES grants what it names, and `all` names nothing', () => {
  const f = (variable: string | undefined, expected: string[]): void => deepStrictEqual(visibleUuids(variable, devices), expected)
  f(undefined, [])
  f('', [])
  f('all', [])
  f('none', [])
  f('void', [])
  f('0,1', [])
  f(GPU_1, [GPU_1])
  f(` ${MIG_1},${GPU_1},${GPU_1}`, [MIG_1, GPU_1])
})
