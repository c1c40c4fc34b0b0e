import type { AnyValue } from '../../otlp/objects.ts'

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

/** The value as JSON has it: what no JSON number can tell is a text, bytes are base64. Undefined for no value. */
export function jsonOf(value: AnyValue): Json | undefined {
  if (value.stringValue !== undefined) return value.stringValue
  if (value.intValue !== undefined) return Number.isSafeInteger(Number(value.intValue)) ? Number(value.intValue) : `${value.intValue}`
  if (value.doubleValue !== undefined) return Number.isFinite(value.doubleValue) ? value.doubleValue : `${value.doubleValue}`
  if (value.boolValue !== undefined) return value.boolValue
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map((each) => jsonOf(each) ?? null)
  if (value.kvlistValue !== undefined) {
    // fromEntries makes an own property of any key, `__proto__` too.
    return Object.fromEntries(
      (value.kvlistValue.values ?? []).map(({ key = '', value: inner }): [string, Json] => [key, (inner && jsonOf(inner)) ?? null])
    )
  }
  return value.bytesValue === undefined ? undefined : Buffer.from(value.bytesValue).toString('base64')
}

/** The value as a text: strings as they are, all else as JSON; undefined for no value. */
export function textIn(value: AnyValue | undefined): string | undefined {
  if (value === undefined) return undefined
  if (value.stringValue !== undefined) return value.stringValue
  const json = jsonOf(value)
  return json === undefined || typeof json === 'string' ? json : JSON.stringify(json)
}
