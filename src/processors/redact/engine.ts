// Finds and replaces secrets in one text. One pass of the automaton finds heads; checks look only there. What a pass changed is passed again
// until nothing is found, so redacting twice is the same as redacting once.
import { type Automaton, buildAutomaton, HeadFinder } from './automaton.ts'
import { ALNUM, BASE64, BLANK, CLASS, DASH, DIGIT, DOT, latin1, Text, UNDERSCORE, UPPER } from './bytes.ts'
import { Decoded, merged } from './decoded.ts'
import { findHeadless, headless } from './headless.ts'
import { JsonLine } from './json-line.ts'
import { isJson, mayBreakJson } from './json-place.ts'
import { KeyJudge, type KeyKind } from './keys.ts'
import type { UserPattern } from './patterns.ts'
import { cards, findDigits } from './people.ts'
import { type Place, Treatment } from './policy.ts'
import { markerEnd, Replacement } from './replacement.ts'
import { rulesOf } from './rules.ts'
import { type Sweep, Swept, sweepOf } from './sweep.ts'
import type { Check, Rule } from './token-shapes.ts'
import { Trail } from './trail.ts'
import { isHarmless, isNoCode } from './values.ts'

export interface EngineOptions {
  readonly keys: readonly string[]
  readonly patterns: readonly UserPattern[]
  readonly allow: readonly string[]
  /** With it values are hashed. */
  readonly hashKey?: string
  /** Is told of each replacement, by rule and place. */
  readonly counted: (rule: string, signal: string, place: Place) => void
  /** Is told why, before: the head that led there, or an empty text where there is none, and the offset in the text. */
  readonly explained?: (rule: string, head: string, at: number) => void
  /** Is told when a text ran over its budget and was hidden as a whole. */
  readonly exceeded: () => void
  /** True for the engine that looks into what another one found encoded. */
  readonly isWithin?: boolean
}

/** Passes over one text until nothing more is found. A text that still changes then is hidden as a whole. */
const PASSES_MAX = 8
// Work is counted in bytes looked at, or in what takes as long: a few nanoseconds each. Text over its budget is hidden as a whole, and so is every
// text with a head in what is left of a request over its own, so that no input takes longer than its size allows.
const WORK_PER_BYTE = 12
const WORK_MIN = 524_288
const REQUEST_WORK_PER_BYTE = 4
const REQUEST_WORK_MIN = 6_291_456
const WORK_PER_HIT = 80
const WORK_PER_FIND = 240
const WORK_PER_DIGEST = 1_024
const USUAL = new Treatment('mask', new Map(), new Set())
/** Attribute keys that are remembered with what they say, and how long they may be. */
const KEY_KINDS_MAX = 4_096
const KEY_BYTES_MAX = 256

/** Longer texts are swept. */
const SWEPT_BYTES_MIN = 160
/** The automaton finds so many bytes of a head, and the rest is compared: its table should be small. */
const HEAD_BYTES_MAX = 5

interface Head {
  readonly word: string
  /** How much of it the automaton finds. */
  readonly length: number
  /** Whether letters count as they are written. */
  readonly isExact: boolean
  /** So many bytes of these classes follow. */
  readonly followMin: number
  readonly followClasses: number
  readonly mayFollow: Rule['mayFollow']
  readonly check: Check
}

const SILENT = { counted: () => undefined, exceeded: () => undefined }

export class Engine {
  private readonly judge: KeyJudge
  private readonly options: EngineOptions
  private readonly automaton: Automaton
  private swift: Sweep | undefined
  private readonly swept = new Swept()
  private readonly finder: HeadFinder
  private readonly heads: readonly Head[]
  private readonly replacement: Replacement
  private readonly allowed: ReadonlySet<string>
  /** False when the user allows card numbers. */
  readonly findsCards: boolean
  private readonly text = new Text()
  private readonly decoded = new Decoded()
  private within: Engine | undefined
  private readonly trail = new Trail()
  private readonly keys = new Map<string, { readonly kind: KeyKind | null; readonly isClean: boolean }>()
  /** Whether there is nothing to be taken out of the key that was judged last. */
  keyIsClean = false
  /** What is done with finds where the next text stands. */
  treatment: Treatment = USUAL
  /** Where the next text stands, for the counters. */
  signal = 'text'
  place: Place = 'text'
  /** What is left of the budgets of the text and of the request. */
  private budget = 0
  private workLeft = Number.POSITIVE_INFINITY
  /** Something was found that may not be a part of one string of JSON. */
  private risksJson = false
  private isInJson = false
  /** Whether the text that was looked at last holds the beginning of a private key. */
  sawPrivateKey = false

