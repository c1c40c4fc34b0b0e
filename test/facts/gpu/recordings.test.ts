import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { RefusedError } from '../../../src/errors.ts'
import { parseGpuCsv, parseProcessCsv } from '../../../src/facts/gpu/csv.ts'
import { joinList, parseList } from '../../../src/facts/gpu/list.ts'
import { chooseQuery } from '../../../src/facts/gpu/query.ts'
import type { GpuReading } from '../../../src/facts/gpu/reading.ts'
import { parseGpuXml } from '../../../src/facts/gpu/xml.ts'
import { captureSection, RECORDINGS, skipWithoutRecordings } from '../../support/nvidia-smi-recordings.ts'

// What real GPUs of drivers 375 to 610 answered. The expectations were read off the recordings with another parser, in the units that stand there.

const MIB = 1024 * 1024
const _ = undefined
const read = (name: string): string => readFileSync(`${RECORDINGS}${name}`, 'utf8')

/**
 * Busy %, encoder %, memory total, used and reserved MiB, temperature and memory temperature °C, power and its limit W, SM and memory clock MHz,
 * fan %, P-state, PCIe transmit KB/s.
 */
type Row = readonly (number | undefined)[]

const scaled = (value: number | undefined, times: number, by = 1): number | undefined =>
  value === undefined ? undefined : (value * times) / by

function inOurUnits([
  busy,
  encoder,
  total,
  used,
  reserved,
  celsius,
  memoryCelsius,
  power,
  limit,
  sm,
  memory,
  fan,
  state,
  transmit
]: Row): Row {
  const share = [busy, encoder].map((value) => scaled(value, 1, 100))
  const sizes = [total, used, reserved].map((value) => scaled(value, MIB))
  const clocks = [sm, memory].map((value) => scaled(value, 1e6))
  return [...share, ...sizes, celsius, memoryCelsius, power, limit, ...clocks, scaled(fan, 1, 100), state, scaled(transmit, 1000)]
}

function rowOf({ device, sample }: GpuReading): Row {
  return [
    sample.utilization,
    sample.encoderUtilization,
    device.memoryTotalBytes,
    sample.memoryUsedBytes,
    sample.memoryReservedBytes,
    sample.temperature,
    sample.memoryTemperature,
    sample.powerWatts,
    sample.powerLimitWatts,
    sample.smClockHz,
    sample.memoryClockHz,
    sample.fanSpeed,
    sample.performanceState,
    sample.more.pcieTransmitBytesPerSecond
  ]
}

