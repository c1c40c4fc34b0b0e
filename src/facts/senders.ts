import type { GpuDevice } from './facts.ts'
import { type Placement, type Says, SENDER_KEYS } from './placement.ts'

/** What reads the attributes of resources and records. */
interface Reader {
  /** The text of the first present one of these attributes, by number, of the resource. */
  resourceText(sources: Int32Array): string | undefined
  /** The same, of the record. */
  ownText(sources: Int32Array): string | undefined
  /** The same for resources that are alike, for as long as the epoch stays. */
  readonly resourceNumber: number
  readonly interner: { readonly epoch: number }
}

/** The numbers that the reader has for attributes. */
interface Keys {
  numberOf(key: string): number
}

/** Names by which a sender may say which GPU it used. */
export const ID_NAMES = ['hw.id', 'gpu.uuid', 'gpu.id', 'gpu.index']

/** Resources whose GPUs are remembered. */
const KNOWN_MAX = 1024

/** Names of GPUs, of one resource, that are remembered. */
const NAMED_MAX = 64

/** What is added to every resource, and whether it replaces what a resource says. */
export interface Given {
  readonly attributes: Readonly<Record<string, string>>
  readonly overwrite: boolean
}

const NOTHING_GIVEN: Given = { attributes: {}, overwrite: false }

/** Tells the GPUs of the resource and of the record that a reader has read last. */
export class Senders {
  /** What the resource says of itself. */
  readonly says: Says
  private readonly placement: Placement
  private readonly reader: Reader
  private readonly ids: Int32Array
  private readonly named: () => string | undefined
  private readonly known = new Map<number, Gpus>()
  private placementEpoch = 0
  private readerEpoch = 0

  constructor(placement: Placement, reader: Reader, keys: Keys, idNames: readonly string[], given = NOTHING_GIVEN) {
    this.placement = placement
    this.reader = reader
    this.ids = Int32Array.from(idNames, (name) => keys.numberOf(name)).filter((key) => key >= 0)
    const sources = new Map([...SENDER_KEYS, ...idNames].map((key) => [key, Int32Array.of(keys.numberOf(key)).filter((one) => one >= 0)]))
    const says = (key: string): string | undefined => {
      const said = reader.resourceText(sources.get(key)!)
      const added = given.attributes[key]
      return given.overwrite ? (added ?? said) : (said ?? added)
    }
    this.says = says
    this.named = () => idNames.map(says).find((text) => text !== undefined)
  }

  /** Those that the record names, else those that its resource names, else those that the sender may use. */
  ofRecord(): readonly GpuDevice[] {
    const { own, said, named } = this.gpus()
    const text = this.reader.ownText(this.ids)
    if (text === undefined) return said
    let devices = named.get(text)
    if (devices === undefined) {
      devices = this.placement.named(text, own)
      if (named.size >= NAMED_MAX) named.clear()
      named.set(text, devices)
    }
    return devices
  }

  /** Those that the resource names, else those that the sender may use. */
  ofResource(): readonly GpuDevice[] {
    return this.gpus().said
  }

  private gpus(): Gpus {
    const { placement, reader, known } = this
    if (this.placementEpoch !== placement.epoch || this.readerEpoch !== reader.interner.epoch) {
      this.placementEpoch = placement.epoch
      this.readerEpoch = reader.interner.epoch
      known.clear()
    }
    let gpus = known.get(reader.resourceNumber)
    if (gpus === undefined) {
      const own = placement.gpusOf(this.says)
      const named = this.named()
      gpus = { own, said: named === undefined ? own : placement.named(named, own), named: new Map() }
      if (known.size >= KNOWN_MAX) known.clear()
      known.set(reader.resourceNumber, gpus)
    }
    return gpus
  }
}

/** The GPUs of a resource: those that it may use, those that it says it uses, and those that its records name. */
interface Gpus {
  readonly own: readonly GpuDevice[]
  readonly said: readonly GpuDevice[]
  readonly named: Map<string, readonly GpuDevice[]>
}
