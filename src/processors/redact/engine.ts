// Finds and replaces secrets in one text. One pass of the automaton finds heads; checks look only there. What a pass changed is passed again
// until nothing is found, so redacting twice is the same as redacting once.
import { buildAutomaton, HeadFinder } from './automaton.ts'
import { latin1, Text } from './bytes.ts'
import { basic, bearer, registryAuth } from './headers.ts'
import { KEY_HEADS, KeyJudge, type KeyKind, wordsOf } from './keys.ts'
import { pair } from './pairs.ts'
import type { UserPattern } from './patterns.ts'
import { cards, email, findDigits } from './people.ts'
import { type Place, Treatment } from './policy.ts'
import { MARKER_START, markerEnd, Replacement, skipMarker } from './replacement.ts'
import { type Check, type Rule, TOKENS } from './tokens.ts'
import { Trail } from './trail.ts'
import { queryValue, userArgument, userInfo } from './urls.ts'
import { bareEnd, isHarmless, looksRandom, quotationEnd, quoteAt, skipBlanks } from './values.ts'

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
}

/** Passes over one text until nothing more is found. A text that still changes then is hidden as a whole. */
const PASSES_MAX = 8
// Work is counted in bytes looked at, or in what takes as long: about a nanosecond. Text over its budget is hidden as a whole, and so is every text
// with a head in what is left of a request over its own: so no input takes longer than its size allows. Honest text needs less than 6 a byte.
const WORK_PER_BYTE = 48
const WORK_MIN = 1_048_576
const REQUEST_WORK_PER_BYTE = 12
const REQUEST_WORK_MIN = 2_097_152
const WORK_PER_HIT = 192
const WORK_PER_FIND = 320
const WORK_PER_DIGEST = 4_096
const USUAL = new Treatment('mask', new Map(), new Set())
/** Attribute keys that are remembered with what they say, and how long they may be. */
const KEY_KINDS_MAX = 4_096
const KEY_BYTES_MAX = 256

interface Head {
  readonly word: string
  readonly length: number
  /** Letter for letter, or undefined when the case does not matter. */
  readonly exact: string | undefined
  readonly check: Check
}

export class Engine {
  private readonly judge: KeyJudge
  private readonly options: EngineOptions
  private readonly finder: HeadFinder
  private readonly heads: readonly Head[]
  private readonly replacement: Replacement
  private readonly allowed: ReadonlySet<string>
  /** False when the user allows card numbers. */
  readonly findsCards: boolean
  private readonly text = new Text()
  private readonly trail = new Trail()
  private readonly keyKinds = new Map<string, KeyKind | null>()
  /** What is done with finds where the next text stands. */
  treatment: Treatment = USUAL
  /** Where the next text stands, for the counters. */
  signal = 'text'
  place: Place = 'text'
  /** What is left of the budgets of the text and of the request. */
  private budget = 0
  private workLeft = Number.POSITIVE_INFINITY
  /** Whether the text that was looked at last holds the beginning of a private key. */
  sawPrivateKey = false

