import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parseGpuCsv, parseProcessCsv } from '../../../src/facts/gpu/csv.ts'
import { History } from '../../../src/facts/gpu/history.ts'
import { DEVICES_MAX, type GpuReading } from '../../../src/facts/gpu/reading.ts'

const OPTIONS = { intervalMs: 15_000, migIntervalMs: 60_000, historyMs: 3_600_000 }

function reading(uuid: string, atMs: number, mig?: GpuReading['device']['mig']): GpuReading {
  const device = { uuid, index: 0, model: 'H100', driverVersion: '580', memoryTotalBytes: 1, pciBusId: undefined, serial: undefined }
  return { device: mig === undefined ? device : { ...device, mig }, sample: { atMs, more: {}, processes: [] }, absent: {} }
}

const mig = (uuid: string, atMs: number): GpuReading =>
  reading(uuid, atMs, { parent: 'GPU-1', gpuInstanceId: 1, computeInstanceId: 0, profile: '1g.10gb' })

test('a device is the same object for as long as nothing of it changes', () => {
  const history = new History(OPTIONS)
  const nowMs = Date.now()
  history.record([reading('GPU-1', nowMs)])
  const [before] = history.devices()
  history.record([reading('GPU-1', nowMs + 1)])
  strictEqual(history.devices()[0], before)
  const changed = reading('GPU-1', nowMs + 2)
  history.record([{ ...changed, device: { ...changed.device, driverVersion: '595' } }])
  strictEqual(history.devices()[0].driverVersion, '595')
})

test('instances stay until a close look does not see them', () => {
  const history = new History(OPTIONS)
  const nowMs = Date.now()
  const names = (): string[] => history.devices().map(({ uuid }) => uuid)
  history.record([reading('GPU-1', nowMs)])
  history.recordClosely([reading('GPU-1', nowMs), mig('MIG-1', nowMs)], true)
  deepStrictEqual(names(), ['GPU-1', 'MIG-1'])
  history.record([reading('GPU-1', nowMs + 1)])
  deepStrictEqual(names(), ['GPU-1', 'MIG-1'])
  strictEqual(history.hasMig(), true)
  history.recordClosely([reading('GPU-1', nowMs + 2), mig('MIG-2', nowMs + 2)], true)
  deepStrictEqual(names(), ['GPU-1', 'MIG-2'])
  strictEqual(history.at('MIG-1', nowMs + 9)?.atMs, nowMs, 'its past is remembered')
})

test('what has not been seen for the length of the history is forgotten', () => {
  const history = new History(OPTIONS)
  const nowMs = Date.now()
  history.record([reading('GPU-old', nowMs - 3_600_001), reading('GPU-1', nowMs)])
  strictEqual(history.latest('GPU-old'), undefined)
  strictEqual(history.newestMs(), nowMs)
})

test('there is room for so many devices, and those above are told', () => {
  const history = new History(OPTIONS)
  const many = Array.from({ length: DEVICES_MAX + 5 }, (_, i) => reading(`GPU-${i}`, Date.now()))
  strictEqual(history.record(many), 5)
  strictEqual(history.devices().length, DEVICES_MAX)
})

test('memory does not grow with the number of looks', () => {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const uuids = Array.from({ length: 8 }, (_, i) => `GPU-00000000-0000-0000-0000-00000000000${i}`)
  const startMs = Date.now()
  const heapAfter = (history: History, looks: number): number => {
    for (let look = 0; look < looks; look++) {
      // Each answer is a text of its own, with 40 kB that nobody wants to keep.
      const filler = `${'x'.repeat(40_000)}${look}\n`
      const text = `${filler}memory.used [MiB], uuid\n${uuids.map((uuid) => `${look} MiB, ${uuid}\n`).join('')}`
      const rows = uuids.map((uuid, gpu) => `${uuid}, ${look * 8 + gpu + 1}, 5 MiB, /opt/conda/bin/python-of-look-${look}-${gpu}\n`)
      const { byGpu } = parseProcessCsv(`${filler}gpu_uuid, pid, used_gpu_memory [MiB], process_name\n${rows.join('')}`)
      const { readings } = parseGpuCsv(text, startMs + look)
      strictEqual(readings.length, 8)
      history.record(readings.map((each) => ({ ...each, sample: { ...each.sample, processes: byGpu.get(each.device.uuid)! } })))
    }
    collect()
    return process.memoryUsage().heapUsed
  }
  const historyOf60 = (): History => new History({ ...OPTIONS, historyMs: 60 * 15_000 })
  heapAfter(historyOf60(), 100)
  const before = heapAfter(historyOf60(), 1)
  const history = historyOf60()
  const after = heapAfter(history, 1_500)
  ok(after - before < 1_000_000, `${after - before} bytes more after 1500 looks`)
  strictEqual(history.devices().length, 8)
})
