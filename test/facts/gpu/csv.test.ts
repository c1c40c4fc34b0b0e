import { deepStrictEqual, strictEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { RefusedError } from '../../../src/errors.ts'
import { parseGpuCsv, parseProcessCsv } from '../../../src/facts/gpu/csv.ts'
import { DEVICES_MAX, PROCESSES_MAX } from '../../../src/facts/gpu/reading.ts'
import type { Absence } from '../../../src/facts/gpu/values.ts'
import { GPU_A, GPU_B, TABLE } from '../../support/nvidia-smi-texts.ts'

const MIB = 1024 * 1024

test('a table gives each GPU with its values in our units', () => {
  const { readings, refusedRows } = parseGpuCsv(TABLE, 77)
  deepStrictEqual([readings.length, refusedRows], [2, 0])
  deepStrictEqual(readings[0], {
    device: {
      uuid: GPU_A,
      index: 0,
      model: 'Model One',
      driverVersion: '599.1',
      memoryTotalBytes: 1000 * MIB,
      pciBusId: '00000000:0A:00.0',
      serial: '123'
    },
    sample: {
      atMs: 77,
      utilization: 0.57,
      memoryUsedBytes: 250 * MIB,
      temperature: -3,
      powerWatts: 71.5,
      smClockHz: 1_980_000_000,
      fanSpeed: 1.05,
      performanceState: 2,
      throttleReasons: ['sw_power_cap', 'hw_thermal_slowdown'],
      more: { throttledPowerCapSeconds: 1.5, recoveryAction: 2, persistenceMode: 1, throttleMask: 0x44 },
      processes: []
    },
    absent: {}
  })
})

test('what a GPU does not give is absent, with the reason', () => {
  const { device, sample, absent } = parseGpuCsv(TABLE, 77).readings[1]
  strictEqual(device.serial, undefined)
  // The mean stands in for the instant, which could not be read.
  deepStrictEqual(sample, {
    atMs: 77,
    memoryUsedBytes: 0,
    powerWatts: 12.25,
    performanceState: 0,
    more: { persistenceMode: 0 },
    processes: []
  })
  deepStrictEqual(absent, {
    utilization: 'not supported',
    temperature: 'not available',
    smClockHz: 'not available',
    fanSpeed: 'not available',
    throttledPowerCapSeconds: 'deprecated',
    recoveryAction: 'unreadable'
  })
})

test('a table reads the same without units, with other line ends and with other lines in it', () => {
  const expected = parseGpuCsv(TABLE, 77).readings
  const f = (text: string): void => deepStrictEqual(parseGpuCsv(text, 77).readings, expected)
  f(TABLE.replace(/ (?:MiB|W|MHz|us|%)(?=,)/g, ''))
  f(TABLE.replaceAll('\n', '\r\n'))
  f(`WARNING: infoROM is corrupted at gpu 0000:B3:00.0\n\n${TABLE}`)
  f(`${TABLE}NVRM: Xid (PCI:0000:9b:00): 119, pid=20, name=x\n`)
  f(TABLE.trimEnd())
})

test('the names that were asked for count, whatever the header calls them', () => {
  const [header, ...rows] = TABLE.split('\n')
  const asked = header.split(', ').map((cell) => cell.replace(/ \[.*/, ''))
  const renamed = [header.replace('utilization.gpu', 'gpu_busy').replace('index', 'ordinal'), ...rows].join('\n')
  deepStrictEqual(parseGpuCsv(renamed, 77, asked), parseGpuCsv(TABLE, 77))
  throws(() => parseGpuCsv(TABLE, 77, asked.slice(1)), /19 columns, expected 18/)
})

test('throttle reasons come one by one where there is no mask', () => {
  const f = (cells: string, expected: readonly string[] | undefined, mask: number | undefined): void => {
    const names = 'clocks_throttle_reasons.active, clocks_throttle_reasons.gpu_idle, clocks_throttle_reasons.hw_slowdown'
    const { sample } = parseGpuCsv(`uuid, ${names}\n${GPU_A}, ${cells}\n`, 1).readings[0]
    deepStrictEqual([sample.throttleReasons, sample.more.throttleMask], [expected, mask])
  }
  f('[N/A], Active, Active', ['gpu_idle', 'hw_slowdown'], 9)
  f('[N/A], Not Active, [N/A]', [], 0)
  f('[N/A], [N/A], [N/A]', undefined, undefined)
  f('0x0000000000000000, Active, Active', [], 0)
  f('0x0000800000000008, Active, Active', ['hw_slowdown'], 0x800000000008)
})

test('a GPU in trouble says so, and its address names it when it has no name', () => {
  const header = 'pci.bus_id, utilization.gpu [%], memory.used [MiB], uuid'
  const f = (row: string, uuid: string, reason: Absence): void => {
    const { readings } = parseGpuCsv(`${header}\n${row}\n`, 1)
    deepStrictEqual([readings[0].device.uuid, readings[0].absent.memoryUsedBytes], [uuid, reason])
  }
  f(`00000000:0A:00.0, 5 %, [GPU is lost], ${GPU_A}`, GPU_A, 'lost')
  f(`00000000:0A:00.0, 5 %, [GPU requires reset], ${GPU_A}`, GPU_A, 'reset required')
  f(`00000000:0A:00.0, 5 %, [Unknown Error], ${GPU_A}`, GPU_A, 'unknown error')
  f('00000000:0A:00.0, 5 %, [GPU is lost], [GPU is lost]', '00000000:0A:00.0', 'lost')
})

test('a row that breaks off is refused, wherever it does', () => {
  const [header, row] = TABLE.split('\n')
  for (let end = 0; end < row.length; end++) strictEqual(parseGpuCsv(`${header}\n${row.slice(0, end)}`, 1).readings.length, 0)
})

test('an answer without a table is refused, and not quoted', () => {
  for (const text of ['', 'NVIDIA-SMI has failed', 'Field "secret" is not a valid field to query.', '\u0000', 'a, b, c\n1, 2, 3'])
    throws(
      () => parseGpuCsv(text, 1),
      (error: unknown) => error instanceof RefusedError && error.code === 'invalid' && !error.message.includes('secret')
    )
})

test('GPUs are kept up to a limit', () => {
  const many = parseGpuCsv(`index, uuid\n${`0, ${GPU_A}\n`.repeat(DEVICES_MAX + 5)}`, 1)
  deepStrictEqual([many.readings.length, many.refusedRows], [DEVICES_MAX, 5])
})

test('processes are listed by GPU, their names in any column and with any commas', () => {
  const expected = [
    { pid: 41, name: '/opt/a, b=c', memoryUsedBytes: 7 * MIB },
    { pid: 42, name: 'x', memoryUsedBytes: undefined }
  ]
  const f = (text: string): void => deepStrictEqual(parseProcessCsv(text), { byGpu: new Map([[GPU_A, expected]]), refusedRows: 0 })
  f(`gpu_uuid, pid, used_gpu_memory [MiB], process_name\n${GPU_A}, 41, 7 MiB, /opt/a, b=c --token=1, 2\n${GPU_A}, 42, [N/A], x\n`)
  f(`process_name, gpu_uuid, pid, used_gpu_memory [MiB]\n/opt/a, b=c, ${GPU_A}, 41, 7\nx, ${GPU_A}, 42, [N/A]\n`)
  f(`timestamp, gpu_uuid, pid, process_name, used_memory [MiB]\nt, ${GPU_A}, 41, /opt/a, b=c, 7 MiB\nt, ${GPU_A}, 42, x, N/A\n`)
})

test('a process with several contexts holds their sum, and a process list has an end', () => {
  const header = 'gpu_uuid, pid, used_gpu_memory [MiB], process_name\n'
  const sum = parseProcessCsv(
    `${header}${GPU_A}, 41, 7 MiB, a\n${GPU_A}, 41, [N/A], a\n${GPU_A}, 41, 2 MiB, a\n${GPU_B}, 41, 1 MiB, a\n`
  ).byGpu
  deepStrictEqual(
    [...sum].map(([, list]) => list.map(({ memoryUsedBytes }) => memoryUsedBytes)),
    [[9 * MIB], [MIB]]
  )
  const rows = Array.from({ length: PROCESSES_MAX + 3 }, (_, i) => `${GPU_A}, ${i + 1}, 1 MiB, a\n`)
  const { byGpu, refusedRows } = parseProcessCsv(header + rows.join(''))
  deepStrictEqual([byGpu.get(GPU_A)?.length, refusedRows], [PROCESSES_MAX, 3])
})

test('rows that are no process are refused, and no processes are no error', () => {
  const header = 'gpu_uuid, pid, used_gpu_memory [MiB], process_name\n'
  const f = (rows: string, refused: number): void =>
    deepStrictEqual(parseProcessCsv(header + rows), { byGpu: new Map(), refusedRows: refused })
  f('', 0)
  f('No running processes found\n', 0)
  f('nobody, 41, 7 MiB, a\n', 1)
  f(`${GPU_A}, 41\n`, 1)
  throws(() => parseProcessCsv('Failed to initialize NVML: Unknown Error'), /no header/)
  throws(() => parseProcessCsv('pid, process_name\n1, a\n'), /no column gpu_uuid/)
  strictEqual(parseProcessCsv(`${header}${GPU_A}, 0, 7 MiB, a\n${GPU_A}, x, 7 MiB, a\n${GPU_A}, 1.5, 7 MiB, a\n`).refusedRows, 3)
})
