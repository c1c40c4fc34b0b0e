import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { appendFile, open, rename, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Batch, parseBatch } from '../../../src/batch.ts'
import { RefusedError } from '../../../src/errors.ts'
import type { GpuDevice } from '../../../src/facts/facts.ts'
import { gpuFactsOff, podFactsOff } from '../../../src/facts/off.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { kernel } from '../../../src/receivers/kernel/kernel.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { host } from '../../support/host.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const dir = temporaryDirectory()
let files = 0

const GPU: GpuDevice = {
  uuid: 'GPU-aaaa',
  index: 0,
  model: 'NVIDIA H100 80GB HBM3',
  driverVersion: '580.105.08',
  memoryTotalBytes: undefined,
  pciBusId: '00000000:9B:00.0',
  serial: undefined
}

const XID_79 = 'NVRM: Xid (PCI:0000:9b:00): 79, GPU has fallen off the bus.'
const XID_43 = 'NVRM: Xid (PCI:0000:9b:00): 43, pid=12, name=train, Ch 00000008'

/** A receiver on a log of its own, and what comes of it. */
class World {
  readonly path: string
  readonly metrics = new Metrics()
  readonly warnings: string[] = []
  readonly batches: Batch[] = []
  devices: GpuDevice[] = [GPU]
  refuse: RefusedError | null = null
  private wake: () => void = () => undefined

  constructor(path = join(dir, `${files++}.log`)) {
    this.path = path
  }

  async run(body: () => Promise<void>, recordsMax = 100): Promise<void> {
    const silent = (): void => undefined
    const log = { debug: silent, info: silent, error: silent, warn: (_: object, message: string) => void this.warnings.push(message) }
    const facts = {
      gpu: { ...gpuFactsOff(), devices: () => this.devices },
      pod: { ...podFactsOff(), byPid: (pid: number) => (pid === 12 ? { 'k8s.pod.name': 'train-0' } : undefined) }
    }
    await kernel.prepare?.()
    const receiver = kernel.create({ path: this.path, interval: 10, recordsMax }, host({ log, facts, metrics: this.metrics }))
    await receiver.start(async (batch) => {
      if (this.refuse !== null) {
        this.wake()
        throw this.refuse
      }
      parseBatch('logs', batch.bytes)
      this.batches.push(batch)
      this.wake()
    })
    try {
      await body()
    } finally {
      await receiver.stop()
    }
  }

  pushed(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve
    })
  }

  /** Waits for so many records in all. */
  async records(count: number) {
    while (this.all().length < count) await this.pushed()
    return this.all()
  }

  all() {
    return this.batches.flatMap(({ bytes }) => decode('ExportLogsServiceRequest', bytes).resourceLogs![0].scopeLogs![0].logRecords!)
  }

  bodies() {
    return this.all().map(({ body }) => body!.stringValue)
  }

  counts(name: string): Record<string, number> {
    const family = this.metrics.families().find((one) => one.name === name)
    return Object.fromEntries(family?.samples.map(({ labels, value }) => [Object.values(labels).join(' '), value]) ?? [])
  }
}

test('kernel makes a log record of each new Xid', async () => {
  const world = new World()
  await writeFile(world.path, `${XID_79}\n`)
  await world.run(async () => {
    await appendFile(
      world.path,
      `kern  :warn  : 2025-01-21T04:41:44,283302+00:00 ${XID_43}\nusb 1-1: new device\nuser  :warn  : ${XID_79}\n`
    )
    const [record] = await world.records(1)
    const attributes = record.attributes!.map(({ key, value }) => [key, value!.stringValue ?? Number(value!.intValue)])
    deepStrictEqual(Object.fromEntries(attributes), {
      'hw.type': 'gpu',
      'hw.id': 'GPU-aaaa',
      'hw.model': 'NVIDIA H100 80GB HBM3',
      'gpu.pci.bus_id': '0000:9b:00.0',
      'gpu.xid.code': 43,
      'gpu.xid.meaning': 'a program’s channel was stopped after its error',
      'gpu.xid.class': 'program',
      'process.pid': 12,
      'process.executable.name': 'train',
      'k8s.pod.name': 'train-0'
    })
    strictEqual(record.eventName, 'gpu.xid')
    strictEqual(record.severityText, 'ERROR')
    strictEqual(record.body!.stringValue, XID_43)
    strictEqual(BigInt(record.timeUnixNano!) / 1_000_000n, BigInt(Date.UTC(2025, 0, 21, 4, 41, 44, 283)))
    // A GPU that is gone is still known by its place.
    world.devices = []
    await appendFile(world.path, `[ 12.5] ${XID_79}\nNVRM: Xid (PCI:0000:01:00): 5\nNVRM: Xid in a new way\n`)
    await world.records(4)
  })
  deepStrictEqual(world.bodies(), [XID_43, XID_79, 'NVRM: Xid (PCI:0000:01:00): 5', 'NVRM: Xid in a new way'])
  deepStrictEqual(
    world.all().map(({ severityText }) => severityText),
    ['ERROR', 'FATAL', 'ERROR', 'ERROR']
  )
  deepStrictEqual(world.counts('sluice_gpu_xid_total'), { '43 GPU-aaaa': 1, '79 GPU-aaaa': 1, '5 0000:01:00.0': 1, 'unknown unknown': 1 })
  deepStrictEqual(world.counts('sluice_kernel_records_lost_total'), {})
})

