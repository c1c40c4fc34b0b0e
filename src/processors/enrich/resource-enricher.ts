import type { Placement } from '../../facts/placement.ts'
import type { Senders } from '../../facts/senders.ts'
import type { AttributeReader } from '../../otlp/attributes/attribute-reader.ts'
import type { Patch } from '../../otlp/patch.ts'
import type { ResourceEditor } from '../../otlp/request.ts'
import { AttributeView, equals } from '../../otlp/views.ts'
import { Fields } from '../../otlp/wire.ts'
import { AttributeWriter, keyField } from './attribute-writer.ts'
import { identityOf } from './gpu-names.ts'

// Resource { repeated KeyValue attributes = 1 }
const ATTRIBUTES = 1

/** Resources whose additions are remembered. */
const KNOWN_MAX = 1024

const fields = new Fields()
const attribute = new AttributeView()
const writer = new AttributeWriter()

type Attributes = Readonly<Record<string, string | number>>

/** Attributes ready for the wire. */
class Additions {
  readonly keys: readonly Buffer[]
  /** Attribute fields of a Resource, tag and all. */
  readonly whole: readonly Buffer[]
  readonly all: Buffer

  constructor(attributes: Attributes) {
    const entries = Object.entries(attributes)
    this.keys = entries.map(([key]) => Buffer.from(key))
    this.whole = entries.map(([key, value]) => {
      writer.begin()
      writer.open(ATTRIBUTES)
      if (typeof value === 'number') writer.int(keyField(key), value)
      else writer.text(keyField(key), value)
      return writer.copy()
    })
    this.all = Buffer.concat(this.whole)
  }
}

export interface ResourceOptions {
  readonly attributes: Readonly<Record<string, string>>
  readonly overwrite: boolean
  readonly placement: Placement
  readonly pod: boolean
  readonly gpu: boolean
  /** Reads a resource before it is edited. */
  readonly reader: AttributeReader
  readonly senders: Senders
}

/**
 * Adds to resources: what the configuration gives, then the sender's pod, then its GPU. Only what the configuration gives may overwrite; what a
 * sender says of its own pod and GPU it knows better.
 */
export class ResourceEnricher implements ResourceEditor {
  private readonly options: ResourceOptions
  private readonly fixed: Additions
  // What resources of one number are given, by twice that number, plus one with GPUs; good for as long as both epochs stay.
  private readonly known = new Map<number, Additions>()
  private placementEpoch = 0
  private readerEpoch = 0
  private isKnowing = false
  private withGpu = false
  // The pieces of the resource at hand.
  private readonly starts: number[] = []
  private readonly ends: number[] = []

  constructor(options: ResourceOptions) {
    this.options = options
    this.fixed = new Additions(options.attributes)
  }

  /** Begins a request; `withGpu` says whether its kind of telemetry is told of GPUs. Returns whether resources must have been read. */
  open(withGpu: boolean): boolean {
    const { placement, pod, gpu } = this.options
    this.withGpu = withGpu && gpu && placement.hasGpus
    this.isKnowing = pod || this.withGpu
    return this.isKnowing
  }

  resource(bytes: Uint8Array, start: number, end: number, patch: Patch, last: boolean): void {
    const { starts, ends } = this
    if (this.options.overwrite) this.overwrite(bytes, start, end, patch)
    starts.push(start)
    ends.push(end)
    if (!last) return
    const additions = this.additions()
    const missing = additions.keys.length === 0 ? null : this.missingOf(additions, bytes)
    if (missing !== null) patch.replace(end, end, missing)
    starts.length = ends.length = 0
  }

  missing(): Uint8Array | null {
    const { all } = this.additions()
    return all.length > 0 ? all : null
  }

  private overwrite(bytes: Uint8Array, start: number, end: number, patch: Patch): void {
    const { keys, whole } = this.fixed
    fields.open(bytes, start, end)
    while (fields.next()) {
      if (fields.number !== ATTRIBUTES) continue
      attribute.open(bytes, fields.start, fields.end)
      const i = indexOf(keys, bytes)
      if (i >= 0) patch.replace(fields.tagStart, fields.end, whole[i])
    }
  }

  private missingOf({ keys, whole, all }: Additions, bytes: Uint8Array): Uint8Array | null {
    const present = new Uint8Array(keys.length)
    let count = 0
    for (let piece = 0; piece < this.starts.length; piece++) {
      fields.open(bytes, this.starts[piece], this.ends[piece])
      while (fields.next()) {
        if (fields.number !== ATTRIBUTES) continue
        attribute.open(bytes, fields.start, fields.end)
        const i = indexOf(keys, bytes)
        if (i < 0 || present[i] === 1) continue
        present[i] = 1
        count++
      }
    }
    if (count === 0) return all
    return count === keys.length ? null : Buffer.concat(whole.filter((_, i) => present[i] === 0))
  }

  private additions(): Additions {
    if (!this.isKnowing) return this.fixed
    const { known } = this
    const { placement, reader } = this.options
    if (this.placementEpoch !== placement.epoch || this.readerEpoch !== reader.interner.epoch) {
      this.placementEpoch = placement.epoch
      this.readerEpoch = reader.interner.epoch
      known.clear()
    }
    const number = 2 * reader.resourceNumber + (this.withGpu ? 1 : 0)
    let additions = known.get(number)
    if (additions === undefined) {
      additions = this.make()
      if (known.size >= KNOWN_MAX) known.clear()
      known.set(number, additions)
    }
    return additions
  }

  private make(): Additions {
    const { attributes, pod, placement, senders } = this.options
    return new Additions({
      ...(this.withGpu ? identityOf(senders.ofResource()) : {}),
      ...(pod ? placement.podOf(senders.says) : {}),
      ...attributes
    })
  }
}

function indexOf(keys: readonly Buffer[], bytes: Uint8Array): number {
  for (let i = 0; i < keys.length; i++) if (equals(bytes, attribute.keyStart, attribute.keyEnd, keys[i])) return i
  return -1
}
