import type { TestContext } from 'node:test'
import type { RedactedBatch, Signal } from '../../../src/batch.ts'
import { parseBatch } from '../../../src/batch.ts'
import { Intake } from '../../../src/exporters/datadog/intake.ts'
import { ApiKey } from '../../../src/exporters/datadog/keys.ts'
import { HttpClient } from '../../../src/net/http-client.ts'
import { encode } from '../../../src/otlp/encode.ts'
import type { AnyValue, Draft, KeyValue, Span } from '../../../src/otlp/objects.ts'
import { host } from '../../support/host.ts'

export const KEY = 'd'.repeat(32)
export const STOP = new AbortController().signal

/** Sends requests of which nobody waits for the second try. */
export async function intakeFor(t: TestContext): Promise<Intake> {
  const client = new HttpClient({ proxy: 'off' })
  t.after(() => client.close())
  const key = new ApiKey(KEY, undefined, 'exporters.datadog')
  await key.read()
  return new Intake({ compression: 'gzip', timeoutMs: 60_000, site: 'datadoghq.com' }, host(), client, key)
}

type Plain = string | number | boolean | bigint

function anyValue(value: Plain): Draft<AnyValue> {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  return typeof value === 'bigint' || Number.isInteger(value) ? { intValue: value } : { doubleValue: value }
}

export function attributesOf(map: Readonly<Record<string, Plain>>): Draft<KeyValue>[] {
  return Object.entries(map).map(([key, value]) => ({ key, value: anyValue(value) }))
}

/** As if it had passed redaction. */
export function redacted(signal: Signal, bytes: Uint8Array): RedactedBatch {
  return parseBatch(signal, bytes) as unknown as RedactedBatch
}

export function tracesOf(
  spans: readonly Draft<Span>[],
  resource: Readonly<Record<string, Plain>> = { 'service.name': 'worker' }
): Uint8Array {
  const scope = { name: 'lib', version: '1.0' }
  return encode('ExportTraceServiceRequest', {
    resourceSpans: [{ resource: { attributes: attributesOf(resource) }, scopeSpans: [{ scope, spans }] }]
  })
}

export const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'

let made = 0

/** A span of its own id. */
export function spanOf(parts: Draft<Span> = {}): Draft<Span> {
  return {
    traceId: TRACE_ID,
    spanId: (++made).toString(16).padStart(16, '1'),
    name: 'work',
    kind: 1,
    startTimeUnixNano: 1_700_000_000_000_000_000n,
    endTimeUnixNano: 1_700_000_000_250_000_000n,
    ...parts
  }
}

export const exceptionOf = (type: string, message: string, stack: string) => ({
  timeUnixNano: 1_700_000_000_100_000_000n,
  name: 'exception',
  attributes: attributesOf({ 'exception.type': type, 'exception.message': message, 'exception.stacktrace': stack })
})
