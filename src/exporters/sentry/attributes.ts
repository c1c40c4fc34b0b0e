// Attributes of spans and logs: "key":{"value":…,"type":"string|integer|double|boolean|array"}. Written as JSON text at once, since there are many.
import type { AnyValue, KeyValue } from '../../otlp/objects.ts'
import { ATTRIBUTE_CHARACTERS_MAX, ATTRIBUTES_CHARACTERS_MAX, ATTRIBUTES_MAX, cut, type Trimmed } from './limits.ts'
import { jsonOf } from './values.ts'

export function textAttribute(text: string): string {
  return `{"value":${quoted(text)},"type":"string"}`
}

// Most texts are short and need no escaping, and looking is then cheaper than JSON.stringify.
function quoted(text: string): string {
  return text.length < 64 && PLAIN.test(text) ? `"${text}"` : JSON.stringify(text)
}

const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

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
  return Number.isFinite(value) ? `{"value":${value},"type":"double"}` : textAttribute(String(value))
}

function limitedText(text: string, trimmed: Trimmed): string {
  if (text.length <= ATTRIBUTE_CHARACTERS_MAX) return textAttribute(text)
  trimmed.add('attribute values')
  return textAttribute(cut(text, ATTRIBUTE_CHARACTERS_MAX))
}

/** A key as JSON, and the number of the record that had it last. */
export interface Key {
  readonly text: string
  record: number
}

/** The keys of one batch: most records have the same. */
export class Keys {
  private readonly known = new Map<string, Key>()

  of(key: string): Key {
    let found = this.known.get(key)
    if (found === undefined) {
      found = { text: `${JSON.stringify(key)}:`, record: 0 }
      this.known.set(key, found)
    }
    return found
  }
}

/** What all records of one resource and scope have beside their own. */
export class Inherited {
  readonly entries: (readonly [key: Key, text: string])[] = []
  /** All of them as one piece of JSON. */
  text = ''
  private readonly keys: Keys
  private readonly trimmed: Trimmed

  constructor(keys: Keys, trimmed: Trimmed) {
    this.keys = keys
    this.trimmed = trimmed
  }

  /** Keeps what was there before. */
  put(name: string, text: string | undefined): void {
    if (text === undefined || name === '') return
    const key = this.keys.of(name)
    if (this.entries.some(([known]) => known === key)) return
    const entry = key.text + text
    if (this.entries.length === ATTRIBUTES_MAX || this.text.length + entry.length > ATTRIBUTES_CHARACTERS_MAX / 2) {
      this.trimmed.add('attributes')
      return
    }
    this.entries.push([key, entry])
    this.text += this.text === '' ? entry : `,${entry}`
  }

  putText(name: string, text: string | undefined): void {
    if (text !== undefined && text !== '') this.put(name, limitedText(text, this.trimmed))
  }

  putAll(list: readonly KeyValue[] | undefined): void {
    for (const { key = '', value } of list ?? []) if (value !== undefined) this.put(key, attributeOf(value, this.trimmed))
  }
}

/**
 * Writes the attributes of one record after another. Of a key that comes twice the first counts, and a record's own go before inherited ones.
 * `begin`, then `put` and `putAll`, then `end` for the text.
 */
export class AttributeWriter {
  private readonly keys: Keys
  private readonly trimmed: Trimmed
  private inherited: Inherited | undefined
  private record = 0
  private count = 0
  private text = ''

  constructor(keys: Keys, trimmed: Trimmed) {
    this.keys = keys
    this.trimmed = trimmed
  }

  begin(inherited?: Inherited): this {
    this.inherited = inherited
    this.record++
    this.count = 0
    this.text = ''
    return this
  }

  put(name: string, text: string | undefined): void {
    if (text === undefined || name === '') return
    const key = this.keys.of(name)
    if (key.record === this.record) return
    if (this.count === ATTRIBUTES_MAX || this.text.length + text.length + name.length > ATTRIBUTES_CHARACTERS_MAX) {
      this.trimmed.add('attributes')
      return
    }
    key.record = this.record
    this.text += this.count++ === 0 ? key.text + text : `,${key.text}${text}`
  }

  putText(name: string, text: string | undefined): void {
    if (text !== undefined && text !== '') this.put(name, limitedText(text, this.trimmed))
  }

  putAll(list: readonly KeyValue[] | undefined): void {
    if (list === undefined) return
    for (let i = 0; i < list.length; i++) {
      const { key, value } = list[i]
      if (key !== undefined && value !== undefined) this.put(key, attributeOf(value, this.trimmed))
    }
  }

  end(): string {
    const { inherited, record } = this
    if (inherited === undefined || inherited.text === '') return `{${this.text}}`
    if (this.text === '') return `{${inherited.text}}`
    for (const [key] of inherited.entries) if (key.record === record) return this.withoutOverridden(inherited)
    return `{${this.text},${inherited.text}}`
  }

  private withoutOverridden({ entries }: Inherited): string {
    const parts = [this.text]
    for (const [key, text] of entries) if (key.record !== this.record) parts.push(text)
    return `{${parts.join(',')}}`
  }
}
