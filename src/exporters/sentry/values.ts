import type { AnyValue, KeyValue } from '../../otlp/objects.ts'

export type Json = string | number | boolean | null | Json[] | JsonMap
export interface JsonMap {
  [key: string]: Json
}

/** Attributes by key; of a key that comes twice, the last. */
export type Attributes = ReadonlyMap<string, AnyValue>

/** An object that any key is safe in, `__proto__` too. */
export function jsonMap(): JsonMap {
  return Object.create(null) as JsonMap
}

export function attributesOf(list: readonly KeyValue[] | undefined): Map<string, AnyValue> {
  const found = new Map<string, AnyValue>()
  for (const { key, value } of list ?? []) if (key !== undefined && key !== '' && value !== undefined) found.set(key, value)
  return found
}

/** The value as JSON has it: what no JSON number can tell is a text, bytes are base64. Undefined for no value. */
export function jsonOf(value: AnyValue): Json | undefined {
  if (value.stringValue !== undefined) return value.stringValue
  if (value.intValue !== undefined) return integerOf(value.intValue)
  if (value.doubleValue !== undefined) return Number.isFinite(value.doubleValue) ? value.doubleValue : String(value.doubleValue)
  if (value.boolValue !== undefined) return value.boolValue
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map((each) => jsonOf(each) ?? null)
  if (value.kvlistValue !== undefined) {
    const map = jsonMap()
    for (const { key = '', value: inner } of value.kvlistValue.values ?? [])
      map[key] = (inner === undefined ? undefined : jsonOf(inner)) ?? null
    return map
  }
  if (value.bytesValue !== undefined) return Buffer.from(value.bytesValue).toString('base64')
  return undefined
}

function integerOf(value: bigint): number | string {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value.toString()
}

/** The value as a text: strings as they are, all else as JSON; undefined for no value. */
export function textOf(value: AnyValue | undefined): string | undefined {
  if (value === undefined) return undefined
  if (value.stringValue !== undefined) return value.stringValue
  const json = jsonOf(value)
  return json === undefined || typeof json === 'string' ? json : JSON.stringify(json)
}

/** The text of the first of `keys` that has one that is not empty. */
export function firstText(attributes: Attributes, keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const text = textOf(attributes.get(key))
    if (text !== undefined && text !== '') return text
  }
  return undefined
}

export function numberOf(value: AnyValue | undefined): number | undefined {
  if (value === undefined) return undefined
  const number = value.intValue !== undefined ? Number(value.intValue) : value.doubleValue
  return number !== undefined && Number.isFinite(number) ? number : undefined
}
