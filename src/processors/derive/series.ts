import { VALUE_BYTES_MAX } from '../../otlp/attributes/attribute-reader.ts'
import { ByteKeys } from '../../otlp/attributes/byte-keys.ts'
import { LABEL_CHARACTERS_MAX } from '../../otlp/attributes/label-text.ts'
import { CLOCK_FINE, type SpanReader } from '../../otlp/attributes/span-reader.ts'
import { Exemplars } from './exemplars.ts'
import { ExplicitHistogram } from './explicit-histogram.ts'
import { ExponentialHistogram } from './exponential-histogram.ts'
import { factText, type Label, type Rule } from './rules.ts'

const ARENA_BYTES_PER_SERIES = 256
const VALUE = 1 << 28
const NAME = 2 << 28
const RESOURCE = 4 << 28

const TRACE_ID_BYTES = 16
const SPAN_ID_BYTES = 8

export type Histogram = ExplicitHistogram | ExponentialHistogram

/** One set of label values of a rule, and what was counted under it since `startMs`. */
export class Series {
  /** By the rule's labels; undefined where a span had no value. Null: everything that found no room. */
  readonly values: readonly (string | undefined)[] | null
  readonly startMs: number
  readonly histogram: Histogram | null
  count = 0
  exemplars: Exemplars | null = null
  /** Something was counted since the last `expire`. */
  touched = true
  touchedMs: number
  // Counts are whole, but sampled spans stand for fractions: what is left of one waits here for the next.
  private carry = 0

  constructor(values: readonly (string | undefined)[] | null, startMs: number, histogram: Histogram | null) {
    this.values = values
    this.startMs = startMs
    this.touchedMs = startMs
    this.histogram = histogram
  }

  add(seconds: number, weight: number): void {
    let count = 1
    if (weight !== 1) {
      const due = this.carry + weight
      count = Math.floor(due)
      this.carry = due - count
    }
    this.count += count
    this.touched = true
    if (this.histogram !== null) this.histogram.add(seconds, count, weight)
  }

  /** Shows the span that was read last as an example of this series. */
  exemplify(reader: SpanReader): void {
    const { histogram } = this
    if (this.values === null) return // an example of nothing in particular
    this.exemplars ??= new Exemplars(histogram === null ? 1 : histogram.slots)
    const slot = histogram === null ? 0 : histogram.slotOf(reader.seconds)
    this.exemplars.set(slot, reader.seconds, reader.bytes, reader.traceIdStart, reader.spanIdStart, reader.endTimeStart)
  }
}

/** Whether a span has all that an exemplar needs: ids, and a time that makes its duration certain. */
export function canExemplify(reader: SpanReader): boolean {
  return (
    reader.clock === CLOCK_FINE &&
    reader.traceIdEnd - reader.traceIdStart === TRACE_ID_BYTES &&
    reader.spanIdEnd - reader.spanIdStart === SPAN_ID_BYTES
  )
}

export interface StoreOptions {
  readonly seriesMax: number
  readonly exponential: boolean
  readonly redactText: (value: string) => string
}

/**
 * The series of one rule. A span finds its series by the raw bytes of its labels; only a span whose bytes are new here has its labels decoded,
 * redacted and looked up by text, so values that redact alike share a series.
 */
export class SeriesStore {
  readonly rule: Rule
  /** Series that were dropped because nothing was counted under them for long. */
  expired = 0
  /** Label values that were cut. */
  cut = 0

  private readonly options: StoreOptions
  private readonly known: ByteKeys<Series>
  private epoch = 0
  private readonly byText = new Map<string, Series>()
  private overflow: Series | null = null
  // A series that appears now was at zero the last time anybody looked.
  private startMs: number

  constructor(rule: Rule, startMs: number, options: StoreOptions) {
    this.rule = rule
    this.startMs = startMs
    this.options = options
    this.known = new ByteKeys(rule.labels.length, Math.max(options.seriesMax, 256) * ARENA_BYTES_PER_SERIES)
  }