test('documents of all generations give the values in them', { skip: skipWithoutRecordings }, () => {
  type Gpu = readonly [string, string, Row, readonly string[], readonly (readonly number[])[]]
  const f = (name: string, driver: string, expected: readonly Gpu[]): void => {
    const { readings, refusedRows } = parseGpuXml(read(name), 5)
    strictEqual(refusedRows, 0, name)
    const gpus = readings.filter(({ device }) => device.mig === undefined)
    deepStrictEqual(
      gpus.map(({ device }) => [device.index, device.model, device.uuid, device.driverVersion]),
      expected.map(([model, uuid], index) => [index, model, uuid, driver]),
      name
    )
    for (const [i, [, uuid, row, reasons, processes]] of expected.entries()) {
      deepStrictEqual(rowOf(gpus[i]), inOurUnits(row), `${name} ${uuid}`)
      deepStrictEqual(gpus[i].sample.throttleReasons ?? [], reasons, `${name} ${uuid}`)
      deepStrictEqual(
        gpus[i].sample.processes.map(({ pid, memoryUsedBytes }) => [pid, memoryUsedBytes! / MIB]),
        processes,
        `${name} ${uuid}`
      )
      ok(!Object.values(gpus[i].absent).includes('unreadable'), `${name}: ${JSON.stringify(gpus[i].absent)}`)
    }
  }
  f('tony--nvidia-smi-sample-xml-output.xml', '375.66', [
    [
      'Tesla P100-PCIE-12GB',
      'GPU-28604e81-21ec-cc48-6759-bf2648b22e16',
      [0, 0, 12193, 0, _, 31, _, 24.84, 250, 405, 715, _, 0, 0],
      ['gpu_idle'],
      []
    ],
    [
      'Tesla P100-PCIE-12GB',
      'GPU-46915a82-3fd2-8e11-ae26-a80b607c04f3',
      [10.3, 0, 12193, 0, _, 34, _, 25.54, 250, 405, 715, _, 0, 0],
      ['gpu_idle'],
      []
    ]
  ])
  f('pai--nvidia_smi_outdated_gpu.xml', '384.111', [
    ['GeForce GT 730', 'GPU-09cb2925-9d01-5ca4-810b-6cdebe86b71a', [_, _, _, _, _, _, _, _, _, _, _, _, _, _], [], []]
  ])
  f('pai--nvidia_smi_sample_ecc_unsupported.xml', '410.73', [
    [
      'GeForce RTX 2080 Ti',
      'GPU-57567e11-0be2-381b-5132-2ad95c262e58',
      [0, 0, 10989, 0, _, 24, _, 2.12, 250, 300, 405, 22, 8, 0],
      ['gpu_idle'],
      []
    ],
    [
      'GeForce RTX 2080 Ti',
      'GPU-ef1d0068-5bfd-f1e4-7e79-ff35d71d44b8',
      [0, 0, 10989, 0, _, 24, _, 19.11, 250, 300, 405, 22, 8, 0],
      ['sw_power_cap'],
      []
    ]
  ])
  f('telegraf--gtx-1660-ti.xml', '418.43', [
    [
      'Graphics Device',
      'GPU-304a277d-3545-63b8-3a36-dfde3c992989',
      [0, 0, 5912, 0, _, 40, _, 8.93, 130, 300, 405, 0, 8, 0],
      ['gpu_idle'],
      []
    ]
  ])
  f('gpustat-unraid--nvidia-smi-stdout.xml', '440.44', [
    ['Quadro P4000', 'GPU-aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee', [0, 0, 8119, 10, _, 61, _, 30.86, 105, 1202, 3802, 55, 0, 0], [], []]
  ])
  f('telegraf--tesla-t4.xml', '515.105.01', [
    [
      'Tesla T4',
      'GPU-d37e67a5-91dd-3774-a5cb-99096249601a',
      [0, 0, 15360, 1032, 388, 40, _, 26.78, 70, 585, 5000, _, 0, 0],
      [],
      [
        [675, 22],
        [5762, 1005]
      ]
    ]
  ])
  f('telegraf--quadro-p2000-v12.xml', '525.125.06', [
    ['Quadro P2000', 'GPU-396caaed-39ca-3199-2e68-717cdb786ec6', [0, 0, 5120, 1, 66, 34, _, 4.61, 75, 139, 405, 46, 8, 0], ['gpu_idle'], []]
  ])
  f('telegraf--a100-sxm4-v12.xml', '535.54.03', [
    [
      'NVIDIA A100-SXM4-80GB',
      'GPU-513536b6-7d19-9063-b049-1e69664bb298',
      [_, _, 81920, 50, 869, 27, 44, 67.03, 500, 1275, 1593, _, 0, 4000],
      [],
      []
    ]
  ])
  f('telegraf--rtx-3080-v12.xml', '536.40', [
    [
      'NVIDIA GeForce RTX 3080',
      'GPU-19d6d965-2acc-f646-00f8-4c76979aabb4',
      [0, 0, 10240, 1128, 173, 31, _, 22.78, 336, 210, 405, 0, 8, 1000],
      ['gpu_idle'],
      [
        [835, 550],
        [1481, 18],
        [2214, 79],
        [4044, 541],
        [42416, 159]
      ]
    ]
  ])
  f('telegraf--rtx-3060-v12.xml', '570.124.04', [
    [
      'NVIDIA GeForce RTX 3060',
      'GPU-d6889ff6-2523-9142-ca3c-1ca3f396a625',
      [0, 0, 12288, 116, 368, 42, _, 11.63, 170, 210, 405, 0, 8, 550],
      ['gpu_idle'],
      []
    ]
  ])
  f('k8stestinfra--qx-a100.xml', '570.148.08', [
    [
      'NVIDIA A100-SXM4-40GB',
      'GPU-00000000-0000-0000-0000-000000000000',
      [0, 0, 40960, 0, 518, 33, 34, 49.68, 400, 210, 1215, _, 0, 350],
      ['gpu_idle'],
      []
    ]
  ])
  f('k8stestinfra-mock--qx-gb200-ecc-injected.xml', '580.65.06', [
    [
      'NVIDIA GB200',
      'GPU-b200b200-0000-0000-0000-000000000000',
      [50, 0, 196608, 0, 1024, 63, 34, 565.11, 1000, 345, 2500, _, 0, 0],
      ['gpu_idle'],
      []
    ],
    [
      'NVIDIA GB200',
      'GPU-b200b200-0000-0000-0000-000000000001',
      [50, 0, 196608, 0, 1024, 63, 34, 565.11, 1000, 345, 2500, _, 0, 0],
      ['gpu_idle'],
      []
    ]
  ])
  f('k8stestinfra-mock--qx-gb200-lost.xml', '580.65.06', [
    [
      'NVIDIA GB200',
      'GPU-b200b200-0000-0000-0000-000000000000',
      [50, 0, 196608, 0, 1024, 63, 34, 565.11, 1000, 345, 2500, _, 0, 0],
      ['gpu_idle'],
      []
    ],
    ['NVIDIA GB200', 'GPU-b200b200-0000-0000-0000-000000000001', [_, 0, _, _, _, _, 34, _, 1000, _, _, _, 0, 0], ['gpu_idle'], []]
  ])
  f('k8stestinfra-mock--qx-gb200-healthy.xml', '580.65.06', [
    [
      'NVIDIA GB200',
      'GPU-b200b200-0000-0000-0000-000000000000',
      [50, 0, 196608, 0, 1024, 63, 34, 565.11, 1000, 345, 2500, _, 0, 0],
      ['gpu_idle'],
      []
    ],
    [
      'NVIDIA GB200',
      'GPU-b200b200-0000-0000-0000-000000000001',
      [50, 0, 196608, 0, 1024, 63, 34, 565.11, 1000, 345, 2500, _, 0, 0],
      ['gpu_idle'],
      []
    ]
  ])
  f('k8stestinfra--qx-h100.xml', '580.105.08', [
    [
      'NVIDIA H100 80GB HBM3',
      'GPU-00000000-0000-0000-0000-000000000000',
      [0, 0, 81559, 0, 480, 29, 37, 68.92, 700, 345, 2619, _, 0, 502],
      ['gpu_idle'],
      []
    ],
    [
      'NVIDIA H100 80GB HBM3',
      'GPU-00000001-0000-0000-0000-000000000001',
      [0, 0, 81559, 0, 480, 30, 39, 67.16, 700, 345, 2619, _, 0, 506],
      ['gpu_idle'],
      []
    ],
    [
      'NVIDIA H100 80GB HBM3',
      'GPU-00000002-0000-0000-0000-000000000002',
      [0, 0, 81559, 0, 480, 29, 38, 67.74, 700, 345, 2619, _, 0, 508],
      ['gpu_idle'],
      []
    ],
    [
      'NVIDIA H100 80GB HBM3',
      'GPU-00000003-0000-0000-0000-000000000003',
      [0, 0, 81559, 0, 480, 32, 39, 71.77, 700, 345, 2619, _, 0, 512],
      ['gpu_idle'],
      []
    ],
    [
      'NVIDIA H100 80GB HBM3',
      'GPU-00000004-0000-0000-0000-000000000004',
      [0, 0, 81559, 0, 480, 32, 37, 66.34, 700, 345, 2619, _, 0, 514],
      ['gpu_idle'],
      []
    ],
    [
      'NVIDIA H100 80GB HBM3',
      'GPU-00000005-0000-0000-0000-000000000005',
      [0, 0, 81559, 0, 480, 29, 37, 68.25, 700, 345, 2619, _, 0, 1572],
      ['gpu_idle'],
      []
    ],
    [
      'NVIDIA H100 80GB HBM3',
      'GPU-00000006-0000-0000-0000-000000000006',
      [0, 0, 81559, 0, 480, 31, 37, 70.01, 700, 345, 2619, _, 0, 510],
      ['gpu_idle'],
      []
    ],
    [
      'NVIDIA H100 80GB HBM3',
      'GPU-00000007-0000-0000-0000-000000000007',
      [0, 0, 81559, 0, 480, 29, 38, 68.18, 700, 345, 2619, _, 0, 512],
      ['gpu_idle'],
      []
    ]
  ])
  f('k8stestinfra--qx-gb200.xml', '580.173.02', [
    [
      'NVIDIA GB200',
      'GPU-00000000-0000-0000-0000-000000000000',
      [0, 0, 189471, 0, 742, 27, 27, 165.93, 1200, 120, 3996, _, 0, 0],
      ['gpu_idle'],
      []
    ],
    [
      'NVIDIA GB200',
      'GPU-00000001-0000-0000-0000-000000000001',
      [0, 0, 189471, 0, 742, 28, 27, 168.57, 1200, 120, 3996, _, 0, 0],
      ['gpu_idle'],
      []
    ],
    [
      'NVIDIA GB200',
      'GPU-00000002-0000-0000-0000-000000000002',
      [0, 0, 189471, 0, 742, 27, 28, 156.48, 1200, 120, 3996, _, 0, 0],
      ['gpu_idle'],
      []
    ],
    [
      'NVIDIA GB200',
      'GPU-00000003-0000-0000-0000-000000000003',
      [0, 0, 189471, 0, 742, 26, 27, 171.61, 1200, 120, 3996, _, 0, 0],
      ['gpu_idle'],
      []
    ]
  ])
  f('telegraf--3090-v13.xml', '590.44.01', [
    [
      'NVIDIA GeForce RTX 3090',
      'GPU-12345678-aaaa-bbbb-cccc-0123456789ab',
      [0, 0, 24576, 7, 450, 32, _, 35.15, 350, 210, 405, 0, 8, 488],
      ['sw_power_cap'],
      []
    ]
  ])
  f('telegraf--dual_a5000-v13.xml', '590.44.01', [
    [
      'NVIDIA RTX A5000',
      'GPU-12345678-aaaa-bbbb-cccc-0123456789ab',
      [0, 0, 24564, 22437, 450, 13, _, 6.52, 230, 210, 405, 30, 8, 488],
      ['gpu_idle'],
      [[100477, 22430]]
    ],
    [
      'NVIDIA RTX A5000',
      'GPU-12345678-aaaa-bbbb-cccc-0123456789cd',
      [0, 0, 24564, 17253, 450, 15, _, 13.59, 230, 210, 405, 30, 8, 439],
      ['gpu_idle'],
      [[100477, 17246]]
    ]
  ])
  f('telegraf--rtx-3080-v13.xml', '595.58.03', [
    [
      'NVIDIA GeForce RTX 3080',
      'GPU-19d6d965-2acc-f646-00f8-4c76979aabb4',
      [65, 0, 10240, 9184, 397, 27, _, 142.33, 320, 1950, 9251, 0, 2, 1066699],
      [],
      []
    ]
  ])
  f('k8stestinfra--qx-l40s.xml', '595.91.07', [
    [
      'NVIDIA L40S',
      'GPU-00000000-0000-0000-0000-000000000000',
      [0, 0, 46068, 0, 609, 29, _, 66.16, 350, 2040, 9001, _, 0, 585],
      ['gpu_idle'],
      []
    ]
  ])
})

