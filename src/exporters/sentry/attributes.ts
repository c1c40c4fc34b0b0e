// Attributes of spans and logs: "key":{"value":…,"type":"string|integer|double|boolean|array"}. Written as JSON text at once, since there are many.
import type { AnyValue, KeyValue } from '../../otlp/objects.ts'
import { ATTRIBUTE_CHARACTERS_MAX, ATTRIBUTES_CHARACTERS_MAX, ATTRIBUTES_MAX, cut, type Trimmed } from './limits.ts'
import { jsonOf } from './values.ts'

export function textAttribute(text: string): string {
  return `{"value":${JSON.stringify(text)},"type":"string"}`
}

export function booleanAttribute(value: boolean): string {
  return value ? '{"value":true,"type":"boolean"}' : '{"value":false,"type":"boolean"}'
}

/** A number that is finite; whole ones of it that JavaScript cannot tell apart are no integers. */
export function numberAttribute(value: number): string {
  return Number.isSafeInteger(value) ? `{"value":${value},"type":"integer"}` : `{"value":${value},"type":"double"}`
}

/** Undefined where there is no value. */
export function attributeOf(value: AnyValue, trimmed: Trimmed): string | undefined {
  if (value.stringValue !== undefined) return limitedText(value.stringValue, trimmed)
  if (value.intValue !== undefined) {
    const number = Number(value.intValue)
    return Number.isSafeInteger(number) ? `{"value":${number},"type":"integer"}` : textAttribute(value.intValue.toString())
  }
  if (value.doubleValue !== undefined) return doubleAttribute(value.doubleValue)
  if (value.boolValue !== undefined) return booleanAttribute(value.boolValue)
  const json = jsonOf(value)
  if (json === undefined) return undefined
  if (typeof json === 'string') return limitedText(json, trimmed)
  const text = JSON.stringify(json)
  const isList = Array.isArray(json) && json.length > 0 && json.every((each) => each !== null && typeof each === typeof json[0])
  if (isList && typeof json[0] !== 'object' && text.length <= ATTRIBUTE_CHARACTERS_MAX) return `{"value":${text},"type":"array"}`
  return limitedText(text, trimmed)
}

// A double stays one when it happens to be whole: what is compared and summed up must not change its type from span to span.
function doubleAttribute(value: number): string {
  return Number.isFinite(value) ? `{"value":${JSON.stringify(value)},"type":"double"}` : textAttribute(String(value))
}

function limitedText(text: string, trimmed: Trimmed): string {
  if (text.length <= ATTRIBUTE_CHARACTERS_MAX) return textAttribute(text)
  trimmed.add('attribute values')
  return textAttribute(cut(text, ATTRIBUTE_CHARACTERS_MAX))
}

/** What all records of one resource and scope have beside their own. */
export class Inherited {
  readonly keys = new Set<string>()
  readonly entries: (readonly [key: string, text: string])[] = []
  /** All of them as one piece of JSON. */
  text = ''

  /** Keeps what was there before. */
  put(key: string, text: string | undefined): void {
    if (text === undefined || key === '' || this.keys.has(key)) return
    const entry = `${JSON.stringify(key)}:${text}`
    if (this.text.length + entry.length > ATTRIBUTES_CHARACTERS_MAX / 2) return
    this.keys.add(key)
    this.entries.push([key, entry])
    this.text += this.text === '' ? entry : `,${entry}`
  }

  putText(key: string, text: string | undefined): void {
    if (text !== undefined && text !== '') this.put(key, textAttribute(cut(text, ATTRIBUTE_CHARACTERS_MAX)))
  }

  putAll(list: readonly KeyValue[] | undefined, trimmed: Trimmed): void {
    for (const { key = '', value } of list ?? []) if (value !== undefined) this.put(key, attributeOf(value, trimmed))
  }
}

/**
 * Writes the attributes of one record after another. Of a key that comes twice the first counts, and a record's own go before inherited ones.
 * `begin`, then `put` and `putAll`, then `end` for the text.
 */
export class AttributeWriter {
  private readonly trimmed: Trimmed
  private readonly keys = new Set<string>()
  private inherited: Inherited | undefined
  private overrides = false
  private text = ''

  constructor(trimmed: Trimmed) {
    this.trimmed = trimmed
  }

  begin(inherited?: Inherited): this {
    this.inherited = inherited
    this.overrides = false
    this.text = ''
    this.keys.clear()
    return this
  }

  has(key: string): boolean {
    return this.keys.has(key)
  }

  put(key: string, text: string | undefined): void {
    const { keys } = this
    if (text === undefined || key === '' || keys.has(key)) return
    if (keys.size === ATTRIBUTES_MAX || this.text.length + text.length + key.length > ATTRIBUTES_CHARACTERS_MAX) {
      this.trimmed.add('attributes')
      return
    }
    keys.add(key)
    this.overrides ||= this.inherited?.keys.has(key) === true
    this.text += this.text === '' ? `${JSON.stringify(key)}:${text}` : `,${JSON.stringify(key)}:${text}`
  }

  putText(key: string, text: string | undefined): void {
    if (text !== undefined && text !== '') this.put(key, limitedText(text, this.trimmed))
  }

  putAll(list: readonly KeyValue[] | undefined): void {
    if (list === undefined) return
    for (const { key, value } of list) if (key !== undefined && value !== undefined) this.put(key, attributeOf(value, this.trimmed))
  }

  end(): string {
    const { inherited, keys } = this
    if (inherited === undefined || inherited.text === '') return `{${this.text}}`
    if (!this.overrides) return this.text === '' ? `{${inherited.text}}` : `{${this.text},${inherited.text}}`
    const parts = [this.text]
    for (const [key, text] of inherited.entries) if (!keys.has(key)) parts.push(text)
    return `{${parts.join(',')}}`
  }
}