  constructor(options: EngineOptions) {
    this.options = options
    this.replacement = new Replacement(options.hashKey ?? '')
    this.judge = new KeyJudge(options.keys, options.allow)
    this.allowed = new Set(options.allow)
    this.findsCards = !this.allowed.has('card')
    const rules = rulesOf(this.judge, options.keys, options.patterns).filter(({ name }) => !this.allowed.has(name))
    this.automaton = buildAutomaton(rules.flatMap(({ heads }) => heads.map((head) => head.slice(0, HEAD_BYTES_MAX))))
    this.finder = new HeadFinder(this.automaton)
    this.heads = rules.flatMap(({ heads, folded, check, follows, mayFollow }) =>
      heads.map(
        (head): Head => ({
          word: folded === true ? head.toLowerCase() : head,
          length: Math.min(head.length, HEAD_BYTES_MAX),
          isExact: folded !== true && /[a-z\u0080-\u00ff]/i.test(head),
          followMin: follows?.min ?? 0,
          followClasses: follows?.classes ?? 0,
          mayFollow,
          check
        })
      )
    )
  }

  /** Begins a request of so many bytes: its texts share one budget from now on. */
  begin(signal: string, treatment: Treatment, requestBytes: number): void {
    this.signal = signal
    this.place = 'name'
    this.treatment = treatment
    this.workLeft = REQUEST_WORK_MIN + REQUEST_WORK_PER_BYTE * requestBytes
  }

  /** True when the budget of the request has run out: what deserves a look cannot have one. */
  get isSpent(): boolean {
    return this.workLeft < 0
  }

  /** Charges work that is done elsewhere to the request's budget. */
  spend(work: number): void {
    this.workLeft -= work
  }

  /** Counts a text that was hidden as a whole. */
  ranOut(): void {
    this.options.exceeded()
  }

  /** Finds all heads of a long text or a request. Made when it is needed, since an engine that makes the only one has the fastest. */
  get sweep(): Sweep {
    this.swift ??= sweepOf(this.automaton, HEAD_BYTES_MAX, (heads, bytes, end) => this.isWorth(heads, bytes, end))
    return this.swift
  }

  // Whether any of the heads that end there can be more than a coincidence.
  private isWorth(heads: readonly number[], bytes: Uint8Array, end: number): boolean {
    for (let i = 0; i < heads.length; i++) {
      const { word, length, isExact, followMin, followClasses } = this.heads[heads[i]]
      if (!follow(bytes, end - length + word.length, followMin, followClasses)) continue
      if ((!isExact && word.length === length) || stands(word, isExact, bytes, end - length)) return true
    }
    return false
  }

  /** False when none of the heads that end there leads to a find in the bytes as they are. What replaces other finds may change that. */
  deservesLook(heads: readonly number[], bytes: Uint8Array, end: number): boolean {
    for (let i = 0; i < heads.length; i++) {
      const { word, length, mayFollow } = this.heads[heads[i]]
      if (mayFollow === undefined || mayFollow(bytes, end - length + word.length)) return true
    }
    return false
  }

  /** Like `next`, for heads alone. */
  nextHead(bytes: Uint8Array, start: number, stop: number): number {
    this.finder.reset()
    return this.finder.find(bytes, start, stop)
  }

  /** Like `next`, for runs of digits alone. */
  nextDigits(bytes: Uint8Array, start: number, stop: number): number {
    const digits = findDigits(bytes, start, stop)
    return digits < 0 ? digits : digits + 1
  }

  /** Like `next`, for what has no head and is no number. */
  nextHeadless(bytes: Uint8Array, start: number, stop: number): number {
    const run = findHeadless(bytes, start, stop)
    return run < 0 ? run : run + 1
  }

  /** An offset behind the start of the first place in [start, stop) that deserves a look, or -1. */
  next(bytes: Uint8Array, start: number, stop: number): number {
    const head = this.nextHead(bytes, start, stop)
    const digits = this.findsCards ? this.nextDigits(bytes, start, head < 0 ? stop : head) : -1
    const first = digits < 0 ? head : digits
    const run = this.nextHeadless(bytes, start, first < 0 ? stop : first)
    return run < 0 ? first : run
  }

  /** The text in [start, stop) with all secrets replaced, or null when there are none. Never throws. */
  redact(bytes: Uint8Array, start: number, stop: number, counts = true): Uint8Array | null {
    this.sawPrivateKey = false
    if (this.treatment.allowsAll) return null
    try {
      this.risksJson = false
      const redacted = this.repeated(bytes, start, stop, counts)
      if (redacted && this.risksJson && !this.isInJson) return this.asJson(bytes.subarray(start, stop), redacted, counts)
      if (redacted !== undefined) return redacted
    } catch {
      // A fault of a rule must not let the text pass.
    }
    if (counts) this.ranOut()
    return this.marker('over-budget')
  }