test('what chips count of errors is read in the form of their time', { skip: skipWithoutRecordings }, () => {
  const f = (name: string, gpu: number, expected: Record<string, number | undefined>): void => {
    const { more } = parseGpuXml(read(name), 5).readings[gpu].sample
    deepStrictEqual(Object.fromEntries(Object.keys(expected).map((key) => [key, more[key]])), expected, name)
  }
  f('tony--nvidia-smi-sample-xml-output.xml', 0, {
    eccCorrectedVolatile: 0,
    eccUncorrectedAggregate: 0,
    retiredPagesDoubleBit: 0,
    remappedRowsPending: _
  })
  f('gpustat-unraid--nvidia-smi-stdout.xml', 0, { eccCorrectedVolatile: _, eccUncorrectedAggregate: _, retiredPagesDoubleBit: _ })
  f('telegraf--tesla-t4.xml', 0, {
    eccCorrectedVolatile: 0,
    eccUncorrectedVolatile: 0,
    retiredPagesSingleBit: 0,
    pcieWidth: 8,
    pcieWidthMax: 16
  })
  f('k8stestinfra--qx-l40s.xml', 0, {
    eccUncorrectedSramAggregate: 0,
    eccSramThresholdExceeded: 0,
    remappedRowsUncorrectable: 0,
    remapBanksMax: 192,
    recoveryAction: 0,
    temperatureMargin: 59,
    temperatureShutdownLimit: _,
    powerAverageWatts: 65.64,
    pcieWidth: 8,
    throttledPowerCapSeconds: 0
  })
  f('k8stestinfra-mock--qx-gb200-healthy.xml', 0, { eccUncorrectedDramAggregate: 0, eccUncorrectedAggregate: 0, recoveryAction: _ })
  f('k8stestinfra-mock--qx-gb200-ecc-injected.xml', 0, {
    eccUncorrectedVolatile: 5,
    eccUncorrectedDramVolatile: 5,
    eccUncorrectedAggregate: 8,
    eccUncorrectedSramAggregate: _,
    eccCorrectedAggregate: 0
  })
  f('k8stestinfra--qx-a100.xml', 0, { powerAverageWatts: _, resetRequired: _, recoveryAction: 0 })
})

