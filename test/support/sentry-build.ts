import type { Build, Payloads } from '../../src/exporters/sentry/context.ts'
import { TraceHeaders } from '../../src/exporters/sentry/dsc.ts'
import { Trimmed } from '../../src/exporters/sentry/limits.ts'
import { SDK_NAME, type Settings } from '../../src/exporters/sentry/settings.ts'
import type { AnyValue, KeyValue } from '../../src/otlp/objects.ts'
import { writeEnvelope } from '../../src/sentry/envelope.ts'
import { type ReadEnvelope, readStrictly } from './sentry-envelope.ts'

export const SETTINGS: Settings = {
  publicKey: 'key',
  organisation: undefined,
  version: '1.2.3',
  environment: undefined,
  release: undefined,
  sendEmail: true,
  tags: []
}

/** 2023-11-14T22:13:20Z */
export const NOW_MS = 1_700_000_000_000
export const NOW_NANO = 1_700_000_000_000_000_000n

export function buildOf(settings: Partial<Settings> = {}): Build {
  const all = { ...SETTINGS, ...settings }
  return { settings: all, headers: new TraceHeaders(all), trimmed: new Trimmed(), receivedAtMs: NOW_MS }
}

/** What was built as a strict reader sees it; what it finds wrong is in `problems`. */
export function envelopesOf({ built }: Payloads): ReadEnvelope[] {
  return built.map(({ trace, eventId, items }) => {
    const header = {
      ...(eventId !== undefined && { event_id: eventId }),
      sent_at: new Date(NOW_MS).toISOString(),
      sdk: { name: SDK_NAME, version: '1.2.3' },
      ...(trace !== undefined && { trace })
    }
    return readStrictly(writeEnvelope({ header, items }))
  })
}

/** Values as OTLP has them; whole numbers become integers. */
export function anyValueOf(value: unknown): AnyValue {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'bigint') return { intValue: value }
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: BigInt(value) } : { doubleValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (value instanceof Uint8Array) return { bytesValue: value }
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValueOf) } }
  return { kvlistValue: { values: attributesFrom(value as Record<string, unknown>) } }
}

export function attributesFrom(values: Record<string, unknown>): KeyValue[] {
  return Object.entries(values).map(([key, value]) => ({ key, value: anyValueOf(value) }))
}