  // JSON stays JSON: where `redacted` is none any more, each of the strings is looked at by itself.
  private asJson(bytes: Uint8Array, redacted: Uint8Array, counts: boolean): Uint8Array | null {
    if (isJson(redacted) || !isJson(bytes)) return redacted
    this.isInJson = true
    try {
      const byStrings = new JsonLine(this).redact(bytes)
      const base = byStrings ?? bytes
      const again = this.repeated(base, 0, base.length, counts)
      if (again === undefined) throw new RangeError('over budget')
      return again !== null && isJson(again) ? again : byStrings
    } finally {
      this.isInJson = false
    }
  }

  // Undefined when the text was not looked at to its end.
  private repeated(bytes: Uint8Array, start: number, stop: number, counts: boolean): Uint8Array | null | undefined {
    const { text, trail } = this
    let out: Uint8Array | null = null
    let hasGaps = false
    let closesGaps = false
    this.budget = Math.min(this.workLeft, WORK_MIN + WORK_PER_BYTE * (stop - start))
    for (let pass = 0; pass < PASSES_MAX; pass++) {
      const source: Uint8Array = out ?? bytes
      const isDone = pass === 1 && trail.isWhole && !hasGaps && out !== null
      if (!(isDone ? this.scanAgain(out!) : this.scan(source, out === null ? start : 0, out === null ? stop : source.length)))
        return undefined
      if (out === null && (text.seesKey || text.rule.includes('private-key'))) this.sawPrivateKey = true
      if (text.from.length === 0) {
        if (hasGaps && counts) this.report(bytes, start, stop)
        return out
      }
      if (hasGaps) {
        // What was taken out made something of what stood around it: once more, and nothing is taken out without a trace.
        hasGaps = false
        closesGaps = true
        out = null
        continue
      }
      if (!this.risksJson) this.risksJson = mayBreakJson(text)
      if (!this.treatment.isPlain) this.workLeft -= text.rule.length * WORK_PER_DIGEST
      const { out: changed, left } = this.replacement.spliced(text, this.treatment, closesGaps)
      hasGaps = left
      if (counts && !left) this.reportFinds()
      out = changed
    }
    return undefined
  }

  // Only now it is known that the gaps of the first pass stay.
  private report(bytes: Uint8Array, start: number, stop: number): void {
    this.scan(bytes, start, stop)
    this.reportFinds()
  }

  private reportFinds(): void {
    const { rule } = this.text
    if (this.options.explained !== undefined) this.explain(this.options.explained)
    for (let i = 0; i < rule.length; i++) this.counted(rule[i])
  }

  /** What takes the place of the value in [start, stop) that `rule` found, which may be a key's name. Nothing, where it is to be removed. */
  hiding(rule: string, bytes: Uint8Array, start: number, stop: number): Buffer {
    return this.replacement.of(rule, this.treatment, bytes, start, stop)
  }

  /** The marker that stands for a secret which `rule` found. */
  marker(rule: string): Buffer {
    return this.replacement.marker(rule)
  }

  /** True when the text in [start, stop) hides nothing, although its key is sensitive: a placeholder, a marker, or allowed by the user. */
  isHarmless(kind: KeyKind | null, bytes: Uint8Array, start: number, stop: number): boolean {
    const text = this.text.open(bytes, start, stop)
    if (isHarmless(text, start, stop) || (kind === 'one-time-code' && isNoCode(text, start, stop))) return true
    return this.allowed.size > 0 && this.allowed.has(latin1ToText(this.text.slice(start, stop)))
  }

  /** What the key in [start, stop) says of its value. Judged as it will leave, since a key may itself hold a secret. */
  judgeKey(bytes: Uint8Array, start: number, stop: number): KeyKind | null {
    const key = latin1(bytes, start, stop)
    const known = this.keys.get(key)
    this.keyIsClean = known?.isClean ?? false
    if (known !== undefined) return known.kind
    this.workLeft -= WORK_PER_FIND
    const { treatment } = this
    this.treatment = treatment.ofKeys
    const redacted = this.redact(bytes, start, stop, false)
    this.treatment = treatment
    const kind = this.judge.judge(redacted === null ? key : latin1(redacted, 0, redacted.length))
    // Without a look it is judged as it came, and next time again.
    if (this.isSpent) return kind ?? this.judge.judge(key)
    if (this.keys.size >= KEY_KINDS_MAX) this.keys.clear()
    // Where something is allowed, the same key may be less clean elsewhere.
    this.keyIsClean = redacted === null && this.treatment.allowed.size === 0
    if (key.length <= KEY_BYTES_MAX) this.keys.set(key, { kind, isClean: this.keyIsClean })
    return kind
  }

  counted(rule: string): void {
    this.options.counted(rule, this.signal, this.place)
  }

