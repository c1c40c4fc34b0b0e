// Finds and replaces secrets in one text. One pass of the automaton finds heads; checks look only there. What a pass changed is passed again
// until nothing is found, so redacting twice is the same as redacting once.
import { latin1, type Text } from './bytes.ts'
import { Heads, WORK_PER_FIND } from './heads.ts'
import { JsonLine } from './json-line.ts'
import { isJson, mayBreakJson } from './json-place.ts'
import type { KeyKind } from './key-words.ts'
import { KeyJudge } from './keys.ts'
import { Look, latin1ToText } from './look.ts'
import type { UserPattern } from './patterns.ts'
import { type Place, Treatment } from './policy.ts'
import { Replacement } from './replacement.ts'
import { rulesOf } from './rules.ts'
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
const WORK_PER_DIGEST = 1_024
const USUAL = new Treatment('mask', new Map(), new Set())
/** Attribute keys that are remembered with what they say, and how long they may be. */
const KEY_KINDS_MAX = 4_096
const KEY_BYTES_MAX = 256

const OPEN_OBJECT = 123
const OPEN_ARRAY = 91
const QUOTE = Buffer.from('"')
const SILENT = { counted: () => undefined, exceeded: () => undefined }

/** Replaces the secrets of one text after another. */
export class Engine {
  private readonly judge: KeyJudge
  private readonly options: EngineOptions
  readonly heads: Heads
  private readonly look: Look
  private readonly text: Text
  private readonly replacement: Replacement
  private readonly allowed: ReadonlySet<string>
  private within: Engine | undefined
  private readonly keys = new Map<string, { readonly kind: KeyKind | null; readonly isClean: boolean }>()
  /** Whether there is nothing to be taken out of the key that was judged last. */
  keyIsClean = false
  /** What is done with finds where the next text stands. */
  treatment: Treatment = USUAL
  /** Where the next text stands, for the counters. */
  signal = 'text'
  place: Place = 'text'
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
    const rules = rulesOf(this.judge, options.keys, options.patterns).filter(({ name }) => !this.allowed.has(name))
    this.heads = new Heads(rules, !this.allowed.has('card'))
    const within = options.isWithin === true ? null : (bytes: Uint8Array, work: number) => this.lookWithin(bytes, work)
    this.look = new Look(this.heads, this.allowed, within)
    this.text = this.look.text
  }

  /** Begins a request of so many bytes: its texts share one budget from now on. */
  begin(signal: string, treatment: Treatment, requestBytes: number): void {
    this.signal = signal
    this.place = 'name'
    this.treatment = treatment
    this.look.workLeft = REQUEST_WORK_MIN + REQUEST_WORK_PER_BYTE * requestBytes
  }

  /** True when the budget of the request has run out: what deserves a look cannot have one. */
  get isSpent(): boolean {
    return this.look.workLeft < 0
  }

  /** Charges work that is done elsewhere to the request's budget. */
  spend(work: number): void {
    this.look.workLeft -= work
  }

  /** Counts a text that was hidden as a whole. */
  ranOut(): void {
    this.options.exceeded()
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
    const marker = this.marker('over-budget')
    const first = bytes[start]
    const isText = this.isInJson || (first !== OPEN_OBJECT && first !== OPEN_ARRAY) || !isJson(bytes.subarray(start, stop))
    return isText ? marker : Buffer.concat([QUOTE, marker, QUOTE])
  }

  // What is written within a text in another form has an engine of its own, which does not look for further ones.
  private lookWithin(bytes: Uint8Array, work: number): { holds: boolean; left: number } {
    this.within ??= new Engine({ ...this.options, ...SILENT, isWithin: true })
    this.within.look.workLeft = work
    const holds = this.within.redact(bytes, 0, bytes.length) !== null
    return { holds, left: this.within.look.workLeft }
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
    const { text, look } = this
    look.allowed = this.treatment.allowed
    let out: Uint8Array | null = null
    let hasGaps = false
    let closesGaps = false
    look.budget = Math.min(this.look.workLeft, WORK_MIN + WORK_PER_BYTE * (stop - start))
    for (let pass = 0; pass < PASSES_MAX; pass++) {
      const source: Uint8Array = out ?? bytes
      const isDone = pass === 1 && look.knowsHeads && !hasGaps && out !== null
      if (!(isDone ? look.again(out!) : look.scan(source, out === null ? start : 0, out === null ? stop : source.length))) return undefined
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
      if (!this.treatment.isPlain) this.look.workLeft -= text.rule.length * WORK_PER_DIGEST
      const { out: changed, left } = this.replacement.spliced(text, this.treatment, closesGaps)
      hasGaps = left
      if (counts && !left) this.reportFinds()
      out = changed
    }
    return undefined
  }

  // Only now it is known that the gaps of the first pass stay.
  private report(bytes: Uint8Array, start: number, stop: number): void {
    this.look.scan(bytes, start, stop)
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
    this.look.workLeft -= WORK_PER_FIND
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

  private explain(explained: NonNullable<EngineOptions['explained']>): void {
    const { start, from, rule, head } = this.text
    for (let i = 0; i < from.length; i++) explained(rule[i], this.heads.wordOf(head[i]), from[i] - start)
  }
}
