import { parseBatch, type RedactedBatch } from '../../../src/batch.ts'
import { RefusedError } from '../../../src/errors.ts'
import type { Intake, Post } from '../../../src/exporters/datadog/intake.ts'
import type { HttpResponse } from '../../../src/net/http-client.ts'
import { encode } from '../../../src/otlp/encode.ts'
import type { AnyValue, KeyValue, LogRecord, Metric } from '../../../src/otlp/objects.ts'

/** An intake that keeps what it takes, and refuses as told. */
export class FakeIntake {
  readonly posts: Post[] = []
  /** What is done with the next requests, in turn: null takes, an error refuses. */
  readonly next: (RefusedError | null)[] = []
  answer: HttpResponse = { status: 202, headers: {}, body: Buffer.alloc(0) }

  async post(post: Post): Promise<HttpResponse> {
    const refusal = this.next.shift() ?? null
    if (refusal !== null) throw refusal
    this.posts.push(post)
    return this.answer
  }

  get asIntake(): Intake {
    return this as unknown as Intake
  }
}

export const away = (): RefusedError => new RefusedError('unavailable', 'away')
export const tooLarge = (): RefusedError => new RefusedError('too-large', 'too large')
export const invalid = (): RefusedError => new RefusedError('invalid', 'bad')

type Values = Readonly<Record<string, AnyValue | string | number | boolean>>

export function attributesOf(values: Values): KeyValue[] {
  return Object.entries(values).map(([key, value]) => ({ key, value: anyValueOf(value) }))
}

function anyValueOf(value: AnyValue | string | number | boolean): AnyValue {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: BigInt(value) } : { doubleValue: value }
  return value
}

export function logsBatch(logRecords: readonly LogRecord[], resource: Values = { 'service.name': 'worker' }): RedactedBatch {
  const bytes = encode('ExportLogsServiceRequest', {
    resourceLogs: [{ resource: { attributes: attributesOf(resource) }, scopeLogs: [{ scope: { name: 'test' }, logRecords }] }]
  })
  return parseBatch('logs', bytes) as RedactedBatch
}

export function metricsBatch(
  metrics: readonly Metric[],
  resource: Values = { 'service.name': 'worker', 'service.instance.id': 'a' }
): RedactedBatch {
  const bytes = encode('ExportMetricsServiceRequest', {
    resourceMetrics: [{ resource: { attributes: attributesOf(resource) }, scopeMetrics: [{ scope: { name: 'test' }, metrics }] }]
  })
  return parseBatch('metrics', bytes) as RedactedBatch
}
