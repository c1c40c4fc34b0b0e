// The heads of all rules, and the way from where one stands to the rule that looks there.
import { type Automaton, buildAutomaton, HeadFinder } from './automaton.ts'
import { CLASS, type Text, UPPER } from './bytes.ts'
import { findHeadless } from './headless.ts'
import { findDigits } from './people.ts'
import { type Sweep, sweepOf } from './sweep.ts'
import type { Check, Rule } from './token-shapes.ts'

/** The automaton finds so many bytes of a head, and the rest is compared: its table should be small. */
const HEAD_BYTES_MAX = 5
const WORK_PER_HIT = 80
/** What a look costs that is over at a glance. */
const WORK_PER_GLANCE = 16
/** What a find costs, in bytes looked at. */
export const WORK_PER_FIND = 240

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

/** Finds heads, and has their rules look at them. */
export class Heads {
  private readonly automaton: Automaton
  private readonly heads: readonly Head[]
  private swift: Sweep | undefined
  /** Goes through one text at a time. */
  readonly finder: HeadFinder
  /** False when the user allows card numbers. */
  readonly findsCards: boolean

  constructor(rules: readonly Rule[], findsCards: boolean) {
    this.findsCards = findsCards
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

  /** The head of a find, for people: nothing where it has none. */
  wordOf(head: number): string {
    return head < 0 ? '' : this.heads[head].word
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

  /** An offset behind the start of the first place in [start, stop) that deserves a look, or -1. */
  next(bytes: Uint8Array, start: number, stop: number): number {
    this.finder.reset()
    const head = this.finder.find(bytes, start, stop)
    const digits = this.findsCards ? findDigits(bytes, start, head < 0 ? stop : head) : -1
    const first = digits < 0 ? head : digits + 1
    const run = findHeadless(bytes, start, first < 0 ? stop : first)
    return run < 0 ? first : run + 1
  }

  /** Has the rules look at the heads `ended`, which end at `end`. */
  look(text: Text, ended: readonly number[], end: number): void {
    const { heads } = this
    const finds = text.from.length
    for (let i = 0; i < ended.length; i++) {
      const { word, length, isExact, followMin, followClasses, check } = heads[ended[i]]
      const from = end - length
      if (from < text.floor || !follow(text.bytes, from + word.length, followMin, followClasses)) continue
      if (isExact ? !text.has(from, word) : word.length > length && !text.hasFolded(from, word)) continue
      text.lookingAt = ended[i]
      text.atAGlance = false
      check(text, from, from + word.length)
      text.work += text.atAGlance ? WORK_PER_GLANCE + followMin : WORK_PER_HIT
    }
    text.work += (text.from.length - finds) * WORK_PER_FIND
  }
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
