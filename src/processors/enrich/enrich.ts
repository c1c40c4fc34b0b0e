import { randomUUID } from 'node:crypto'
import { hostname, arch as machine, type as system } from 'node:os'
import { defineProcessor } from '../../component.ts'
import { flag, map, text } from '../../config/schema.ts'
import type { Patch } from '../../otlp/patch.ts'
import { editResources, type ResourceEditor } from '../../otlp/request.ts'
import { AttributeView, equals } from '../../otlp/views.ts'
import { Fields, lengthDelimited } from '../../otlp/wire.ts'

/** Adds what the sender could not know, or did not say, to the resource of everything that passes. Nothing is decoded. */
export const enrich = defineProcessor({
  type: 'enrich',
  summary: 'Add attributes to the resource of all telemetry.',
  outcome: 'dropped',
  options: {
    attributes: map(text({ doc: 'The value of a resource attribute.', default: '' }), {
      doc: 'Resource attributes to add, name to value. They win over OTEL_RESOURCE_ATTRIBUTES.'
    }),
    environment: flag({ doc: 'Add the attributes of OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME.', default: true }),
    host: flag({
      doc: 'Add host.name, host.arch and os.type of the machine the gateway runs on; switch off where senders are remote.',
      default: true
    }),
    process: flag({ doc: 'Add sluice.instance.id, which names the gateway process that the telemetry passed.', default: true }),
    overwrite: flag({ doc: 'Replace what the sender said instead of keeping it.', default: false })
  },
  create: ({ attributes, environment, host, process: identity, overwrite }) => {
    const added: Record<string, string> = {
      ...(host ? { 'host.name': hostname(), 'host.arch': hostArch(), 'os.type': system().toLowerCase() } : {}),
      ...(identity ? { 'sluice.instance.id': randomUUID() } : {}),
      ...(environment ? fromEnvironment(process.env) : {}),
      ...attributes
    }
    const editor = new Enricher(Object.entries(added), overwrite)
    return {
      process(batch) {
        const bytes = editResources(batch.bytes, editor)
        return bytes === batch.bytes ? batch : { ...batch, bytes }
      }
    }
  }
})

// Resource { repeated KeyValue attributes = 1 }, KeyValue { key = 1, value = 2 }, AnyValue { string_value = 1 }
const ATTRIBUTES = 1

const fields = new Fields()
const attribute = new AttributeView()

class Enricher implements ResourceEditor {
  private readonly keys: Buffer[]
  private readonly values: Buffer[] // AnyValue messages
  private readonly whole: Buffer[] // attribute fields of a Resource, tag and all
  private readonly all: Buffer
  private readonly overwrite: boolean
  // Which attributes the resource at hand has; kept from one of its pieces to the next.
  private readonly present: Uint8Array

  constructor(attributes: readonly (readonly [key: string, value: string])[], overwrite: boolean) {
    this.keys = attributes.map(([key]) => Buffer.from(key))
    this.values = attributes.map(([, value]) => lengthDelimited(1, Buffer.from(value)))
    this.whole = this.keys.map((key, i) =>
      lengthDelimited(ATTRIBUTES, Buffer.concat([lengthDelimited(1, key), lengthDelimited(2, this.values[i])]))
    )
    this.all = Buffer.concat(this.whole)
    this.overwrite = overwrite
    this.present = new Uint8Array(attributes.length)
  }

  resource(bytes: Uint8Array, start: number, end: number, patch: Patch, last: boolean): void {
    const { keys, present } = this
    fields.open(bytes, start, end)
    while (fields.next()) {
      if (fields.number !== ATTRIBUTES) continue
      attribute.open(bytes, fields.start, fields.end)
      for (let i = 0; i < keys.length; i++) {
        if (!equals(bytes, attribute.keyStart, attribute.keyEnd, keys[i])) continue
        present[i] = 1
        if (this.overwrite) patch.replace(fields.tagStart, fields.end, this.whole[i])
        break
      }
    }
    if (!last) return
    if (!present.includes(1)) {
      if (this.all.length > 0) patch.replace(end, end, this.all)
      return
    }
    const missing = this.whole.filter((_, i) => present[i] === 0)
    if (missing.length > 0) patch.replace(end, end, Buffer.concat(missing))
    present.fill(0)
  }

  missing(): Uint8Array | null {
    return this.all.length > 0 ? this.all : null
  }
}

/** OTEL_RESOURCE_ATTRIBUTES is `key=value,key2=value2`, percent-encoded; a part that is not of this form is left out. */
export function fromEnvironment(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const attributes: Record<string, string> = {}
  for (const part of (environment.OTEL_RESOURCE_ATTRIBUTES ?? '').split(',')) {
    const at = part.indexOf('=')
    const key = part.slice(0, at).trim()
    if (at > 0 && key !== '') attributes[decode(key)] = decode(part.slice(at + 1).trim())
  }
  const service = environment.OTEL_SERVICE_NAME
  return service === undefined || service === '' ? attributes : { ...attributes, 'service.name': service }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

// The names that the semantic conventions give to what Node calls otherwise.
function hostArch(): string {
  return { x64: 'amd64', arm: 'arm32', ia32: 'x86' }[machine() as string] ?? machine()
}
