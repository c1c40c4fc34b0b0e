// Profiles keep their texts in one table, and attributes name key and value by their places in it. So before the walk: which places hold
// sensitive key names, and which hold the values of such keys.
import { BYTES, Fields, VARINT } from '../../otlp/wire.ts'
import type { Engine } from './engine.ts'
import type { KeyKind } from './key-words.ts'

export interface ProfileTables {
  readonly sensitiveKeys: ReadonlyMap<number, KeyKind>
  readonly hiddenStrings: ReadonlySet<number>
}

// The wire: request { repeated ResourceProfiles = 1, ProfilesDictionary dictionary = 2 }; dictionary { repeated string string_table = 5,
// repeated attribute attribute_table = 6 }; attribute { key_strindex = 1 (in the table) or 3 (in a resource), AnyValue value = 2 };
// AnyValue { string_value_strindex = 8 }. Whatever the message, an index to a key stands beside a value with an index to a text.
const DICTIONARY = 2
const STRING_TABLE = 5
const ATTRIBUTE_TABLE = 6
const VALUE = 2
const VALUE_INDEX = 8
const RESOURCE_ATTRIBUTES = [1, 1, 1]
const SCOPE_ATTRIBUTES = [1, 2, 1, 3]

export function profileTables(bytes: Uint8Array, engine: Engine): ProfileTables {
  const sensitiveKeys = new Map<number, KeyKind>()
  const hiddenStrings = new Set<number>()
  let index = 0
  visit(bytes, 0, bytes.length, [DICTIONARY, STRING_TABLE], 0, (start, end) => {
    const kind = engine.judgeKey(bytes, start, end)
    if (kind !== null) sensitiveKeys.set(index, kind)
    index++
  })
  const attribute = (start: number, end: number): void => hideValue(bytes, start, end, sensitiveKeys, hiddenStrings)
  for (const path of [[DICTIONARY, ATTRIBUTE_TABLE], RESOURCE_ATTRIBUTES, SCOPE_ATTRIBUTES])
    visit(bytes, 0, bytes.length, path, 0, attribute)
  for (const key of sensitiveKeys.keys()) hiddenStrings.delete(key)
  hiddenStrings.delete(0)
  return { sensitiveKeys, hiddenStrings }
}

// Calls `found` for every length-delimited field at the end of a path of field numbers.
function visit(
  bytes: Uint8Array,
  start: number,
  end: number,
  path: readonly number[],
  depth: number,
  found: (start: number, end: number) => void
): void {
  const fields = new Fields().open(bytes, start, end)
  while (fields.next()) {
    if (fields.number !== path[depth] || fields.type !== BYTES) continue
    if (depth === path.length - 1) found(fields.start, fields.end)
    else visit(bytes, fields.start, fields.end, path, depth + 1, found)
  }
}

function hideValue(bytes: Uint8Array, start: number, end: number, keys: ReadonlyMap<number, KeyKind>, hidden: Set<number>): void {
  const fields = new Fields().open(bytes, start, end)
  let sensitive = false
  const values: number[] = []
  while (fields.next()) {
    if (fields.type === VARINT && (fields.number === 1 || fields.number === 3)) sensitive ||= keys.has(fields.uint())
    if (fields.type !== BYTES || fields.number !== VALUE) continue
    const value = new Fields().open(bytes, fields.start, fields.end)
    while (value.next()) if (value.number === VALUE_INDEX && value.type === VARINT) values.push(value.uint())
  }
  if (sensitive) for (const value of values) hidden.add(value)
}
