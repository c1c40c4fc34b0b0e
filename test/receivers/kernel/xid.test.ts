import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { plainBusId } from '../../../src/facts/bus-id.ts'
import { type KernelLine, readLine } from '../../../src/receivers/kernel/line.ts'
import { readXid } from '../../../src/receivers/kernel/xid.ts'
import { XID_CODES } from '../../../src/receivers/kernel/xid-codes.ts'
import { cpuMs } from '../../support/cpu-time.ts'

test('a line is read in each of its forms', () => {
  const f = (line: string, expected: Partial<KernelLine>): void => deepStrictEqual(readLine(line), { isKernels: true, ...expected })
  f('4,1210,9876543,-;NVRM: x', { message: 'NVRM: x', uptimeMs: 9876.543, sequence: 1210 })
  f('4,1210,9876543,-,caller=T12;NVRM: x\n SUBSYSTEM=pci\n', { message: 'NVRM: x', uptimeMs: 9876.543, sequence: 1210 })
  f('0,0,0,c;', { message: '', uptimeMs: 0, sequence: 0 })
  f('12,7,1000,-;NVRM: said by a program', { message: 'NVRM: said by a program', uptimeMs: 1, sequence: 7, isKernels: false })
  const atMs = Date.UTC(2025, 0, 21, 4, 41, 44, 283)
  f('kern  :warn  : 2025-01-21T04:41:44,283302+00:00 NVRM: x', { message: 'NVRM: x', atMs })
  f('user  :warn  : 2025-01-21T04:41:44,283302+00:00 NVRM: x', { message: 'NVRM: x', atMs, isKernels: false })
  f('2025-01-21T05:41:44.283302+01:00 node-1 kernel: [ 1234.567890] NVRM: x', { message: 'NVRM: x', atMs })
  f('Jan 21 04:41:44 node-1 kernel: NVRM: x', { message: 'NVRM: x' })
  f('[ 1234.567890] NVRM: x', { message: 'NVRM: x' })
  f('[1234.567890] NVRM: x', { message: 'NVRM: x' })
  f('NVRM: x', { message: 'NVRM: x' })
  f('2025-99-99T99:99:99 NVRM: x', { message: 'NVRM: x' })
  f('node-1 python: NVRM: x', { message: 'node-1 python: NVRM: x' })
  f('', { message: '' })
})

test('an Xid is read in each of its spellings', () => {
  const f = (message: string, ...expected: [string?, number?, number?, string?, number?]): void => {
    const [busId, code, pid, processName, gpuInstanceId] = expected
    deepStrictEqual(readXid(message), { busId, code, pid, processName, gpuInstanceId }, message)
  }
  const BUS = '0000:9b:00.0'
  f('NVRM: Xid (PCI:0000:9b:00): 119, pid=2024380, name=nvidia-smi, Timeout after 6s', BUS, 119, 2024380, 'nvidia-smi')
  f("NVRM: Xid (PCI:0000:9b:00): 13, pid='<unknown>', name=<unknown>, Graphics Exception", BUS, 13)
  f('NVRM: Xid (PCI:0000:9b:00): 43, pid=12, name=pt main thread, Ch 00000008', BUS, 43, 12, 'pt main thread')
  f('NVRM: Xid (PCI:0000:9B:00.0): 79, GPU has fallen off the bus.', BUS, 79)
  f('NVRM: Xid (PCI:00000000:9B:00): 79', BUS, 79)
  f('NVRM: Xid (PCI:0001:9b:00): 79, pid=5', '0001:9b:00.0', 79, 5)
  f('NVRM: Xid (0000:9b:00): 31, Ch 00000010, intr 10000000', BUS, 31)
  f('NVRM: Xid (PCI:0000:9b:00 GPU-I:05): 94, pid=7, name=train, Contained', BUS, 94, 7, 'train', 5)
  f('NVRM: Xid (PCI:0000:9b:00): 45, pid=7, name=a, name=b, pid=8', BUS, 45, 7, 'a')
  f('NVRM: Xid (PCI:0000:9b:00): 1234567, pid=7')
  f('NVRM: Xid of a kind to come')
  const none = (message: string): void => strictEqual(readXid(message), null, message)
  none('NVRM: GPU at PCI:0000:9b:00: GPU-aaaa')
  none('foo NVRM: Xid (PCI:0000:9b:00): 79, GPU has fallen off the bus.')
  none('nvidia-nvswitch0: SXid (PCI:0000:c5:00.0): 12028, Non-fatal')
  none('')
})

test('a bus id has one spelling', () => {
  const f = (id: string, expected: string): void => strictEqual(plainBusId(id), expected)
  f('00000000:9B:00.0', '0000:9b:00.0')
  f('0000:9b:00', '0000:9b:00.0')
  f('00010000:0A:00.0', '00010000:0a:00.0')
  f('00000018:01:00.0', '0018:01:00.0')
})

test('what a code means is short, and said in words', () => {
  for (const [code, { meaning }] of XID_CODES) ok(code > 0 && meaning.length > 10 && meaning.length < 90, `${code}: ${meaning}`)
  strictEqual(XID_CODES.get(79)?.class, 'lost')
  strictEqual(XID_CODES.get(13)?.class, 'program')
})

test('no line is too odd', () => {
  const pieces = fc.constantFrom(
    'NVRM: Xid (PCI:0000:9b:00',
    '): ',
    '79',
    ', pid=',
    "'<unknown>'",
    ', name=',
    '4,1,2,-;',
    'kern  :warn  : ',
    ' ',
    '[',
    '\n'
  )
  const line = fc.array(fc.oneof(pieces, fc.string({ unit: 'binary' })), { maxLength: 20 }).map((parts) => parts.join(''))
  fc.assert(fc.property(line, (text) => void readXid(readLine(text).message)))
  for (const part of [' ', '[ ', 'a', 'a:', ', pid=', ", name='", '0', ';,']) {
    const tookMs = cpuMs(() => {
      readXid(`NVRM: Xid (PCI:0000:9b:00): 1${part.repeat(8192)}`)
      readXid(readLine(part.repeat(8192)).message)
    })
    ok(tookMs < 200, `slow on ${part}`)
  }
})

test('a recorded kernel log is read', (t) => {
  const file = join(import.meta.dirname, '../../../../shared/fixtures/nvidia-smi/gpud--dmesg.decode.iso.log')
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    t.skip(`NOT CHECKED: ${file} is not there`)
    return
  }
  const lines = text.split('\n').map(readLine)
  const codes = new Map<string, number>()
  for (const { message, atMs } of lines) {
    const xid = readXid(message)
    if (xid === null) continue
    ok(atMs !== undefined && new Date(atMs).toISOString().startsWith('2025-01-21T04:41:44.28'), message)
    const key = `${xid.busId} ${xid.code} ${xid.pid} ${xid.processName}`
    codes.set(key, (codes.get(key) ?? 0) + 1)
  }
  deepStrictEqual(
    [...codes],
    [
      ['0000:38:00.0 13 undefined undefined', 16],
      ['0000:38:00.0 43 2924364 pt_main_thread', text.split('Xid (PCI').length - 1 - 16]
    ]
  )
})
