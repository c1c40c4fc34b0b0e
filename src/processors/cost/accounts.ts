import { type AttributeReader, VALUE_BYTES_MAX } from '../../otlp/attributes/attribute-reader.ts'
import { ByteKeys } from '../../otlp/attributes/byte-keys.ts'
import type { KeyTable } from '../../otlp/attributes/key-table.ts'
import { LABEL_CHARACTERS_MAX, remembering } from '../../otlp/attributes/label-text.ts'
import type { Account } from './timeline.ts'

const ARENA_BYTES_PER_SERIES = 256
const VALUE = 1 << 28
const RESOURCE = 4 << 28

/** What one set of label values has cost since `startMs`. */
export class LabelledAccount implements Account {
  /** By label; undefined where a span had no value. Null: everything that found no room. */
  readonly values: readonly (string | undefined)[] | null
  readonly startMs: number
  seconds = 0
  joules = 0
  touchedMs: number

  constructor(values: readonly (string | undefined)[] | null, startMs: number) {
    this.values = values
    this.startMs = startMs
    this.touchedMs = startMs
  }
}

export interface AccountsOptions {
  readonly labels: Readonly<Record<string, readonly string[]>>
  readonly seriesMax: number
  readonly redactText: (value: string) => string
}

/** The accounts by their label values. A span finds its account by the bytes of its labels; only new bytes are decoded, and redacted. */
export class Accounts {
  readonly names: readonly string[]
  /** Spans that went into the overflow account, because there was no room for one of their own. */
  overflowed = 0
  private readonly sources: readonly Int32Array[]
  private readonly seriesMax: number
  private readonly redact: (value: string) => string
  private readonly known: ByteKeys<LabelledAccount>
  private readonly byText = new Map<string, LabelledAccount>()
  private overflow: LabelledAccount | null = null
  private epoch = 0

  constructor({ labels, seriesMax, redactText }: AccountsOptions, keys: KeyTable) {
    this.names = Object.keys(labels)
    this.sources = Object.values(labels).map((names) => Int32Array.from(names, (name) => keys.numberOf(name)).filter((key) => key >= 0))
    this.seriesMax = seriesMax
    this.redact = remembering(redactText)
    this.known = new ByteKeys(this.sources.length, Math.max(seriesMax, 256) * ARENA_BYTES_PER_SERIES)
  }

  /** The account of the span that was read last; made if need be. */
  of(reader: AttributeReader, nowMs: number): LabelledAccount {
    this.ask(reader)
    let account = this.known.find()
    if (account === undefined) {
      account = this.admit(reader, nowMs)
      this.known.remember(account)
    }
    account.touchedMs = nowMs
    if (account === this.overflow) this.overflowed++
    return account
  }

  /** Drops the accounts that no span has touched for `idleMs`. */
  expire(nowMs: number, idleMs: number): void {
    const before = this.byText.size
    for (const [text, { touchedMs }] of this.byText) if (nowMs - touchedMs >= idleMs) this.byText.delete(text)
    if (this.byText.size < before) this.known.clear()
  }

  *all(): Generator<LabelledAccount> {
    yield* this.byText.values()
    if (this.overflow !== null) yield this.overflow
  }

  /** Lets go of the bytes of spans. */
  close(): void {
    this.known.close()
  }

  // A label's part of the key: nothing; a value of the resource, by its number; or an AnyValue.
  private ask(reader: AttributeReader): void {
    const { known, sources } = this
    const { view, nameIndex, resourceValues, interner } = reader
    const keys = resourceValues.length
    if (this.epoch !== interner.epoch) {
      this.epoch = interner.epoch
      known.clear()
    }
    known.begin(view, 0)
    for (let i = 0; i < sources.length; i++) {
      const index = reader.resolve(sources[i])
      if (index < 0) known.part(0, 0, 0)
      else if (index >= keys && index < nameIndex) known.part(RESOURCE | resourceValues[index - keys], 0, 0)
      else {
        const start = reader.valueStarts[index]
        const length = Math.min(reader.valueEnds[index] - start, VALUE_BYTES_MAX)
        known.part(VALUE | length, start, length)
      }
    }
  }

  private admit(reader: AttributeReader, nowMs: number): LabelledAccount {
    const values = this.sources.map((sources) => this.valueOf(reader, sources))
    const text = JSON.stringify(values)
    const found = this.byText.get(text)
    if (found !== undefined) return found
    if (this.byText.size >= this.seriesMax) {
      this.overflow ??= new LabelledAccount(null, nowMs)
      return this.overflow
    }
    const made = new LabelledAccount(values, nowMs)
    this.byText.set(text, made)
    return made
  }

  private valueOf(reader: AttributeReader, sources: Int32Array): string | undefined {
    const raw = reader.text(sources)
    if (raw === undefined || raw === '') return undefined
    const text = this.redact(raw)
    return text.length <= LABEL_CHARACTERS_MAX ? text : text.slice(0, LABEL_CHARACTERS_MAX).toWellFormed()
  }
}
