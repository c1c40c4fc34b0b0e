import type { Batch } from '../../batch.ts'
import type { Host } from '../../component.ts'
import { plainBusId } from '../../facts/bus-id.ts'
import type { GpuDevice } from '../../facts/facts.ts'
import type { Draft, LogRecord } from '../../otlp/objects.ts'
import { type KernelLine, readLine } from './line.ts'
import { logBatch, suppressedRecord, xidRecord } from './records.ts'
import { readXid } from './xid.ts'

/** Codes and GPUs that are counted apart; a machine has few of both, so more than this is noise. */
const SERIES_MAX = 512
/** GPUs that are remembered by their place on the bus. */
const GPUS_MAX = 256

/** Turns the lines of one look after the other into log records and counts. */
export class Watch {
  private readonly facts: Host['facts']
  private readonly recordsMax: number
  private readonly xids: { add(value: number, labels: Record<string, string>): void }
  private readonly lost: { add(value: number, labels: Record<string, string>): void }
  private readonly series = new Set<string>()
  private readonly byBus = new Map<string, GpuDevice>()
  private records: Draft<LogRecord>[] = []
  private suppressed = 0
  private sequence: number | undefined
  private emptyAtMs = 0

  constructor({ facts, metrics }: Host, recordsMax: number) {
    this.facts = facts
    this.recordsMax = recordsMax
    this.xids = metrics.counter('sluice_gpu_xid_total', 'Xid messages in the kernel log, by code and GPU.')
    this.lost = metrics.counter('sluice_kernel_records_lost_total', 'Kernel log records that did not become telemetry, by reason.')
  }

  /** Takes one line, whatever it says. */
  take(text: string, nowMs: number): void {
    const line = readLine(text)
    this.follow(line.sequence)
    const xid = line.isKernels ? readXid(line.message) : null
    if (xid === null) return
    const device = this.deviceAt(xid.busId)
    this.count(xid.code, device?.uuid ?? xid.busId)
    if (this.records.length >= this.recordsMax) {
      this.suppressed++
      return
    }
    const pod = xid.pid === undefined ? undefined : this.facts.pod.byPid(xid.pid)
    this.records.push(xidRecord({ text: line.message, xid, atMs: this.timeOf(line, nowMs), device, pod }, nowMs))
  }

  /** What came since the last call, as one batch, or null. `isAll`: the log had no more. */
  collect(isAll: boolean, nowMs: number): Batch | null {
    if (isAll) this.emptyAtMs = nowMs
    if (this.suppressed > 0) {
      this.lost.add(this.suppressed, { reason: 'suppressed' })
      this.records.push(suppressedRecord(this.suppressed, nowMs))
    }
    const { records } = this
    this.records = []
    this.suppressed = 0
    return records.length === 0 ? null : logBatch(records, nowMs)
  }

  /** The log is opened anew: the next number follows none. */
  restart(): void {
    this.sequence = undefined
  }

  // Records are numbered one by one, so a gap is what was overwritten before it was read.
  private follow(sequence: number | undefined): void {
    if (sequence === undefined) return
    const gap = this.sequence === undefined ? 0 : sequence - this.sequence - 1
    if (gap > 0) this.lost.add(gap, { reason: 'overwritten' })
    this.sequence = sequence
  }

  // The kernel's clock runs apart from the wall's over months. A record that was not there at the last look is younger than that, and none is
  // from the future.
  private timeOf({ atMs, uptimeMs }: KernelLine, nowMs: number): number {
    if (atMs !== undefined) return atMs
    if (uptimeMs === undefined) return nowMs
    const startedAtMs = nowMs - Number(process.hrtime.bigint()) / 1e6
    return Math.min(Math.max(startedAtMs + uptimeMs, this.emptyAtMs), nowMs)
  }

  // A GPU that has fallen off the bus is not among the devices any more, so all that were are remembered.
  private deviceAt(busId: string | undefined): GpuDevice | undefined {
    for (const device of this.facts.gpu.devices()) {
      if (device.pciBusId === undefined || device.mig !== undefined) continue
      const place = plainBusId(device.pciBusId)
      if (this.byBus.size < GPUS_MAX || this.byBus.has(place)) this.byBus.set(place, device)
    }
    return busId === undefined ? undefined : this.byBus.get(busId)
  }

  private count(code: number | undefined, gpu = 'unknown'): void {
    const labels = { code: code === undefined ? 'unknown' : `${code}`, gpu }
    const key = `${labels.code} ${gpu}`
    if (this.series.size < SERIES_MAX) this.series.add(key)
    this.xids.add(1, this.series.has(key) ? labels : { code: 'other', gpu: 'other' })
  }
}
