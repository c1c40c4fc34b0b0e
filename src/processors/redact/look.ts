// One look at a text after another: what all rules find in it, within a budget of work.
import { ALNUM, BASE64, BLANK, DASH, DIGIT, DOT, Text, UNDERSCORE } from './bytes.ts'
import { Decoded, merged } from './decoded.ts'
import { findHeadless, headless } from './headless.ts'
import { type Heads, WORK_PER_FIND } from './heads.ts'
import { cards, findDigits } from './people.ts'
import { markerEnd } from './replacement.ts'
import { Swept } from './sweep.ts'
import { Trail } from './trail.ts'

/** Longer texts are swept. */
const SWEPT_BYTES_MIN = 160

/** Looks into what is written within a text in another form, with so much work at most: whether it holds a secret, and how much work is left. */
export type LookWithin = (bytes: Uint8Array, work: number) => { readonly holds: boolean; readonly left: number }

/** Looks at one text at a time. What it found stands in `text` until the next look. */
export class Look {
  private readonly heads: Heads
  private readonly within: LookWithin | null
  private readonly swept = new Swept()
  private readonly decoded = new Decoded()
  private readonly trail = new Trail()
  readonly text = new Text()
  /** Rules and values that the user leaves alone everywhere. */
  private readonly spared: ReadonlySet<string>
  /** Rules whose finds stay where the next text stands. */
  allowed: ReadonlySet<string> = new Set()
  /** What is left of the budgets of the text and of the request. */
  budget = 0
  workLeft = Number.POSITIVE_INFINITY

  /** Without `within`, texts are not looked into for others. */
  constructor(heads: Heads, spared: ReadonlySet<string>, within: LookWithin | null) {
    this.heads = heads
    this.spared = spared
    this.within = within
  }

  /** True when all heads of the last look are known, so that `again` need not look for them. */
  get knowsHeads(): boolean {
    return this.trail.isWhole
  }

  /** Fills `text` with what is found in [start, stop). False when the budget ran out. */
  scan(bytes: Uint8Array, start: number, stop: number): boolean {
    const { text, heads, trail } = this
    const { finder } = heads
    text.open(bytes, start, stop)
    text.allowed = this.allowed
    trail.clear()
    if (stop - start >= SWEPT_BYTES_MIN && this.within !== null) return this.scanSwept(bytes, start, stop)
    finder.reset()
    let end = finder.find(bytes, start, stop)
    while (end >= 0) {
      const ended = finder.ended()
      trail.add(end, ended)
      heads.look(text, ended, end)
      if (text.work > this.budget) return this.pay()
      if (text.floor > end) {
        // What lies between the head and the find, or within a marker that a find may still break, is looked at in the next pass.
        const last = text.from.length === 0 ? -1 : text.from[text.from.length - 1]
        const stopGap = last >= end ? last : text.floor
        for (let at = finder.find(bytes, end, stopGap); at >= 0; at = finder.find(bytes, at, stopGap)) trail.add(at, finder.ended())
        end = text.floor
        finder.reset()
      }
      end = finder.find(bytes, end, stop)
    }
    return this.finish() && this.lookDecoded(bytes, start, stop)
  }

  // The same for a text that is long enough to be swept. Heads within finds go to the trail as well, and are left out there.
  private scanSwept(bytes: Uint8Array, start: number, stop: number): boolean {
    const { text, heads, trail, swept } = this
    const { sweep } = heads
    for (let at = start; at < stop; ) {
      at = sweep.run(bytes, at, stop, swept)
      for (let i = 0; i < swept.count; i++) {
        const ended = sweep.headsAt(swept, i)
        trail.add(swept.ends[i], ended)
        this.heads.look(text, ended, swept.ends[i])
        if (text.work > this.budget) return this.pay()
      }
    }
    return this.finish() && this.lookDecoded(bytes, start, stop)
  }

  // The same for the text with its escapes resolved, if it has any. Finds are noted where they stand as written.
  private lookDecoded(bytes: Uint8Array, start: number, stop: number): boolean {
    const { text, heads, decoded } = this
    const { finder } = heads
    if (!text.escaped || !decoded.open(bytes, start, stop)) return true
    const { seesKey } = text
    this.workLeft -= 2 * (stop - start)
    const finds = text.take()
    text.open(decoded.bytes, 0, decoded.length)
    finder.reset()
    for (let end = finder.find(decoded.bytes, 0, text.stop); end >= 0; end = finder.find(decoded.bytes, end, text.stop)) {
      this.heads.look(text, finder.ended(), end)
      if (text.work > this.budget) return this.pay()
      if (text.floor <= end) continue
      end = text.floor
      finder.reset()
    }
    if (!this.finish()) return false
    const more = text.take()
    for (const find of more) {
      find.from = decoded.original(find.from)
      find.to = decoded.original(find.to)
    }
    const seesDecodedKey = text.seesKey
    text.open(bytes, start, stop)
    text.seesKey = seesKey || seesDecodedKey
    for (const find of merged(finds, more)) text.put(find)
    return true
  }

