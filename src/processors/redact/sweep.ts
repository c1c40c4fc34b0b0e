// Finds all heads in a long stretch of bytes at once. Each step of the automaton waits for the cell that the step before named, so three lanes side by
// side take little longer than one.
import type { Automaton } from './automaton.ts'

/** As much is swept at once: the places fit whatever the bytes are, and little is swept in vain. */
const SWEEP_BYTES_MAX = 12 * 1024
const LANE_BYTES_MAX = SWEEP_BYTES_MAX / 3
/** The remainder of a division by three. */
const ROOM = SWEEP_BYTES_MAX + 3

export interface Sweep {
  /** Behind each head that was found, in ascending order; `count` of them hold. */
  readonly ends: Int32Array
  count: number
  /** Finds the heads that end behind `from`, and returns up to where: `stop`, or before it where there is more than is swept at once. */
  run(bytes: Uint8Array, from: number, stop: number): number
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
  const { classes, next, width, firstOutput, outputs } = automaton
  const ends = new Int32Array(ROOM)
  // What the second and the third lane find, until the first is done.
  const parked = [new Int32Array(LANE_BYTES_MAX + 1), new Int32Array(LANE_BYTES_MAX + 1)]

  const isWorthAt = (bytes: Uint8Array, end: number, state: number): boolean => isWorth(outputs[(state - firstOutput) / width], bytes, end)

  // The state in which the byte at `at` is read. A head that ends there or later began after the first byte that is read here.
  const stateAt = (bytes: Uint8Array, at: number): number => {
    let state = 0
    for (let pos = Math.max(0, at - headLengthMax + 1); pos < at; pos++) state = next[state + classes[bytes[pos]]]
    return state
  }

  const sweep: Sweep = {
    ends,
    count: 0,
    run(bytes, from, stop) {
      const to = Math.min(stop, from + SWEEP_BYTES_MAX)
      const length = Math.floor((to - from) / 3)
      const second = from + length
      const third = second + length
      const [second2, third2] = parked
      let state1 = stateAt(bytes, from)
      let state2 = stateAt(bytes, second)
      let state3 = stateAt(bytes, third)
      let count1 = 0
      let count2 = 0
      let count3 = 0
      for (let i = 0; i < length; i++) {
        state1 = next[state1 + classes[bytes[from + i]]]
        state2 = next[state2 + classes[bytes[second + i]]]
        state3 = next[state3 + classes[bytes[third + i]]]
        if (state1 >= firstOutput || state2 >= firstOutput || state3 >= firstOutput) {
          if (state1 >= firstOutput && isWorthAt(bytes, from + i + 1, state1)) ends[count1++] = from + i + 1
          if (state2 >= firstOutput && isWorthAt(bytes, second + i + 1, state2)) second2[count2++] = second + i + 1
          if (state3 >= firstOutput && isWorthAt(bytes, third + i + 1, state3)) third2[count3++] = third + i + 1
        }
      }
      for (let i = 0; i < count2; i++) ends[count1++] = second2[i]
      for (let i = 0; i < count3; i++) ends[count1++] = third2[i]
      for (let pos = third + length; pos < to; pos++) {
        state3 = next[state3 + classes[bytes[pos]]]
        if (state3 >= firstOutput && isWorthAt(bytes, pos + 1, state3)) ends[count1++] = pos + 1
      }
      sweep.count = count1
      return to
    }
  }
  return sweep
}
