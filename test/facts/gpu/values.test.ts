import { strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Absence,
  absenceOf,
  isBusId,
  isGpuUuid,
  isMigUuid,
  type Kind,
  readMask,
  readNumber,
  readText
} from '../../../src/facts/gpu/values.ts'

test('a cell with a number is that number in the unit of its kind', () => {
  const f = (cell: string, kind: Kind, expected: number, headerUnit?: string): void =>
    strictEqual(readNumber(cell, kind, headerUnit), expected)
  f('0 %', 'ratio', 0)
  f('57 %', 'ratio', 0.57)
  f('57', 'ratio', 0.57)
  f('105 %', 'ratio', 1.05)
  f('876 MiB', 'bytes', 876 * 1024 * 1024)
  f('876', 'bytes', 876 * 1024 * 1024)
  f('2', 'bytes', 2 * 1024 ** 3, 'GiB')
  f('2 MiB', 'bytes', 2 * 1024 ** 2, 'GiB')
  f('-5 C', 'celsius', -5)
  f('36', 'celsius', 36)
  f('32.70 W', 'watts', 32.7)
  f('111 MHz', 'hertz', 111_000_000)
  f('1500 us', 'seconds', 0.0015)
  f('912.500 mV', 'volts', 0.9125)
  f('585 KB/s', 'bytesPerSecond', 585_000)
  f('16x', 'count', 16)
  f('2560 bank(s)', 'count', 2560)
  f(' 9007199254740991 ', 'count', Number.MAX_SAFE_INTEGER)
  f('P12', 'performanceState', 12)
  f('Yes', 'flag', 1)
  f('Disabled', 'flag', 0)
  f('Not Active', 'flag', 0)
  f('None', 'recoveryAction', 0)
  f('Drain P2P', 'recoveryAction', 3)
})

test('a cell without a value says why', () => {
  const f = (cell: string, expected: Absence): void => {
    strictEqual(absenceOf(cell), expected)
    for (const kind of ['ratio', 'bytes', 'flag', 'performanceState', 'recoveryAction'] as const)
      strictEqual(readNumber(cell, kind), expected)
    strictEqual(readText(cell), undefined)
  }
  f('', 'not available')
  f(' ', 'not available')
  f('-', 'not available')
  f('N/A', 'not available')
  f('[N/A]', 'not available')
  f('Not Found', 'not available')
  f('[Not Supported]', 'not supported')
  f('[Function Not Found]', 'not supported')
  f('[Requested functionality has been deprecated]', 'deprecated')
  f('Requested functionality has been deprecated', 'deprecated')
  f('[Insufficient Permissions]', 'permission')
  f('Insufficient Permissions', 'permission')
  f('[Unknown Error]', 'unknown error')
  f('ERR!', 'unknown error')
  f('[GPU requires reset]', 'reset required')
  f('GPU is lost', 'lost')
  f('[GPU is lost]', 'lost')
})

test('a cell that means nothing to us is no value, and never zero', () => {
  const f = (cell: string, kind: Kind, headerUnit?: string): void => strictEqual(readNumber(cell, kind, headerUnit), 'unreadable')
  f('12 W', 'bytes')
  f('12 furlongs', 'bytes')
  f('12', 'bytes', 'furlongs')
  f('-1 MiB', 'bytes')
  f('18446744073709551615', 'count')
  f('18446744073709551615 MiB', 'bytes')
  f('4294967295 %', 'ratio')
  f('1e3', 'count')
  f('0x10', 'count')
  f('1,5 W', 'watts')
  f('NaN', 'watts')
  f('Infinity', 'watts')
  f('P16', 'performanceState')
  f('8', 'performanceState')
  f('maybe', 'flag')
  f('1', 'flag')
  f('Pray', 'recoveryAction')
  f('9'.repeat(100_000), 'count')
  f(' '.repeat(1000).concat('x'.repeat(1000)), 'ratio')
})

test('words come without control characters and not too long', () => {
  strictEqual(readText('  NVIDIA\u001b[4m A\n'), 'NVIDIA [4m A')
  strictEqual(readText(undefined), undefined)
  strictEqual(readText('x'.repeat(100_000)), undefined)
})

test('a mask is read up to 48 bits', () => {
  strictEqual(readMask('0x00000000000001FF'), 0x1ff)
  strictEqual(readMask('0x0000ffffffffffff'), 2 ** 48 - 1)
  strictEqual(readMask('0x0001000000000000'), undefined)
  strictEqual(readMask('[N/A]'), undefined)
  strictEqual(readMask('12'), undefined)
})

test('names of devices are whole or no names', () => {
  const whole = 'GPU-df6e7a7c-7314-46f8-abc4-b88b36dcf3aa'
  strictEqual(isGpuUuid(whole), true)
  for (let end = 0; end < whole.length; end++) strictEqual(isGpuUuid(whole.slice(0, end)), false)
  strictEqual(isMigUuid(whole.replace('GPU', 'MIG')), true)
  strictEqual(isMigUuid(`MIG-${whole}/7/0`), true)
  strictEqual(isMigUuid(`MIG-${whole}`), false)
  strictEqual(isBusId('00000000:0C:00.0'), true)
  strictEqual(isBusId('0000:04:00.0'), true)
  strictEqual(isBusId('0C:00.0'), false)
})