test('kernel reads records through a FIFO, sees gaps, and gives them the time of the wall', async () => {
  const world = new World()
  execFileSync('mkfifo', [world.path])
  await world.run(async () => {
    const pipe = await open(world.path, 'r+')
    const uptimeUs = process.hrtime.bigint() / 1000n
    const beforeMs = Date.now()
    // Another clock, in months apart: the time is bounded by the looks.
    await pipe.write(`4,10,${uptimeUs},-;${XID_79}\n4,11,7,-;${XID_43}\n SUBSYSTEM=pci\n`)
    await pipe.write(`4,15,${uptimeUs + 10n ** 15n},-;${XID_43}\n12,16,9,-;${XID_79}\n4,17,1,-;${XID_79.slice(0, 20)}`)
    await world.records(3)
    await pipe.write(`${XID_79.slice(20)}\n`)
    for (const { timeUnixNano } of await world.records(4)) {
      const atMs = Number(BigInt(timeUnixNano!) / 1_000_000n)
      ok(atMs >= beforeMs - 1000 && atMs <= Date.now(), `${atMs - beforeMs} ms`)
    }
    await pipe.close()
  })
  deepStrictEqual(world.bodies(), [XID_79, XID_43, XID_43, XID_79])
  deepStrictEqual(world.counts('sluice_kernel_records_lost_total'), { overwritten: 3 })
})

test('a flood is counted and summed up', async () => {
  const world = new World()
  await writeFile(world.path, '')
  await world.run(async () => {
    const part = join(dir, 'flood')
    await writeFile(part, `${XID_43}\n`.repeat(5000))
    await rename(part, world.path)
    await world.records(4)
  }, 3)
  const counted = (): number => world.counts('sluice_gpu_xid_total')['43 GPU-aaaa']
  strictEqual(counted(), 5000)
  const summaries = world.all().filter(({ eventName }) => eventName === 'gpu.xid.suppressed')
  const left = summaries.reduce(
    (sum, { attributes }) => sum + Number(attributes!.find(({ key }) => key === 'gpu.xid.count')!.value!.intValue),
    0
  )
  strictEqual(left + world.all().length - summaries.length, 5000)
  strictEqual(world.counts('sluice_kernel_records_lost_total').suppressed, left)
  ok(world.batches.every(({ items }) => items <= 4))
})

test('labels are bounded, lines are cut, and bytes may be anything', async () => {
  const world = new World()
  await writeFile(world.path, '')
  await world.run(async () => {
    const codes = Array.from({ length: 700 }, (_, code) => `NVRM: Xid (PCI:0000:01:00): ${code}`)
    await appendFile(world.path, Buffer.concat([Buffer.from([0xff, 0xfe, 0, 10]), Buffer.from(`${codes.join('\n')}\n`)]))
    await world.records(700)
    await appendFile(world.path, `${XID_79}${'x'.repeat(100_000)}\n${XID_43}\n`)
    await world.records(702)
  }, 10_000)
  const counts = world.counts('sluice_gpu_xid_total')
  strictEqual(Object.keys(counts).length, 513)
  strictEqual(counts['other other'], 190)
  deepStrictEqual(
    world
      .bodies()
      .slice(700)
      .map((body) => body!.length),
    [8192, XID_43.length]
  )
})

test('a log that is not there, is replaced, or is emptied is read when it is there', async () => {
  const world = new World()
  await world.run(async () => {
    await writeFile(world.path, `${XID_79}\n`)
    await world.records(1)
    await rename(world.path, `${world.path}.1`)
    await writeFile(`${world.path}.2`, `${XID_43}\n${XID_43}\n`)
    await rename(`${world.path}.2`, world.path)
    await world.records(3)
    await truncate(world.path)
    await appendFile(world.path, `${XID_79}\n`)
    await world.records(4)
  })
  deepStrictEqual(world.bodies(), [XID_79, XID_43, XID_43, XID_79])
  ok(world.counts('sluice_kernel_log_failures_total').ENOENT >= 1)
  ok(world.warnings[0].includes('cannot be read: mount it'), world.warnings[0])
})

test('what is refused for now is pushed again, what is refused for good is counted', async () => {
  const world = new World()
  await writeFile(world.path, '')
  await world.run(async () => {
    world.refuse = new RefusedError('overloaded', 'full')
    await appendFile(world.path, `${XID_79}\n`)
    await world.pushed()
    await world.pushed()
    world.refuse = null
    await world.records(1)
    world.refuse = new RefusedError('too-large', 'no')
    const refused = world.pushed()
    await appendFile(world.path, `${XID_43}\n`)
    await refused
    world.refuse = null
    await appendFile(world.path, `${XID_79}\n`)
    await world.records(2)
    world.refuse = new RefusedError('overloaded', 'full')
    await appendFile(world.path, `${XID_43}\n`)
    await world.pushed()
  })
  deepStrictEqual(world.bodies(), [XID_79, XID_79])
  deepStrictEqual(world.counts('sluice_kernel_records_lost_total'), { 'too-large': 1, stopped: 1 })
})

test('what came last is read before it stops', async () => {
  const world = new World()
  await writeFile(world.path, '')
  await world.run(() => appendFile(world.path, `${XID_79}\n`))
  deepStrictEqual(world.bodies(), [XID_79])
})

test('the kernel’s own log can be followed', async (t) => {
  try {
    accessSync('/dev/kmsg', constants.R_OK)
  } catch {
    t.skip('NOT CHECKED: /dev/kmsg cannot be read here')
    return
  }
  const world = new World('/dev/kmsg')
  await world.run(async () => undefined)
  const failures = world.counts('sluice_kernel_log_failures_total')
  if ('EPERM' in failures) t.skip('NOT CHECKED: /dev/kmsg may not be read here')
  else deepStrictEqual(failures, {})
})
