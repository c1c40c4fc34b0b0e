// The wire: messages, one a line; https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/
//   <name>:<value>[:<value>…]|<type>[|@<rate>][|#<tag>,<tag>…][|c:<container>][|T<unix seconds>][|e:<surroundings>][|card:<level>]
//   _e{<bytes of title>,<bytes of text>}:<title>|<text>[|<field>…]
//   _sc|<name>|<status>[|<field>…]

import { numberIn } from './dogstatsd-numbers.ts'
import { COUNT, GAUGE, HISTOGRAM, SET, type Series } from './dogstatsd-series.ts'
import type { Source, Store } from './dogstatsd-store.ts'

const KINDS: ReadonlyMap<string, number> = new Map([
  ['c', COUNT],
  ['g', GAUGE],
  ['ms', HISTOGRAM],
  ['h', HISTOGRAM],
  ['d', HISTOGRAM],
  ['s', SET]
])
/** What an Agent reads at once. */
export const LINE_CHARACTERS_MAX = 8192
const NAME_CHARACTERS_MAX = 512
/** Below this a single value would stand for more than anybody sends. */
const RATE_MIN = 1e-6
/** A time may lie so far ahead. */
const AHEAD_MS_MAX = 10 * 60_000
const COLON = 58
const AT = 64
const LETTER_T = 84
const UNDERSCORE = 95
const RETURN = 13

/** Why a message was not taken. */
export type DropReason = 'malformed' | 'too-long' | 'no-room' | 'overflow'

/** Told what became of messages. */
export interface LineSink {
  taken(kind: 'metric', messages: number): void
  dropped(reason: DropReason, messages: number): void
  /** An event or a service check, as its line begins with `_e{` or `_sc|`. */
  other(line: string, source: Source): void
}

/** Reads messages into series. */
export class LineReader {
  private readonly store: Store
  private readonly sink: LineSink
  // Of the message at hand.
  private readonly values: number[] = []
  private rate = 1
  private atMs = 0
  private fields = ''

  constructor(store: Store, sink: LineSink) {
    this.store = store
    this.sink = sink
  }

  /** Reads the lines of one packet. */
  read(text: string, source: Source): void {
    let metrics = 0
    let start = 0
    while (start < text.length) {
      const newline = text.indexOf('\n', start)
      const next = newline < 0 ? text.length : newline
      const end = next > start && text.charCodeAt(next - 1) === RETURN ? next - 1 : next
      if (end - start > LINE_CHARACTERS_MAX) this.sink.dropped('too-long', 1)
      else if (end > start) {
        const line = start === 0 && end === text.length ? text : text.slice(start, end)
        if (line.charCodeAt(0) === UNDERSCORE && (line.startsWith('_e{') || line.startsWith('_sc|'))) this.sink.other(line, source)
        else {
          const reason = this.metric(line, source)
          if (reason === undefined) metrics++
          else this.sink.dropped(reason, 1)
        }
      }
      start = next + 1
    }
    if (metrics > 0) this.sink.taken('metric', metrics)
  }

  private metric(line: string, source: Source): DropReason | undefined {
    const colon = line.indexOf(':')
    const bar = line.indexOf('|', colon + 1)
    if (colon < 1 || colon > NAME_CHARACTERS_MAX || bar <= colon + 1) return 'malformed'
    const second = line.indexOf('|', bar + 1)
    const type = line.slice(bar + 1, second < 0 ? line.length : second)
    const kind = KINDS.get(type)
    if (kind === undefined || !this.readFields(line, second)) return 'malformed'
    if (kind !== SET && !this.readValues(line, colon + 1, bar)) return 'malformed'
    const series = this.store.seriesOf(source, line.slice(0, colon), kind, type, this.fields)
    if (series === undefined) return 'no-room'
    if (kind === SET) return this.store.addMember(series, line.slice(colon + 1, bar)) ? undefined : 'no-room'
    return this.apply(series, kind) ? undefined : 'overflow'
  }

  private readValues(line: string, start: number, end: number): boolean {
    const { values } = this
    values.length = 0
    let from = start
    for (let at = start; at <= end; at++) {
      if (at < end && line.charCodeAt(at) !== COLON) continue
      const value = numberIn(line, from, at)
      if (Number.isNaN(value)) return false
      values.push(value)
      from = at + 1
    }
    return true
  }

  // Rate and time concern the values; what is left says whose they are.
  private readFields(line: string, start: number): boolean {
    this.rate = 1
    this.atMs = 0
    this.fields = ''
    let at = start
    while (at >= 0) {
      const next = line.indexOf('|', at + 1)
      const end = next < 0 ? line.length : next
      const first = line.charCodeAt(at + 1)
      if (first === AT) {
        this.rate = numberIn(line, at + 2, end)
        if (!(this.rate >= RATE_MIN && this.rate <= 1)) return false
      } else if (first === LETTER_T) {
        this.atMs = numberIn(line, at + 2, end) * 1000
        if (!(this.atMs > 0)) return false
        if (this.atMs > Date.now() + AHEAD_MS_MAX) this.atMs = 0
      } else if (this.fields === '') this.fields = line.slice(at, end)
      else this.fields += line.slice(at, end)
      at = next
    }
    return true
  }

  private apply(series: Series, kind: number): boolean {
    const { values, rate } = this
    if (kind === GAUGE) {
      series.set(values[values.length - 1], this.atMs)
      return true
    }
    let isWhole = true
    for (let i = 0; i < values.length; i++) {
      const isTaken = kind === COUNT ? series.count(values[i] / rate) : series.record(values[i], rate)
      if (!isTaken) isWhole = false
    }
    return isWhole
  }
}