  // Fills this.text with what was found. False when the budget ran out.
  private scan(bytes: Uint8Array, start: number, stop: number): boolean {
    const { text, finder, trail } = this
    text.open(bytes, start, stop)
    text.allowed = this.treatment.allowed
    trail.clear()
    if (stop - start >= SWEPT_BYTES_MIN && this.options.isWithin !== true) return this.scanSwept(bytes, start, stop)
    finder.reset()
    let end = finder.find(bytes, start, stop)
    while (end >= 0) {
      const ended = finder.ended()
      trail.add(end, ended)
      this.check(ended, end)
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
    const { text, trail, sweep, swept } = this
    for (let at = start; at < stop; ) {
      at = sweep.run(bytes, at, stop, swept)
      for (let i = 0; i < swept.count; i++) {
        const ended = sweep.headsAt(swept, i)
        trail.add(swept.ends[i], ended)
        this.check(ended, swept.ends[i])
        if (text.work > this.budget) return this.pay()
      }
    }
    return this.finish() && this.lookDecoded(bytes, start, stop)
  }

  // The same for the text with its escapes resolved, if it has any. Finds are noted where they stand as written.
  private lookDecoded(bytes: Uint8Array, start: number, stop: number): boolean {
    const { text, decoded, finder } = this
    if (!text.escaped || !decoded.open(bytes, start, stop)) return true
    const { seesKey } = text
    this.workLeft -= 2 * (stop - start)
    const finds = text.take()
    text.open(decoded.bytes, 0, decoded.length)
    finder.reset()
    for (let end = finder.find(decoded.bytes, 0, text.stop); end >= 0; end = finder.find(decoded.bytes, end, text.stop)) {
      this.check(finder.ended(), end)
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
  private scanAgain(changed: Uint8Array): boolean {
    const { text, trail } = this
    const from = text.from.slice()
    const to = text.to.slice()
    let shift = -text.start
    let done = 0
    const isApart = from.every((start, i) => standsApart(text, start, to[i]))
    text.open(changed, 0, changed.length)
    text.allowed = this.treatment.allowed
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
      if (done === from.length || end <= from[done]) this.check(trail.heads[i], end + shift)
      if (text.work > this.budget) return this.pay()
    }
    return this.finish(!isApart) && this.lookDecoded(changed, 0, changed.length)
  }

  private finish(looksForHeadless = true): boolean {
    if (looksForHeadless) this.addHeadless()
    if (this.allowed.size > 0) this.dropAllowed()
    return this.pay()
  }

  private check(ended: readonly number[], end: number): void {
    const { text, heads } = this
    const finds = text.from.length
    for (let i = 0; i < ended.length; i++) {
      const { word, length, isExact, followMin, followClasses, check } = heads[ended[i]]
      const from = end - length
      if (from < text.floor || !follow(text.bytes, from + word.length, followMin, followClasses)) continue
      if (isExact ? !text.has(from, word) : word.length > length && !text.hasFolded(from, word)) continue
      text.lookingAt = ended[i]
      check(text, from, from + word.length)
      text.work += WORK_PER_HIT
    }
    text.work += (text.from.length - finds) * WORK_PER_FIND
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
    if (this.findsCards && findDigits(text.bytes, text.start, text.stop) >= 0) {
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

  // What is written within this text in another form has an engine of its own, which does not look for further ones.
  private holdsSecret(bytes: Uint8Array): boolean {
    if (this.options.isWithin === true) return false
    this.within ??= new Engine({ ...this.options, ...SILENT, isWithin: true })
    const left = Math.max(0, this.budget - this.text.work)
    this.within.workLeft = left
    const holds = this.within.redact(bytes, 0, bytes.length) !== null
    this.text.work += WORK_PER_FIND + left - this.within.workLeft
    return holds
  }

  private explain(explained: NonNullable<EngineOptions['explained']>): void {
    const { start, from, rule, head } = this.text
    for (let i = 0; i < from.length; i++) explained(rule[i], head[i] < 0 ? '' : this.heads[head[i]].word, from[i] - start)
  }

  private dropAllowed(): void {
    const { text } = this
    let kept = 0
    for (let i = 0; i < text.from.length; i++) {
      if (this.allowed.has(text.rule[i]) || this.allowed.has(latin1ToText(text.slice(text.from[i], text.to[i])))) continue
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

function follow(bytes: Uint8Array, from: number, min: number, classes: number): boolean {
  for (let pos = from; pos < from + min; pos++) if ((CLASS[bytes[pos]] & classes) === 0) return false
  return true
}

function stands(word: string, isExact: boolean, bytes: Uint8Array, from: number): boolean {
  if (from + word.length > bytes.length) return false
  for (let i = 0; i < word.length; i++) {
    const byte = bytes[from + i]
    if ((!isExact && CLASS[byte] & UPPER ? byte | 32 : byte) !== word.charCodeAt(i)) return false
  }
  return true
}

const latin1ToText = (slice: string): string => Buffer.from(slice, 'latin1').toString()
