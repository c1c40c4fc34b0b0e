// Users' patterns, matched by walking all possibilities at once: time grows with the text and the pattern, never faster.
import { ALNUM, CLASS, type Text, UNDERSCORE } from './bytes.ts'
import { literalOf, type Node, PatternError, parsePattern } from './pattern-syntax.ts'
import type { Check } from './token-shapes.ts'

export interface UserPattern {
  readonly name: string
  /** What every match contains; the automaton looks for it. */
  readonly literal: string
  readonly check: Check
}

const LITERAL_MIN = 3
const STEPS_MAX = 2_000
/** A match begins at most this far before its literal. */
const BEFORE_MAX = 256
/** A match is at most this long. */
const MATCH_MAX = 4_096

// One step: takes a byte of `set` and goes on to `next`; or goes to `next` and `other` at once; or passes at a word boundary; or has matched.
interface Step {
  set: Uint8Array | null
  next: number
  other: number
  boundary: boolean
}
const MATCHED = -1

/** Compiles a pattern. Throws PatternError that says what is wrong and what would be right. */
export function userPattern(name: string, source: string): UserPattern {
  const node = parsePattern(source)
  const literal = literalOf(node)
  if (literal.length < LITERAL_MIN) {
    throw new PatternError(`needs ${LITERAL_MIN} or more characters in a row that every match contains, so that it can be found quickly`)
  }
  const steps: Step[] = []
  const start = compile(node, MATCHED, steps)
  const matcher = new Matcher(steps, start)
  return { name, literal, check: (text, from, end) => matcher.check(text, from, end, name) }
}

// Built from the back: each part is told where to go on.
function compile(node: Node, next: number, steps: Step[]): number {
  if (steps.length > STEPS_MAX) throw new PatternError(`too large: repeats and choices together make more than ${STEPS_MAX} steps`)
  const add = (step: Partial<Step>): number => steps.push({ set: null, next, other: next, boundary: false, ...step }) - 1
  switch (node.kind) {
    case 'set':
      return add({ set: node.set })
    case 'boundary':
      return add({ boundary: true })
    case 'sequence':
      return node.parts.reduceRight((after, part) => compile(part, after, steps), next)
    case 'choice':
      return node.options.map((option) => compile(option, next, steps)).reduce((first, second) => add({ next: first, other: second }))
    case 'repeat': {
      let after = next
      if (node.max === Number.POSITIVE_INFINITY) {
        after = add({ other: next })
        steps[after].next = compile(node.of, after, steps)
      } else for (let i = node.min; i < node.max; i++) after = add({ next: compile(node.of, after, steps), other: next })
      for (let i = 0; i < node.min; i++) after = compile(node.of, after, steps)
      return after
    }
  }
}

class Matcher {
  private readonly steps: readonly Step[]
  private readonly start: number
  // The steps that are possible now, and where the match began that led to each; the earliest beginning wins.
  private readonly active: Int32Array
  private readonly begun: Int32Array
  private readonly upcoming: Int32Array
  private readonly nextBegun: Int32Array
  private readonly seen: Int32Array
  private generation = 0
  private count = 0
  private matchFrom = -1

  constructor(steps: readonly Step[], start: number) {
    this.steps = steps
    this.start = start
    this.active = new Int32Array(steps.length)
    this.upcoming = new Int32Array(steps.length)
    this.begun = new Int32Array(steps.length)
    this.nextBegun = new Int32Array(steps.length)
    this.seen = new Int32Array(steps.length)
  }

  /** Reports the earliest and then longest match that holds the literal at [from, end). */
  check(text: Text, from: number, end: number, name: string): void {
    const { steps } = this
    const { bytes } = text
    const first = Math.max(text.floor, from - BEFORE_MAX)
    const stop = Math.min(text.stop, from + MATCH_MAX)
    const { begun, nextBegun } = this
    let alive = 0
    let bestFrom = -1
    let bestTo = -1
    this.count = 0
    for (let at = first; at <= stop; at++) {
      // Steps reached by consuming the byte before are in `active`; now a match may also begin here.
      this.generation++
      this.count = 0
      this.matchFrom = -1
      for (let i = 0; i < alive; i++) this.reach(this.active[i], begun[i], text, at)
      if (bestFrom < 0 && at <= from) this.reach(this.start, at, text, at)
      if (this.matchFrom >= 0 && this.matchFrom <= from && at >= end && (bestFrom < 0 || this.matchFrom <= bestFrom)) {
        bestFrom = this.matchFrom
        bestTo = at
      }
      text.work += this.count + 1
      if (at === stop || (this.count === 0 && at >= from)) break
      alive = 0
      for (let i = 0; i < this.count; i++) {
        const step = steps[this.upcoming[i]]
        if (step.set![bytes[at]] === 0) continue
        this.active[alive] = step.next
        begun[alive++] = nextBegun[i]
      }
    }
    if (bestTo > bestFrom && bestFrom >= 0) text.found(bestFrom, bestTo, name)
  }

  // Follows everything that takes no byte. Recursion is as deep as the pattern has steps, at most.
  private reach(step: number, begun: number, text: Text, at: number): void {
    if (step === MATCHED) {
      if (this.matchFrom < 0 || begun < this.matchFrom) this.matchFrom = begun
      return
    }
    if (this.seen[step] === this.generation) return
    this.seen[step] = this.generation
    const { set, next, other, boundary } = this.steps[step]
    if (set !== null) {
      this.upcoming[this.count] = step
      this.nextBegun[this.count++] = begun
    } else if (boundary) {
      if (isWord(text.at(at - 1)) !== isWord(text.at(at))) this.reach(next, begun, text, at)
    } else {
      this.reach(next, begun, text, at)
      if (other !== next) this.reach(other, begun, text, at)
    }
  }
}

function isWord(byte: number): boolean {
  return (CLASS[byte] & (ALNUM | UNDERSCORE)) !== 0
}