  get size(): number {
    return this.byText.size
  }

  /** What was counted in the overflow series, because there was no room for a series of its own. */
  get overflowed(): number {
    return this.overflow?.count ?? 0
  }

  /** The series of the span that was read last; made if need be. */
  seriesOf(reader: SpanReader, facts: number): Series {
    this.ask(reader, facts)
    return this.known.find() ?? this.admit(reader, facts)
  }

  /** The same, but only if it is there: the labels of a span may have changed on its way. */
  knownSeriesOf(reader: SpanReader, facts: number): Series | undefined {
    this.ask(reader, facts)
    return this.known.find() ?? this.byText.get(textKey(this.valuesOf(reader, facts)))
  }

  /** Drops the series under which nothing was counted for `idleMs`, and says whether there were any. The overflow series stays. */
  expire(nowMs: number, idleMs: number): boolean {
    this.startMs = nowMs
    const before = this.byText.size
    for (const [text, series] of this.byText) {
      if (series.touched) series.touchedMs = nowMs
      else if (nowMs - series.touchedMs >= idleMs) this.byText.delete(text)
      series.touched = false
    }
    if (this.byText.size === before) return false
    this.expired += before - this.byText.size
    this.known.clear()
    return true
  }

  *series(): Generator<Series> {
    yield* this.byText.values()
    if (this.overflow !== null) yield this.overflow
  }

  /** Lets go of the bytes of spans. */
  close(): void {
    this.known.close()
  }

  // A label's part of the key: nothing; a value of the resource, by its number; the span's name; or an AnyValue.
  private ask(reader: SpanReader, facts: number): void {
    const { known, rule } = this
    const { view, bits, nameIndex, resourceValues, interner } = reader
    const keys = resourceValues.length
    if (this.epoch !== interner.epoch) {
      this.epoch = interner.epoch
      known.clear()
    }
    known.begin(view, facts & rule.facts)
    const { labels } = rule
    for (let i = 0; i < labels.length; i++) {
      const index = (labels[i].bits & bits) === 0 ? -1 : reader.resolve(labels[i].sources)
      if (index < 0) known.part(0, 0, 0)
      else if (index >= keys && index < nameIndex) known.part(RESOURCE | resourceValues[index - keys], 0, 0)
      else {
        const start = reader.valueStarts[index]
        const length = Math.min(reader.valueEnds[index] - start, VALUE_BYTES_MAX)
        known.part((index === nameIndex ? NAME : VALUE) | length, start, length)
      }
    }
  }

  private admit(reader: SpanReader, facts: number): Series {
    const values = this.valuesOf(reader, facts)
    const text = textKey(values)
    let series = this.byText.get(text)
    if (series === undefined) {
      if (this.byText.size < this.options.seriesMax) {
        series = this.create(values)
        this.byText.set(text, series)
      } else {
        this.overflow ??= this.create(null)
        series = this.overflow
      }
    }
    this.known.remember(series)
    return series
  }

  private create(values: readonly (string | undefined)[] | null): Series {
    return new Series(values, this.startMs, this.histogram())
  }

  private histogram(): Histogram | null {
    if (this.rule.duration === null) return null
    return this.options.exponential ? new ExponentialHistogram() : new ExplicitHistogram(this.rule.bounds)
  }

  private valuesOf(reader: SpanReader, facts: number): (string | undefined)[] {
    return this.rule.labels.map((label) => (label.fact === 0 ? this.valueOf(reader, label) : factText(label, facts)))
  }

  private valueOf(reader: SpanReader, label: Label): string | undefined {
    const raw = reader.text(label.sources)
    if (raw === undefined || raw === '') return undefined
    const text = this.options.redactText(raw)
    if (text.length <= LABEL_CHARACTERS_MAX) return text
    this.cut++
    return text.slice(0, LABEL_CHARACTERS_MAX).toWellFormed()
  }
}

/** What a series is known by: its label values, which may hold any character. */
function textKey(values: readonly (string | undefined)[]): string {
  return JSON.stringify(values)
}
