// Finds all heads in a long stretch of bytes at once. Each step of the automaton waits for the cell that the step before named, so four lanes side by
// side take little longer than one.
import type { Automaton } from './automaton.ts'

/** As much is swept at once: the places fit whatever the bytes are, and little is swept in vain. */
const SWEEP_BYTES_MAX = 12 * 1024
const LANES = 4
const STEPS_MAX = SWEEP_BYTES_MAX / LANES
/** The remainder of the division is read after the lanes. */
const ROOM = SWEEP_BYTES_MAX + LANES

/** What one sweep found: behind each head, in ascending order, and the heads that end there. `count` of them hold. */
export class Swept {
  readonly ends = new Int32Array(ROOM)
  readonly states = new Int32Array(ROOM)
  count = 0
}

export interface Sweep {
  /** Finds the heads that end behind `from`, and returns up to where: `stop`, or before it where there is more than is swept at once. */
  run(bytes: Uint8Array, from: number, stop: number, swept: Swept): number
  /** The heads that end at the place `i` of what was swept, the longest first. */
  headsAt(swept: Swept, i: number): readonly number[]
}

/**
 * Heads are at most `headLengthMax` bytes long. `isWorth` is asked of each whether it is more than a coincidence. A closure, not a class: where a function
 * is made once, V8 takes the tables that it closes over for constants, which makes the loop half as fast again.
 */
export function sweepOf(
  automaton: Automaton,
  headLengthMax: number,
  isWorth: (heads: readonly number[], bytes: Uint8Array, end: number) => boolean
): Sweep {
  const { width, outputs } = automaton
  const table = joined(automaton)
  const firstOutput = automaton.firstOutput + CLASSES
  // Where a lane came to the end of a word: how far all were, and the states of all. A call within the loop would cost it a third.
  const steps = new Int32Array(STEPS_MAX)
  const states = Array.from({ length: LANES }, () => new Int32Array(STEPS_MAX))
  const [states1, states2, states3, states4] = states

  const note = (bytes: Uint8Array, end: number, state: number, swept: Swept): void => {
    if (!isWorth(outputs[(state - firstOutput) / width], bytes, end)) return
    swept.ends[swept.count] = end
    swept.states[swept.count++] = state
  }

  // The state in which the byte at `at` is read. A head that ends there or later began after the first byte that is read here.
  const stateAt = (bytes: Uint8Array, at: number): number => {
    let state = CLASSES
    for (let pos = Math.max(0, at - headLengthMax + 1); pos < at; pos++) state = table[state + table[bytes[pos]]]
    return state
  }

  // All lanes, the first from `from` on, each `length` bytes long. Returns how often one of them was at the end of a word, and leaves the state of the last.
  let lastState = 0
  const lanes = (bytes: Uint8Array, from: number, length: number): number => {
    const end = from + length
    let state1 = stateAt(bytes, from)
    let state2 = stateAt(bytes, end)
    let state3 = stateAt(bytes, end + length)
    let state4 = stateAt(bytes, end + 2 * length)
    let count = 0
    for (let i = from; i < end; i++) {
      state1 = table[state1 + table[bytes[i]]]
      state2 = table[state2 + table[bytes[i + length]]]
      state3 = table[state3 + table[bytes[i + 2 * length]]]
      state4 = table[state4 + table[bytes[i + 3 * length]]]
      if (state1 >= firstOutput || state2 >= firstOutput || state3 >= firstOutput || state4 >= firstOutput) {
        steps[count] = i
        states1[count] = state1
        states2[count] = state2
        states3[count] = state3
        states4[count++] = state4
      }
    }
    lastState = state4
    return count
  }

  return {
    headsAt: (swept, i) => outputs[(swept.states[i] - firstOutput) / width],
    run(bytes, from, stop, swept) {
      const to = Math.min(stop, from + SWEEP_BYTES_MAX)
      const length = Math.floor((to - from) / LANES)
      const count = lanes(bytes, from, length)
      swept.count = 0
      for (let lane = 0; lane < LANES; lane++) {
        for (let i = 0; i < count; i++) {
          if (states[lane][i] >= firstOutput) note(bytes, steps[i] + lane * length + 1, states[lane][i], swept)
        }
      }
      let state = lastState
      for (let pos = from + LANES * length; pos < to; pos++) {
        state = table[state + table[bytes[pos]]]
        if (state >= firstOutput) note(bytes, pos + 1, state, swept)
      }
      return to
    }
  }
}

const CLASSES = 256

// The classes of bytes and the cells of the automaton in one table, states being offsets into it: the loop has few registers for where tables begin.
function joined({ classes, next }: Automaton): Uint16Array | Int32Array {
  const table = new (next.length + CLASSES > 1 << 16 ? Int32Array : Uint16Array)(CLASSES + next.length)
  table.set(classes)
  for (let i = 0; i < next.length; i++) table[CLASSES + i] = next[i] + CLASSES
  return table
}
