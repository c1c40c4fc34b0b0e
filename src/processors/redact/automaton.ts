// Aho–Corasick over bytes: finds every place where one of many short words ends, in one pass. Letters are case-folded.
// The table has one row per state and one column per class of bytes; bytes that no word contains share column 0. States that end a word are
// numbered last, so that the loop needs one comparison per byte. The loop is as fast as what it waits for in each step: one load from a table of
// 16-bit cells, without a shift. So a state is the offset of its row, and rows are as short as they can be.

export interface Automaton {
  /** Byte → column. */
  readonly classes: Uint8Array
  /** `next[state + class]` is the state that follows. States are multiples of `width`; 0 is the start. */
  readonly next: Uint16Array | Int32Array
  readonly width: number
  /** States from here on end at least one word. */
  readonly firstOutput: number
  /** Which words end in state `firstOutput + i * width`, the longest first. */
  readonly outputs: readonly (readonly number[])[]
}

/** Above this many cells, a state does not fit into 16 bits. */
const SMALL_CELLS_MAX = 1 << 16
const STATES_MAX = 65_535

/**
 * Builds the table once. There is at least one word, with a character for each byte. Bytes that are no ASCII share a column with those of the same last
 * three bits, so who has such words compares what was found. More than 65,535 states are a fault of the rules.
 */
export function buildAutomaton(words: readonly string[]): Automaton {
  const classes = classesOf(words)
  const width = 1 + classes.reduce((most, column) => Math.max(most, column), 0)
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
  const renamed = new Uint32Array(trie.length)
  order.forEach((state, name) => {
    renamed[state] = name * width
  })
  const next = new (trie.length * width > SMALL_CELLS_MAX ? Int32Array : Uint16Array)(trie.length * width)
  order.forEach((state, name) => {
    for (let column = 0; column < width; column++) next[name * width + column] = renamed[trie[state][column]]
  })
  const firstOutput = order.findIndex((state) => ends[state].length > 0)
  return {
    classes,
    next,
    width,
    firstOutput: firstOutput * width,
    outputs: order.slice(firstOutput).map((state) => ends[state])
  }
}

function classesOf(words: readonly string[]): Uint8Array {
  const classes = new Uint8Array(256)
  let used = 0
  for (const word of words) {
    for (let i = 0; i < word.length; i++) {
      const byte = word.charCodeAt(i)
      if (byte > 255) throw new RangeError('a character of a head is more than a byte')
      if (classes[byte] !== 0) continue
      used++
      if (byte > 127) for (let high = 128 + (byte & 7); high < 256; high += 8) classes[high] = used
      else for (const alike of [byte, ...alikeLetters(byte)]) classes[alike] = used
    }
  }
  return classes
}

// The letter in both cases.
function alikeLetters(byte: number): number[] {
  const letter = String.fromCharCode(byte)
  return [letter.toLowerCase().charCodeAt(0), letter.toUpperCase().charCodeAt(0)]
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

/** Goes through one text, from head to head. */
export class HeadFinder {
  private readonly automaton: Automaton
  /** The state after the byte before the offset that `find` returned last. */
  private state = 0

  constructor(automaton: Automaton) {
    this.automaton = automaton
  }

  /** Forgets what came before: the next `find` begins anew. */
  reset(): void {
    this.state = 0
  }

  /** The offset behind the next head that ends in [at, stop), or -1. A head may have begun before `at`, unless `reset` was called. */
  find(bytes: Uint8Array, at: number, stop: number): number {
    const { classes, next, firstOutput } = this.automaton
    let state = this.state
    let pos = at
    // Four bytes a round: the loop's own cost is as high as the look-up's.
    for (const last = stop - 3; pos < last; pos += 4) {
      state = next[state + classes[bytes[pos]]]
      if (state >= firstOutput) return this.stopAt(pos + 1, state)
      state = next[state + classes[bytes[pos + 1]]]
      if (state >= firstOutput) return this.stopAt(pos + 2, state)
      state = next[state + classes[bytes[pos + 2]]]
      if (state >= firstOutput) return this.stopAt(pos + 3, state)
      state = next[state + classes[bytes[pos + 3]]]
      if (state >= firstOutput) return this.stopAt(pos + 4, state)
    }
    for (; pos < stop; pos++) {
      state = next[state + classes[bytes[pos]]]
      if (state >= firstOutput) return this.stopAt(pos + 1, state)
    }
    this.state = state
    return -1
  }

  /** The words that end at the offset which `find` returned last, the longest first. */
  ended(): readonly number[] {
    const { outputs, firstOutput, width } = this.automaton
    return outputs[(this.state - firstOutput) / width]
  }

  private stopAt(at: number, state: number): number {
    this.state = state
    return at
  }
}