  constructor(options: EngineOptions) {
    this.options = options
    this.replacement = new Replacement(options.hashKey ?? '')
    this.judge = new KeyJudge(options.keys, options.allow)
    this.allowed = new Set(options.allow)
    this.findsCards = !this.allowed.has('card')
    const rules = rulesOf(this.judge, options).filter(({ name }) => !this.allowed.has(name))
    this.finder = new HeadFinder(buildAutomaton(rules.flatMap(({ heads }) => heads)))
    this.heads = rules.flatMap(({ heads, folded, check }) =>
      heads.map(
        (head): Head => ({ word: head, length: head.length, exact: folded === true || !/[a-z]/i.test(head) ? undefined : head, check })
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

  /** An offset behind the start of the first place in [start, stop) that deserves a look, or -1. */
  next(bytes: Uint8Array, start: number, stop: number): number {
    const head = this.nextHead(bytes, start, stop)
    if (!this.findsCards) return head
    const digits = this.nextDigits(bytes, start, head < 0 ? stop : head)
    return digits < 0 ? head : digits
  }

  /** The text in [start, stop) with all secrets replaced, or null when there are none. Never throws. */
  redact(bytes: Uint8Array, start: number, stop: number, counts = true): Uint8Array | null {
    this.sawPrivateKey = false
    if (this.treatment.allowsAll) return null
    try {
      const redacted = this.repeated(bytes, start, stop, counts)
      if (redacted !== undefined) return redacted
    } catch {
      // A fault of a rule must not let the text pass.
    }
    if (counts) this.ranOut()
    return this.marker('over-budget')
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
      this.workLeft -= text.rule.length * (this.treatment.isPlain ? WORK_PER_FIND : WORK_PER_DIGEST)
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
  isHarmless(bytes: Uint8Array, start: number, stop: number): boolean {
    if (isHarmless(this.text.open(bytes, start, stop), start, stop)) return true
    return this.allowed.size > 0 && this.allowed.has(latin1ToText(this.text.slice(start, stop)))
  }

  /** What the key in [start, stop) says of its value. Judged as it will leave, since a key may itself hold a secret. */
  judgeKey(bytes: Uint8Array, start: number, stop: number): KeyKind | null {
    const key = latin1(bytes, start, stop)
    const known = this.keyKinds.get(key)
    if (known !== undefined) return known
    const redacted = this.redact(bytes, start, stop, false)
    const kind = this.judge.judge(redacted === null ? key : latin1(redacted, 0, redacted.length))
    // Without a look it is judged as it came, and next time again.
    if (this.isSpent) return kind ?? this.judge.judge(key)
    if (this.keyKinds.size >= KEY_KINDS_MAX) this.keyKinds.clear()
    if (key.length <= KEY_BYTES_MAX) this.keyKinds.set(key, kind)
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
    finder.reset()
    let end = finder.find(bytes, start, stop)
    while (end >= 0) {
      const ended = finder.ended()
      trail.add(end, ended)
      this.check(ended, end)
      if (text.work > this.budget) return this.pay()
      if (text.floor > end) {
        // What lies between the head and the find is looked at in the next pass.
        const stopGap = text.from.length === 0 ? 0 : text.from[text.from.length - 1]
        for (let at = finder.find(bytes, end, stopGap); at >= 0; at = finder.find(bytes, at, stopGap)) trail.add(at, finder.ended())
        end = text.floor
        finder.reset()
      }
      end = finder.find(bytes, end, stop)
    }
    return this.finish()
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
    return this.finish()
  }

  private finish(): boolean {
    if (this.findsCards) this.addCards()
    if (this.allowed.size > 0) this.dropAllowed()
    return this.pay()
  }

  private check(ended: readonly number[], end: number): void {
    const { text, heads } = this
    for (let i = 0; i < ended.length; i++) {
      const { length, exact, check } = heads[ended[i]]
      text.lookingAt = ended[i]
      if (end - length < text.floor || (exact !== undefined && !text.has(end - length, exact))) continue
      check(text, end - length, end)
      text.work += WORK_PER_HIT
    }
  }

  // Takes the work of one pass from the budgets; false when there is nothing left.
  private pay(): boolean {
    this.budget -= this.text.work
    this.workLeft -= this.text.work
    return this.budget >= 0
  }

  // Cards have no head; they are looked for between the other finds.
  private addCards(): void {
    const { text } = this
    if (findDigits(text.bytes, text.start, text.stop) < 0) return
    const found: number[] = []
    const note = (start: number, end: number): void => void found.push(start, end)
    for (let i = 0; i <= text.from.length; i++) {
      text.floor = i === 0 ? text.start : text.to[i - 1]
      cards(text, text.floor, text.from[i] ?? text.stop, note)
    }
    if (found.length > 0) this.merge(found, 'card')
  }

  // Puts finds between the others.
  private merge(found: readonly number[], name: string): void {
    const { text } = this
    const { from, to, rule, around, head } = text
    const others = from.map((start, i) => ({ start, end: to[i], rule: rule[i], around: around[i], head: head[i] }))
    for (let i = 0; i < found.length; i += 2) others.push({ start: found[i], end: found[i + 1], rule: name, around: '', head: -1 })
    others.sort((a, b) => a.start - b.start)
    text.forget()
    text.floor = text.start
    for (const { start, end, rule, around, head } of others) {
      text.lookingAt = head
      text.found(start, end, rule, around)
    }
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

const latin1ToText = (slice: string): string => Buffer.from(slice, 'latin1').toString()

function rulesOf(judge: KeyJudge, { keys, patterns }: EngineOptions): Rule[] {
  const keyHeads = new Set([...KEY_HEADS, ...keys.flatMap((key) => longestWord(key))])
  const folded = true
  return [
    { name: 'marker', heads: [MARKER_START], check: skipMarker, folded },
    ...TOKENS,
    { name: 'private-key', heads: ['PRIVATE KEY-----', 'PRIVATE KEY BLOCK-----'], check: seeKey },
    ...patterns.map(({ name, literal, check }): Rule => ({ name, heads: [literal], check, folded })),
    { name: 'bearer-token', heads: ['bearer '], check: bearer, folded },
    { name: 'basic-auth', heads: ['basic '], check: basic, folded },
    { name: 'basic-auth', heads: ['auth"', 'auth\\', '_auth'], check: registryAuth, folded },
    { name: 'password', heads: ['AUTH '], check: redisAuth },
    { name: 'url-password', heads: ['://'], check: userInfo, folded },
    { name: 'url-secret', heads: ['sig=', 'signature=', 'hmac=', 'policy=', 'code=', 'auth=', 'key='], check: queryValue, folded },
    { name: 'password', heads: [' -u ', '--user ', '--user='], check: userArgument, folded },
    { name: 'password', heads: ['identified by ', 'sshpass -p ', 'sshpass -p'], check: literal, folded },
    { name: 'key', heads: [...keyHeads], check: (text, from, end) => pair(text, from, end, judge), folded },
    { name: 'email', heads: ['@', '%40', '\\u0040'], check: email, folded }
  ]
}

function longestWord(key: string): string[] {
  return wordsOf(key)
    .sort((a, b) => b.length - a.length)
    .slice(0, 1)
}

// The lines of a key may come one by one; whoever sees them all needs to know.
function seeKey(text: Text): void {
  text.seesKey = true
}

// The word or the quotation that follows is the secret.
function literal(text: Text, _from: number, end: number): void {
  const start = skipBlanks(text, end)
  const quote = quoteAt(text, start)
  const from = start + (quote?.length ?? 0)
  const to = quote === null ? bareEnd(text, from) : quotationEnd(text, from, quote)
  if (!isHarmless(text, from, to) && !text.hasFolded(from, 'password')) text.found(from, to, 'password')
}

// AUTH [user] password, as Redis' logs and monitors show it.
function redisAuth(text: Text, _from: number, end: number): void {
  const first = bareEnd(text, end)
  const next = skipBlanks(text, first)
  const second = bareEnd(text, next)
  if (second > next && next > first && looksRandom(text, next, second, 6)) text.found(next, second, 'password')
  else if (looksRandom(text, end, first, 6)) text.found(end, first, 'password')
}
