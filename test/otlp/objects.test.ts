import { deepStrictEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type Field, MESSAGES, type Scalar } from '../../src/otlp/schema.ts'

const TYPES: Partial<Record<Scalar, string>> = { string: 'string', id16: 'string', id8: 'string', bool: 'boolean', bytes: 'Uint8Array' }
for (const scalar of ['int64', 'uint64', 'fixed64', 'sfixed64'] as const) TYPES[scalar] = 'bigint'

test('the objects have the fields of the schema, no more and no less', () => {
  const interfaces = new Map<string, Record<string, string>>()
  const source = readFileSync(new URL('../../src/otlp/objects.ts', import.meta.url), 'utf8')
  for (const [, name, parent, body] of source.matchAll(/interface (\w+)(?: extends (\w+))? \{\n(.*?)\n\}/gs)) {
    const own = Array.from(body.matchAll(/^ {2}(\w+)\?: (.+)$/gm), ([, key, type]) => [key, type])
    interfaces.set(name, { ...interfaces.get(parent), ...Object.fromEntries(own) })
  }
  const typeOf = ({ scalar, message, repeated }: Field): string => {
    const one = message ?? TYPES[scalar!] ?? 'number'
    const plain = { ArrayValue: '{ values?: AnyValue[] }', KeyValueList: '{ values?: KeyValue[] }' }[one] ?? one
    return repeated ? `${plain}[]` : plain
  }
  let compared = 0
  for (const [name, fields] of Object.entries(MESSAGES)) {
    const found = interfaces.get(name)
    if (found === undefined) continue
    compared++
    deepStrictEqual(found, Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, typeOf(field)])), name)
  }
  // All but the four requests, the two that wrap a list of values, and the one that stays bytes.
  deepStrictEqual(compared, Object.keys(MESSAGES).length - 7)
})
