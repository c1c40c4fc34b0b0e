import { isDeepStrictEqual } from 'node:util'

/** Would a component made with one behave as one made with the other? Then a reload leaves it running. */
export function sameOptions(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(a, b)
}
