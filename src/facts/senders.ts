import type { GpuDevice } from './facts.ts'
import { type Placement, type Says, SENDER_KEYS, type SenderKey } from './placement.ts'

/** What reads the attributes of resources and records. */
interface Reader {
  /** The text of the first present one of these attributes, by number; of the record before the resource. */
  text(sources: Int32Array): string | undefined
  /** The same, of the record alone. */
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

/** Tells the GPUs of the resource and of the record that a reader has read last. */
export class Senders {
  /** What the resource says of itself. */
  readonly says: Says
  private readonly placement: Placement
  private readonly reader: Reader
  private readonly ids: Int32Array
  private readonly known = new Map<number, readonly GpuDevice[]>()
  private placementEpoch = 0
  private readerEpoch = 0

  constructor(placement: Placement, reader: Reader, keys: Keys, idNames: readonly string[]) {
    this.placement = placement
    this.reader = reader
    this.ids = Int32Array.from(idNames, (name) => keys.numberOf(name)).filter((key) => key >= 0)
    const sources = new Map(SENDER_KEYS.map((key) => [key, Int32Array.of(keys.numberOf(key))]))
    this.says = (key: SenderKey) => reader.text(sources.get(key)!)
  }

  /** The GPUs that a sender may use, whatever its resource or its record names. */
  ofSender(): readonly GpuDevice[] {
    const { placement, reader, known } = this
    if (this.placementEpoch !== placement.epoch || this.readerEpoch !== reader.interner.epoch) {
      this.placementEpoch = placement.epoch
      this.readerEpoch = reader.interner.epoch
      known.clear()
    }
    let devices = known.get(reader.resourceNumber)
    if (devices === undefined) {
      devices = placement.gpusOf(this.says)
      if (known.size >= KNOWN_MAX) known.clear()
      known.set(reader.resourceNumber, devices)
    }
    return devices
  }

  /** Those that the record names, else those that its resource names, else those of the sender. */
  ofRecord(): readonly GpuDevice[] {
    const own = this.ofSender()
    const named = this.reader.ownText(this.ids) ?? this.reader.text(this.ids)
    return named === undefined ? own : this.placement.named(named, own)
  }
}
