import { deepStrictEqual } from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseNvlinks } from '../../../src/facts/gpu/nvlink.ts'

const RECORDINGS = join(import.meta.dirname, '..', '..', '..', '..', 'shared', 'fixtures', 'nvidia-smi')
const [A, B] = ['GPU-5269b708-678a-b1a8-60f0-c90406537486', 'GPU-a7605225-d684-1f65-4ad4-ee2ab39338b4']

test('links that are up are counted, and their speed added up', () => {
  const f = (lines: string[], expected: Record<string, [links: number, gigabytes: number]>): void => {
    const found = Array.from(parseNvlinks(lines.join('\n')), ([uuid, { links, bytesPerSecond }]) => [uuid, [links, bytesPerSecond / 1e9]])
    deepStrictEqual(Object.fromEntries(found), expected)
  }
  const gpu = (uuid: string, index = 0): string => `GPU ${index}: NVIDIA A100-SXM4-80GB (UUID: ${uuid})`
  f([gpu(A), '\t Link 0: 25 GB/s', '\t Link 1: 26.5 GB/s', gpu(B, 1), '         Link 0: 25 GB/s'], { [A]: [2, 51.5], [B]: [1, 25] })
  f([gpu(A), 'NVML: Unable to retrieve NVLink information as all links are inactive'], { [A]: [0, 0] })
  f([gpu(A), 'NVML: Unable to retrieve Nvlink information as all links are inActive', gpu(B, 1)], { [A]: [0, 0] })
  // What does not say how it is with its links says nothing.
  f([gpu(A), 'Nvlink queries are not supported for Devices in MIG mode'], {})
  f([gpu(A), '\t Link 0: <inactive>', '\t Link 1: 25 GB/s', '\t Link 2: 25 KB/s'], { [A]: [1, 25] })
  f(['\t Link 0: 25 GB/s', gpu('no name'), '\t Link 0: 25 GB/s'], {})
  f([gpu(A), ...Array.from({ length: 200 }, (_, i) => `Link ${i}: 1 GB/s`)], { [A]: [64, 64] })
  f([''], {})
})

test('as recorded', { skip: existsSync(RECORDINGS) ? false : `no recordings at ${RECORDINGS}` }, () => {
  const f = (file: string, expected: [links: number, gigabytes: number][]): void => {
    const [, section] = /\$ nvidia-smi nvlink -s\n#+\n([^#]*)/.exec(readFileSync(join(RECORDINGS, file), 'latin1')) ?? [
      '',
      readFileSync(join(RECORDINGS, file), 'latin1')
    ]
    const found = [...parseNvlinks(section).values()]
    deepStrictEqual(
      found.map(({ links, bytesPerSecond }) => [links, Math.round(bytesPerSecond / 1e6) / 1e3]),
      expected
    )
  }
  f('nge-capture--linux-x86_64__nvidia-h200__590.48.01.txt', [[18, 478.116]])
  f('nge-capture--linux-x86_64__nvidia-h100-mig__590.48.01.txt', [])
  f('nge-capture--linux-x86_64__nvidia-geforce-rtx-2080-super__595.71.05.txt', [[0, 0]])
  f(
    'gpud--nvidia-smi.nvlink.status.a100',
    Array.from({ length: 8 }, () => [12, 300])
  )
  f('azurehpc--bad_nvlink_status.txt', [[0, 0]])
})