test('of eight GPUs one may be lost', { skip: skipWithoutRecordings }, () => {
  const [well, lost] = parseGpuXml(read('k8stestinfra-mock--qx-gb200-lost.xml'), 5).readings
  ok(!Object.values(well.absent).includes('lost'))
  deepStrictEqual([lost.absent.memoryUsedBytes, lost.absent.utilization, lost.absent.memoryTotalBytes], ['lost', 'lost', 'lost'])
})

test('MIG instances have memory of their own, and no load', { skip: skipWithoutRecordings }, () => {
  const { readings } = parseGpuXml(read('telegraf--a100-sxm4-v12.xml'), 5)
  deepStrictEqual(
    readings
      .slice(1)
      .map(({ device, sample }) => [
        device.uuid,
        device.mig?.gpuInstanceId,
        device.memoryTotalBytes! / MIB,
        sample.memoryUsedBytes! / MIB,
        sample.utilization,
        sample.more.multiprocessors
      ]),
    [3, 4, 5, 6].map((instance) => [`MIG-GPU-513536b6-7d19-9063-b049-1e69664bb298/${instance}/0`, instance, 19968, 12, _, 14])
  )
})

test('MIG instances get the names of a real list', { skip: skipWithoutRecordings }, () => {
  const list = parseList(read('cnd--mig-mixed-nvidia-smi.txt'))
  deepStrictEqual(
    list[0].migs.map(({ index, profile, uuid }) => [index, profile, uuid.slice(0, 12)]),
    [
      [0, '3g.40gb', 'MIG-7089d0f3'],
      [1, '2g.20gb', 'MIG-56c30729'],
      [2, '1g.10gb', 'MIG-9d14fb21'],
      [3, '1g.10gb', 'MIG-0f709664']
    ]
  )
  const document = read('telegraf--a100-sxm4-v12.xml').replaceAll('GPU-513536b6-7d19-9063-b049-1e69664bb298', list[0].uuid)
  const joined = joinList(parseGpuXml(document, 5).readings, list)
  deepStrictEqual(
    joined.slice(1).map(({ device }) => device.uuid),
    list[0].migs.map(({ uuid }) => uuid)
  )
})

