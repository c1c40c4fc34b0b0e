import { hashOf } from './json-scanner.ts'
import { type Field, MESSAGES, type MessageName, type Scalar, WIRE_TYPE } from './schema.ts'
import { BYTES } from './wire.ts'

/** A field as JSON meets it: found by its key, written with its tag. */
export interface JsonField {
  readonly name: string
  readonly tag: number
  /** How the value is read; `message` when `child` says the rest. */
  readonly kind: Scalar | 'message'
  readonly repeated: boolean
  /** A zero is written too. */
  readonly presence: boolean
  readonly child: JsonLayout | undefined
  readonly names: ReadonlyMap<string, number> | undefined
  /** One bit per field of a message, to know which have been read. */
  readonly bit: number
}

interface Slot {
  readonly key: Uint8Array
  readonly field: JsonField
}

/** The fields of a message by their JSON keys, in lowerCamelCase and in snake_case. */
export class JsonLayout {
  readonly name: MessageName
  private readonly fields = new Map<string, JsonField>()
  // Keys are found by a hash without collisions, so that one comparison decides and no string is made.
  private slots: (Slot | undefined)[] = []
  private shift = 0

  constructor(name: MessageName) {
    this.name = name
  }

  /** Separate from the constructor because messages contain themselves. */
  fill(): void {
    const fields = Object.entries(MESSAGES[this.name])
    for (const [i, [name, field]] of fields.entries()) {
      const made = jsonField(name, field, 1 << i)
      this.fields.set(name, made)
      this.fields.set(snakeCase(name), made)
    }
    const keys = Array.from(this.fields, ([key, field]): Slot => ({ key: Buffer.from(key), field }))
    for (let bits = 2; !this.place(keys, bits); bits++);
  }

  private place(keys: Slot[], bits: number): boolean {
    this.shift = 32 - bits
    this.slots = new Array(1 << bits).fill(undefined)
    for (const slot of keys) {
      const index = this.indexOf(hashOf(slot.key))
      if (this.slots[index] !== undefined) return false
      this.slots[index] = slot
    }
    return true
  }

  private indexOf(hash: number): number {
    return Math.imul(hash, 0x9e37_79b1) >>> this.shift
  }

  /** The field of the key between `start` and `end`, whose hash is known. */
  find(text: Uint8Array, start: number, end: number, hash: number): JsonField | undefined {
    const slot = this.slots[this.indexOf(hash)]
    if (slot === undefined) return undefined
    const { key } = slot
    if (key.length !== end - start) return undefined
    for (let i = 0; i < key.length; i++) if (key[i] !== text[start + i]) return undefined
    return slot.field
  }

  findByName(key: string): JsonField | undefined {
    return this.fields.get(key)
  }
}

const layouts = new Map<MessageName, JsonLayout>()

export function jsonLayout(name: MessageName): JsonLayout {
  const known = layouts.get(name)
  if (known !== undefined) return known
  const layout = new JsonLayout(name)
  layouts.set(name, layout)
  layout.fill()
  return layout
}

function jsonField(name: string, { number, scalar, message, repeated, optional, names }: Field, bit: number): JsonField {
  const packed = repeated && scalar !== undefined
  return {
    name,
    tag: (number << 3) | (scalar === undefined || packed ? BYTES : WIRE_TYPE[scalar]),
    kind: scalar ?? 'message',
    repeated,
    presence: optional === true || repeated,
    child: message === undefined ? undefined : jsonLayout(message),
    names: names && new Map(names.map((label, value) => [label, value])),
    bit
  }
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