  /**
   * The same for the text that the finds of the last `scan` were replaced in. Markers hold no heads, so the heads that are left are known, and so is where
   * they stand now.
   */
  again(changed: Uint8Array): boolean {
    const { text, trail } = this
    const from = text.from.slice()
    const to = text.to.slice()
    let shift = -text.start
    let done = 0
    const isApart = from.every((start, i) => standsApart(text, start, to[i]))
    text.open(changed, 0, changed.length)
    text.allowed = this.allowed
    for (let i = 0; i < trail.length; i++) {
      const end = trail.ends[i]
      while (done < from.length && to[done] < end) {
        const at = from[done] + shift
        const markerStop = markerEnd(text, at)
        if (markerStop < 0) return this.scan(changed, 0, changed.length)
        shift += markerStop - at - (to[done] - from[done])
        text.floor = Math.max(text.floor, markerStop)
        done++
      }
      // What was part of a find is gone.
      if (done === from.length || end <= from[done]) this.heads.look(text, trail.heads[i], end + shift)
      if (text.work > this.budget) return this.pay()
    }
    return this.finish(!isApart) && this.lookDecoded(changed, 0, changed.length)
  }

  private finish(looksForHeadless = true): boolean {
    if (looksForHeadless) this.addHeadless()
    if (this.spared.size > 0) this.dropSpared()
    return this.pay()
  }

  // Takes the work of one pass from the budgets; false when there is nothing left.
  private pay(): boolean {
    this.budget -= this.text.work
    this.workLeft -= this.text.work
    return this.budget >= 0
  }

  // Cards and some tokens have no head; they are looked for between the other finds.
  private addHeadless(): void {
    const { text } = this
    if (this.heads.findsCards && findDigits(text.bytes, text.start, text.stop) >= 0) {
      this.between((from, to) => cards(text, from, to, (start, end) => text.found(start, end, 'card')))
    }
    if (findHeadless(text.bytes, text.start, text.stop) >= 0) {
      this.between((from, to) => headless(text, from, to, (bytes) => this.holdsSecret(bytes)))
    }
  }

  private between(look: (from: number, to: number) => void): void {
    const { text } = this
    for (const find of text.take()) {
      text.lookingAt = -1
      look(text.floor, find.from)
      text.put(find)
    }
    text.lookingAt = -1
    look(text.floor, text.stop)
  }

  private holdsSecret(bytes: Uint8Array): boolean {
    if (this.within === null) return false
    const work = Math.max(0, this.budget - this.text.work)
    const { holds, left } = this.within(bytes, work)
    this.text.work += WORK_PER_FIND + work - left
    return holds
  }

  private dropSpared(): void {
    const { text } = this
    let kept = 0
    for (let i = 0; i < text.from.length; i++) {
      if (this.spared.has(text.rule[i]) || this.spared.has(latin1ToText(text.slice(text.from[i], text.to[i])))) continue
      text.from[kept] = text.from[i]
      text.to[kept] = text.to[i]
      text.around[kept] = text.around[i]
      text.head[kept] = text.head[i]
      text.rule[kept++] = text.rule[i]
    }
    text.from.length = kept
    text.to.length = kept
    text.rule.length = kept
    text.around.length = kept
    text.head.length = kept
  }
}

const JOINED = ALNUM | UNDERSCORE | DASH | DOT | BASE64

// True when what has no head reads alike beside the find in [from, to) and beside the marker in its place: nothing of a run of letters or digits touches.
function standsApart(text: Text, from: number, to: number): boolean {
  if (text.is(from - 1, JOINED) || text.is(to, JOINED)) return false
  return !(text.is(from - 1, BLANK) && text.is(from - 2, DIGIT)) && !(text.is(to, BLANK) && text.is(to + 1, DIGIT))
}

/** A text of one character a byte as what its bytes say. */
export const latin1ToText = (slice: string): string => Buffer.from(slice, 'latin1').toString()
