import { hash } from 'node:crypto'
import { lengthDelimited } from '../../otlp/wire.ts'
import type { Place } from './sighting.ts'

const KEY_BYTES_MAX = 64
const NOTHING: Uint8Array = Buffer.alloc(0)

// The wire: request { repeated ResourceLogs = 1 }, ResourceLogs { Resource = 1, repeated ScopeLogs = 2 },
// ScopeLogs { InstrumentationScope = 1, repeated LogRecord = 2 }
const RESOURCE_LOGS = 1
const HEAD = 1
const SCOPE_LOGS = 2
const RECORD = 2

interface Scope {
  readonly scope: Uint8Array
  readonly records: Uint8Array[]
}

/** Gathers errors to one logs request: what came under one resource stays under one. */
export class BatchWriter {
  items = 0
  bytes = 0
  private readonly resources = new Map<string, { readonly resource: Uint8Array; readonly scopes: Map<string, Scope> }>()

  /** Adds a record. */
  add(resource: Uint8Array, scope: Uint8Array, record: Uint8Array): void {
    const resourceKey = keyOf(resource)
    const scopeKey = keyOf(scope)
    let under = this.resources.get(resourceKey)
    if (under === undefined) {
      under = { resource, scopes: new Map() }
      this.resources.set(resourceKey, under)
      this.bytes += resource.length
    }
    let within = under.scopes.get(scopeKey)
    if (within === undefined) {
      within = { scope, records: [] }
      under.scopes.set(scopeKey, within)
    }
    within.records.push(record)
    this.items++
    this.bytes += record.length
  }

  finish(): Uint8Array {
    const entries: Uint8Array[] = []
    for (const { resource, scopes } of this.resources.values()) {
      const parts: Uint8Array[] = [resource]
      for (const { scope, records } of scopes.values()) {
        const fields = records.map((record) => lengthDelimited(RECORD, record))
        parts.push(lengthDelimited(SCOPE_LOGS, Buffer.concat([scope, ...fields])))
      }
      entries.push(lengthDelimited(RESOURCE_LOGS, Buffer.concat(parts)))
    }
    return Buffer.concat(entries)
  }
}

/** Resource and scope of a place as the fields that they become: copies, each piece a field of its own. */
export function headsOf(bytes: Uint8Array, { resources, scopes }: Place): { readonly resource: Uint8Array; readonly scope: Uint8Array } {
  return { resource: fieldsOf(bytes, resources), scope: fieldsOf(bytes, scopes) }
}

function fieldsOf(bytes: Uint8Array, pieces: readonly number[]): Uint8Array {
  if (pieces.length === 0) return NOTHING
  const fields: Uint8Array[] = []
  for (let i = 0; i < pieces.length; i += 2) fields.push(lengthDelimited(HEAD, bytes.subarray(pieces[i], pieces[i + 1])))
  return fields.length === 1 ? fields[0] : Buffer.concat(fields)
}

// The bytes themselves while they are few, else their hash.
function keyOf(bytes: Uint8Array): string {
  if (bytes.length > KEY_BYTES_MAX) return hash('sha256', bytes, 'base64')
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