test('command lines with commas lose their options, and nothing else', { skip: skipWithoutRecordings }, () => {
  deepStrictEqual(
    parseGpuXml(read('telegraf--rtx-3080-v12.xml'), 5).readings[0].sample.processes.map(({ name }) => name),
    ['/usr/lib/Xorg', '/usr/bin/gnome-shell', '/opt/microsoft/msedge/msedge', '/usr/lib/firefox/firefox', '/opt/visual-studio-code/code']
  )
})

test('tables of old and new drivers give the values in them', { skip: skipWithoutRecordings }, () => {
  const f = (name: string, driver: string, expected: readonly Row[]): void => {
    const { readings, refusedRows } = parseGpuCsv(read(name), 5)
    deepStrictEqual([refusedRows, ...readings.map(({ device }) => device.driverVersion)], [0, ...expected.map(() => driver)], name)
    deepStrictEqual(readings.map(rowOf), expected.map(inOurUnits), name)
  }
  const h100 = (celsius: number, memoryCelsius: number, watts: number): Row => [
    0,
    _,
    81559,
    0,
    _,
    celsius,
    memoryCelsius,
    watts,
    _,
    345,
    2619,
    _,
    0,
    _
  ]
  const half = [h100(26, 35, 70.68), h100(26, 34, 72.05), h100(25, 33, 70.97), h100(25, 33, 71.44)]
  f('virtualclient--query-gpu-8xH100.csv', '535.161.07', [...half, ...half])
  f('virtualclient--query-gpu-1xT4-NA.csv', '550.54.15', [[2, _, 15360, 100, _, 26, _, 9.31, _, 300, 405, _, 8, _]])
  f('vertex--sample-output.csv', '471.11', [[2, _, 8192, 876, _, 36, _, 32.7, 250, 111, 267, 38, 8, _]])
  deepStrictEqual(
    parseGpuCsv(read('nge--query.txt'), 5).readings.map(({ device, sample }) => [
      device.model,
      device.driverVersion,
      sample.fanSpeed,
      sample.memoryUsedBytes
    ]),
    [
      ['NVIDIA GeForce RTX 2080 SUPER', '466.63', 0.38, 575 * MIB],
      ['Some Other GPU', '123.45', 0.5, 1234 * MIB]
    ]
  )
})

