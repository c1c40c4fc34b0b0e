import { FOUND_MAX, VALUE_BYTES_MAX } from '../../otlp/attributes/attribute-reader.ts'
import { ByteKeys } from '../../otlp/attributes/byte-keys.ts'
import type { SpanReader } from '../../otlp/attributes/span-reader.ts'
import { factsOf, takes } from './rules.ts'
import type { Series, SeriesStore } from './series.ts'

const ARENA_BYTES_MAX = 2 ** 20

/**
 * All series that a span counts in, over all rules. Spans that are alike in everything a rule could look at count in the same series, so the answer
 * is looked up with one key: facts, resource, name and known attributes as they stand on the wire. Others go from rule to rule.
 */
export class Targets {
  private readonly stores: readonly SeriesStore[]
  private readonly known = new ByteKeys<readonly Series[]>(FOUND_MAX + 1, ARENA_BYTES_MAX)
  private epoch = 0

  constructor(stores: readonly SeriesStore[]) {
    this.stores = stores
  }

  /** The series of the span that was read last; made if need be. */
  of(reader: SpanReader): readonly Series[] {
    const { interner } = reader
    if (this.epoch !== interner.epoch) {
      this.epoch = interner.epoch
      this.known.clear()
    }
    if (reader.found > FOUND_MAX) return this.byRule(reader)
    this.ask(reader)
    const found = this.known.find()
    if (found !== undefined) return found
    const series = this.byRule(reader)
    this.known.remember(series)
    return series
  }

  /** The same, but only those that are there: the span may have changed on its way. */
  knownOf(reader: SpanReader): readonly Series[] {
    if (this.epoch === reader.interner.epoch && reader.found <= FOUND_MAX) {
      this.ask(reader)
      const found = this.known.find()
      if (found !== undefined) return found
    }
    reader.settle()
    const facts = factsOf(reader)
    return this.stores.flatMap((store) => (takes(store.rule, reader) ? (store.knownSeriesOf(reader, facts) ?? []) : []))
  }

  /** Forgets; what was remembered may be of series that have expired. */
  clear(): void {
    this.known.clear()
  }

  /** Lets go of the bytes of spans. */
  close(): void {
    this.known.close()
    for (const store of this.stores) store.close()
  }

  private ask(reader: SpanReader): void {
    const { known } = this
    const { found, foundKeys, foundStarts, foundEnds, valueStarts, valueEnds, nameIndex } = reader
    known.begin(reader.view, factsOf(reader) | (reader.resourceNumber << FACT_BITS))
    const name = valueStarts[nameIndex]
    const nameLength = Math.min(valueEnds[nameIndex] - name, VALUE_BYTES_MAX)
    known.part(nameLength, name, nameLength)
    for (let i = 0; i < found; i++) {
      const length = Math.min(foundEnds[i] - foundStarts[i], VALUE_BYTES_MAX)
      known.part((foundKeys[i] << LENGTH_BITS) | length, foundStarts[i], length)
    }
  }

  private byRule(reader: SpanReader): Series[] {
    reader.settle()
    const facts = factsOf(reader)
    const series: Series[] = []
    for (const store of this.stores) if (takes(store.rule, reader)) series.push(store.seriesOf(reader, facts))
    return series
  }
}

const FACT_BITS = 6
const LENGTH_BITS = 13 // enough for VALUE_BYTES_MAX
