import { hostname } from 'node:os'
import { type Batch, parseBatch } from '../../batch.ts'
import type { GpuDevice, PodAttributes } from '../../facts/facts.ts'
import { encode } from '../../otlp/encode.ts'
import type { Draft, KeyValue, LogRecord } from '../../otlp/objects.ts'
import type { Xid } from './xid.ts'
import { XID_CODES, type XidClass } from './xid-codes.ts'

/** OpenTelemetry's numbers and our words for them. https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber */
const SEVERITIES: Record<XidClass, readonly [number, string]> = {
  notice: [13, 'WARN'],
  program: [17, 'ERROR'],
  gpu: [17, 'ERROR'],
  lost: [21, 'FATAL']
}

export interface Message {
  readonly text: string
  readonly xid: Xid
  readonly atMs: number
  readonly device: GpuDevice | undefined
  readonly pod: PodAttributes | undefined
}

/** A line about an Xid as a log record. */
export function xidRecord({ text, xid, atMs, device, pod }: Message, nowMs: number): Draft<LogRecord> {
  const known = xid.code === undefined ? undefined : XID_CODES.get(xid.code)
  const [severityNumber, severityText] = SEVERITIES[known?.class ?? 'gpu']
  return {
    timeUnixNano: nanoseconds(atMs),
    observedTimeUnixNano: nanoseconds(nowMs),
    severityNumber,
    severityText,
    eventName: 'gpu.xid',
    body: { stringValue: text },
    attributes: keyValues({
      'hw.type': 'gpu',
      'hw.id': device?.uuid,
      'hw.model': device?.model,
      'gpu.pci.bus_id': xid.busId,
      'gpu.mig.gpu_instance_id': xid.gpuInstanceId,
      'gpu.xid.code': xid.code,
      'gpu.xid.meaning': known?.meaning,
      'gpu.xid.class': known?.class,
      'process.pid': xid.pid,
      'process.executable.name': xid.processName,
      ...pod
    })
  }
}

/** One log record in place of many that came faster than they may. */
export function suppressedRecord(count: number, nowMs: number): Draft<LogRecord> {
  return {
    timeUnixNano: nanoseconds(nowMs),
    observedTimeUnixNano: nanoseconds(nowMs),
    severityNumber: 17,
    severityText: 'ERROR',
    eventName: 'gpu.xid.suppressed',
    body: { stringValue: `${count} more Xid messages came than may be sent at once; sluice_gpu_xid_total counts them` },
    attributes: keyValues({ 'hw.type': 'gpu', 'gpu.xid.count': count })
  }
}

export function logBatch(logRecords: Draft<LogRecord>[], nowMs: number): Batch {
  const resource = { attributes: keyValues({ 'service.name': 'sluice', 'service.instance.id': hostname() }) }
  const bytes = encode('ExportLogsServiceRequest', {
    resourceLogs: [{ resource, scopeLogs: [{ scope: { name: 'sluice.kernel' }, logRecords }] }]
  })
  return parseBatch('logs', bytes, nowMs)
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.max(0, Math.round(ms * 1000))) * 1000n
}

function keyValues(attributes: Readonly<Record<string, string | number | undefined>>): Draft<KeyValue>[] {
  const list: Draft<KeyValue>[] = []
  for (const [key, value] of Object.entries(attributes))
    if (value !== undefined) list.push({ key, value: typeof value === 'number' ? { intValue: value } : { stringValue: value } })
  return list
}