const CAPTURE = 'nge-capture--'
const SUPER = 'nvidia-geforce-rtx-2080-super'

test('captures of whole sessions: the table, the processes and the list agree with what stands there', {
  skip: skipWithoutRecordings
}, () => {
  const f = (name: string, phase: string, row: Row, reasons: readonly string[], processes: readonly (readonly unknown[])[]): void => {
    const capture = read(`${CAPTURE}${name}.txt`)
    const section = (title: string): string => captureSection(capture, title)
    const { readings, refusedRows } = parseGpuCsv(section(`${phase} :: query-gpu`), 5)
    deepStrictEqual([readings.length, refusedRows], [1, 0], name)
    deepStrictEqual(rowOf(readings[0]), inOurUnits(row), name)
    deepStrictEqual(readings[0].sample.throttleReasons, reasons, name)
    strictEqual(readings[0].device.driverVersion, name.slice(name.lastIndexOf('__') + 2))
    ok(!Object.values(readings[0].absent).includes('unreadable'), JSON.stringify(readings[0].absent))
    const { byGpu, refusedRows: refusedProcesses } = parseProcessCsv(section(`${phase} :: query-compute-apps`))
    strictEqual(refusedProcesses, 0)
    const found = byGpu.get(readings[0].device.uuid) ?? []
    deepStrictEqual(
      found.map(({ pid, name: program, memoryUsedBytes }) => [pid, program, scaled(memoryUsedBytes, 1, MIB)]).slice(0, processes.length),
      processes,
      name
    )
    const [listed] = parseList(section('capabilities :: list'))
    deepStrictEqual([listed.uuid, listed.model, listed.index], [readings[0].device.uuid, readings[0].device.model, 0])
    strictEqual(listed.migs.length, name.includes('mig') ? 4 : 0)
    // All that we ask of this driver was in the table that it gave, and gives the same.
    const query = chooseQuery(section('capabilities :: help-query-gpu'))
    const header = section(`${phase} :: query-gpu`)
      .split('\n')[0]
      .split(', ')
      .map((cell) => cell.replace(/ \[.*/, ''))
    deepStrictEqual(
      query.filter((field) => !header.includes(field)),
      [],
      name
    )
  }
  f(`linux-x86_64__${SUPER}__595.71.05`, 'idle', [0, 0, 8192, 214, 408, 40, _, 39.32, 250, 765, 810, 38, 8, _], ['sw_power_cap'], [])
  f(
    `linux-x86_64__${SUPER}__595.71.05`,
    'load',
    [8, 100, 8192, 819, 408, 45, _, 111.5, 250, 2055, 7500, 38, 2, _],
    [],
    [
      [5268, 'ffmpeg', 370],
      [5267, 'ffmpeg', 230]
    ]
  )
  f(`linux-x86_64__${SUPER}__610.57.04`, 'idle', [0, 0, 8192, 211, 400, 33, _, 39.17, 250, 765, 810, 38, 8, _], ['gpu_idle'], [])
  f(
    `linux-x86_64__${SUPER}__610.57.04`,
    'load',
    [8, 100, 8192, 815, 400, 38, _, 98.14, 250, 2070, 7500, 38, 2, _],
    [],
    [
      [28512, 'ffmpeg', 370],
      [28511, 'ffmpeg', 230]
    ]
  )
  f('linux-x86_64__nvidia-h100-mig__590.48.01', 'idle', [_, _, 81559, 59, 479, 42, 48, 70.72, 700, 345, 2619, _, 0, _], ['gpu_idle'], [])
  f(
    'linux-x86_64__nvidia-h100-mig__590.48.01',
    'load',
    [_, _, 81559, 11125, 479, 53, 59, 447.35, 700, 1980, 2619, _, 0, _],
    [],
    [
      [21180, '/root/tools/memhog', 2296],
      [21181, '/root/tools/memhog', 1272],
      [21198, './gpu_burn', 7484]
    ]
  )
  f('linux-x86_64__nvidia-h200__590.48.01', 'idle', [0, 0, 143771, 0, 614, 28, 32, 78.21, 700, 345, 3201, _, 0, _], ['gpu_idle'], [])
  f(
    'linux-x86_64__nvidia-h200__590.48.01',
    'load',
    [100, 0, 143771, 32362, 614, 52, 40, 626.26, 700, 1980, 3201, _, 0, _],
    [],
    [
      [10291, '/root/tools/memhog', 2566],
      [10293, '/root/tools/memhog', 1542],
      [10309, './gpu_burn', 28234]
    ]
  )
  f(
    `windows-x86_64__${SUPER}__591.86`,
    'idle',
    [0, 0, 8192, 702, 205, 40, _, 38.92, 250, 300, 405, 37, 8, _],
    ['gpu_idle'],
    [[12444, 'C:\\Windows\\SystemApps\\MicrosoftWindows.Client.CBS_cw5n1h2txyewy\\TextInputHost.exe', _]]
  )
  f(`windows-x86_64__${SUPER}__591.86`, 'load', [7, 100, 8192, 1296, 205, 45, _, 97.43, 250, 2055, 7500, 38, 2, _], ['gpu_idle'], [])
})

test('messages of errors are no answers', { skip: skipWithoutRecordings }, () => {
  for (const name of ['driver-not-loaded.exit9', 'nvml-lib-mismatch-535.exit18', 'nvml-lib-mismatch-old', 'device-handle-unknown-nospace'])
    for (const parse of [parseGpuCsv, parseGpuXml, parseProcessCsv]) throws(() => parse(read(`errors/${name}.txt`), 1), RefusedError)
})
