import { deepStrictEqual, strictEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { RefusedError } from '../../../src/errors.ts'
import { joinList, parseList } from '../../../src/facts/gpu/list.ts'
import { PROCESSES_MAX } from '../../../src/facts/gpu/reading.ts'
import { parseGpuXml } from '../../../src/facts/gpu/xml.ts'
import { DOCUMENT, GPU_A, GPU_B, LIST, MIG_A0, MIG_A1 } from '../../support/nvidia-smi-texts.ts'

const MIB = 1024 * 1024

test('a document gives GPUs and MIG instances with their values in our units', () => {
  const { readings, refusedRows } = parseGpuXml(DOCUMENT, 77)
  deepStrictEqual([readings.map(({ device }) => device.uuid), refusedRows], [[GPU_A, `MIG-${GPU_A}/2/0`, `MIG-${GPU_A}/5/0`, GPU_B], 0])
  const [one, , second, two] = readings
  deepStrictEqual(one.device, {
    uuid: GPU_A,
    index: 0,
    model: 'Model One',
    driverVersion: '599.1',
    memoryTotalBytes: 1000 * MIB,
    pciBusId: '00000000:0A:00.0',
    serial: '123'
  })
  deepStrictEqual(one.sample, {
    atMs: 77,
    memoryUsedBytes: 250 * MIB,
    memoryReservedBytes: 50 * MIB,
    memoryFreeBytes: 700 * MIB,
    powerWatts: 66.16,
    powerLimitWatts: 350,
    smClockHz: 2_040_000_000,
    performanceState: 2,
    throttleReasons: ['hw_thermal_slowdown'],
    more: {
      powerAverageWatts: 65.64,
      smClockMaxHz: 2_520_000_000,
      throttledHardwareThermalSeconds: 0.00025,
      eccCorrectedVolatile: 1,
      eccUncorrectedVolatile: 9,
      eccCorrectedSramVolatile: 1,
      eccUncorrectedSramVolatile: 5,
      eccUncorrectedDramVolatile: 4,
      eccCorrectedSramAggregate: 1,
      pcieWidth: 8,
      pcieTransmitBytesPerSecond: 585_000,
      recoveryAction: 4,
      migEnabled: 1,
      throttleMask: 0x40
    },
    processes: [{ pid: 42, name: 'Xorg', memoryUsedBytes: undefined }]
  })
  // Of a sum, a part that the chip does not count is left out; a part that is lost leaves no sum.
  deepStrictEqual(one.absent, {
    utilization: 'not available',
    modulePowerWatts: 'not available',
    fanSpeed: 'not available',
    eccCorrectedDramVolatile: 'not available',
    eccCorrectedAggregate: 'lost',
    eccCorrectedDramAggregate: 'lost'
  })

  deepStrictEqual(second.device, {
    uuid: `MIG-${GPU_A}/5/0`,
    index: 1,
    model: 'Model One',
    driverVersion: '599.1',
    memoryTotalBytes: 400 * MIB,
    pciBusId: undefined,
    serial: undefined,
    mig: { parent: GPU_A, gpuInstanceId: 5, computeInstanceId: 0, profile: undefined }
  })
  deepStrictEqual(second.sample.processes, [{ pid: 41, name: '/opt/a & b', memoryUsedBytes: 7 * MIB }])
  deepStrictEqual([second.sample.memoryUsedBytes, second.absent.memoryUsedBytes], [undefined, 'permission'])
  strictEqual(second.sample.more.eccUncorrectedSramVolatile, 1)

  const { powerWatts, powerLimitWatts, throttleReasons, fanSpeed, more } = two.sample
  deepStrictEqual([powerWatts, powerLimitWatts, throttleReasons, fanSpeed], [24.84, 250, ['gpu_idle'], 0.38])
  deepStrictEqual(more, { powerRequestedLimitWatts: 240, eccCorrectedVolatile: 6, eccUncorrectedVolatile: 7, throttleMask: 1 })
})

test('the list of devices names MIG instances, and says which index a GPU has', () => {
  const list = parseList(LIST)
  deepStrictEqual(
    list.map(({ index, model, uuid, migs }) => [index, model, uuid, migs.length]),
    [
      [0, 'Model One', GPU_A, 2],
      [2, 'Model Two (second edition)', GPU_B, 0]
    ]
  )
  const joined = joinList(parseGpuXml(DOCUMENT, 77).readings, list)
  deepStrictEqual(
    joined.map(({ device }) => [device.uuid, device.index, device.mig?.profile, device.mig?.gpuInstanceId]),
    [
      [GPU_A, 0, undefined, undefined],
      [MIG_A0, 0, '3g.40gb', 2],
      [MIG_A1, 1, '1c.2g.20gb', 5],
      [GPU_B, 2, undefined, undefined]
    ]
  )
})

test('devices that the list does not name stay as they are', () => {
  const { readings } = parseGpuXml(DOCUMENT, 77)
  deepStrictEqual(joinList(readings, []), readings)
  deepStrictEqual(joinList(readings, parseList('No devices were found')), readings)
  const half = LIST.split('\n').slice(0, 2).join('\n')
  strictEqual(joinList(readings, parseList(half))[2].device.uuid, `MIG-${GPU_A}/5/0`)
  deepStrictEqual(parseList(LIST.replaceAll(')', '')), [])
})

test('driver 450 named instances by their place', () => {
  const old = `GPU 0: A (UUID: ${GPU_A})\n  MIG 1g.5gb Device 0: (UUID: MIG-${GPU_A}/7/0)\n`
  deepStrictEqual(parseList(old)[0].migs, [{ index: 0, profile: '1g.5gb', uuid: `MIG-${GPU_A}/7/0` }])
})

test('half a document is refused, wherever it breaks off', () => {
  const whole = DOCUMENT.indexOf('</nvidia_smi_log>') + '</nvidia_smi_log>'.length
  strictEqual(parseGpuXml(DOCUMENT.slice(0, whole), 1).readings.length, 4)
  for (let end = 0; end < whole; end++)
    throws(
      () => parseGpuXml(DOCUMENT.slice(0, end), 1),
      (error: unknown) => error instanceof RefusedError && error.code === 'invalid'
    )
})

test('a document that nests without end, or whose tags do not match, is refused', () => {
  const f = (inside: string): void =>
    throws(
      () => parseGpuXml(`<nvidia_smi_log>${inside}</nvidia_smi_log>`, 1),
      (error: unknown) => error instanceof RefusedError && error.code === 'invalid'
    )
  f('<a>'.repeat(100_000))
  f('<a></b>')
  f('</a>')
  f('<>')
  f('<a b')
  f('<supported_clocks>')
  f(`<${'a'.repeat(1000)}></${'a'.repeat(1000)}>`)
  f('<!-- <a>')
  f('<![CDATA[<a>]]>')
})

test('a process cannot speak for the GPU', () => {
  const name =
    '</process_name></process_info></processes><uuid>GPU-evil</uuid><utilization><gpu_util>100 %</gpu_util></utilization><processes>'
  const forged = DOCUMENT.replace('Xorg', `${name}<process_info><process_name>`)
  const { device, sample } = parseGpuXml(forged, 77).readings[0]
  deepStrictEqual([device.uuid, sample.utilization], [GPU_A, undefined])
})

test('processes of a GPU have an end', () => {
  const rows = Array.from({ length: PROCESSES_MAX + 5 }, (_, i) => `<process_info><pid>${i + 1}</pid></process_info>`).join('')
  const { readings, refusedRows } = parseGpuXml(
    `<nvidia_smi_log><gpu><uuid>${GPU_A}</uuid><processes>${rows}</processes></gpu></nvidia_smi_log>`,
    1
  )
  deepStrictEqual([readings[0].sample.processes.length, refusedRows], [PROCESSES_MAX, 5])
})

test('a GPU that nothing names is refused', () => {
  deepStrictEqual(parseGpuXml('<nvidia_smi_log><gpu id="1"><uuid>?</uuid></gpu></nvidia_smi_log>', 1), {
    readings: [],
    refusedRows: 1
  })
})
