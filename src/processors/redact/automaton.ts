// Aho–Corasick over bytes: finds every place where one of many short words ends, in one pass. Letters are case-folded.
// The table has one row per state and one column per class of bytes; bytes that no word contains share column 0. States that end a word are
// numbered last, so that the loop needs one comparison per byte.

export interface Automaton {
  /** Byte → column. */
  readonly classes: Uint8Array
  /** `next[(state << CLASS_BITS) | class]` is the state that follows; state 0 is the start. */
  readonly next: Uint16Array
  /** States from here on end at least one word. */
  readonly firstOutput: number
  /** Which words end in state `firstOutput + i`, the longest first. */
  readonly outputs: readonly (readonly number[])[]
}

/** 64 columns: 26 letters, 10 digits and the punctuation that heads use fit with room to spare. */
export const CLASS_BITS = 6
const STATES_MAX = 65_535

/** Builds the table once. Words are ASCII; more than 63 different bytes or 65,535 states are a fault of the rules. */
export function buildAutomaton(words: readonly string[]): Automaton {
  const classes = classesOf(words)
  const width = 1 << CLASS_BITS
  const trie: Int32Array[] = [new Int32Array(width).fill(-1)]
  const ends: number[][] = [[]]
  words.forEach((word, index) => {
    let state = 0
    for (let i = 0; i < word.length; i++) {
      const column = classes[word.charCodeAt(i)]
      if (trie[state][column] < 0) {
        trie[state][column] = trie.length
        trie.push(new Int32Array(width).fill(-1))
        ends.push([])
      }
      state = trie[state][column]
    }
    ends[state].push(index)
  })
  if (trie.length > STATES_MAX) throw new RangeError(`the heads need ${trie.length} states, at most ${STATES_MAX} fit`)
  completeByBreadth(trie, ends)

  const silent = trie.keys().filter((state) => ends[state].length === 0)
  const loud = trie.keys().filter((state) => ends[state].length > 0)
  const order = [...silent, ...loud]
  const renamed = new Uint16Array(trie.length)
  order.forEach((state, name) => {
    renamed[state] = name
  })
  const next = new Uint16Array(trie.length * width)
  order.forEach((state, name) => {
    for (let column = 0; column < width; column++) next[(name << CLASS_BITS) | column] = renamed[trie[state][column]]
  })
  const firstOutput = order.findIndex((state) => ends[state].length > 0)
  return {
    classes,
    next,
    firstOutput: firstOutput < 0 ? trie.length : firstOutput,
    outputs: order.slice(firstOutput).map((state) => ends[state])
  }
}

function classesOf(words: readonly string[]): Uint8Array {
  const classes = new Uint8Array(256)
  let used = 0
  for (const word of words) {
    for (const character of word.toLowerCase()) {
      const byte = character.charCodeAt(0)
      if (byte > 127) throw new RangeError('heads are ASCII')
      if (classes[byte] !== 0) continue
      if (++used >= 1 << CLASS_BITS) throw new RangeError('the heads use more than 63 different bytes')
      classes[byte] = used
      classes[character.toUpperCase().charCodeAt(0)] = used
    }
  }
  return classes
}

// Breadth first, so that the state a word falls back to is complete before it is needed.
function completeByBreadth(trie: Int32Array[], ends: number[][]): void {
  const fallback = new Int32Array(trie.length)
  const queue: number[] = []
  for (let column = 0; column < trie[0].length; column++) {
    if (trie[0][column] < 0) trie[0][column] = 0
    else queue.push(trie[0][column])
  }
  for (const state of queue) {
    ends[state].push(...ends[fallback[state]])
    for (let column = 0; column < trie[state].length; column++) {
      const child = trie[state][column]
      const other = trie[fallback[state]][column]
      if (child < 0) trie[state][column] = other
      else {
        fallback[child] = other
        queue.push(child)
      }
    }
  }
}

/** The offset behind the first head that ends in [start, stop), or -1. */
export function findHead({ classes, next, firstOutput }: Automaton, bytes: Uint8Array, start: number, stop: number): number {
  let state = 0
  for (let at = start; at < stop; at++) {
    state = next[(state << CLASS_BITS) | classes[bytes[at]]]
    if (state >= firstOutput) return at + 1
  }
  return -1
}
