import fc from 'fast-check'
import { tapeOf, tapeWords } from './tape.ts'
import { type Property, wireProperties } from './wire-properties.ts'

export const properties: Record<string, Property> = { ...wireProperties }

/** Holds one property against `runs` tapes. Throws an error that names the seed, and the smallest tape that breaks it. */
export function hold(property: Property, runs: number, seed?: number): void {
  fc.assert(
    fc.property(tapeWords, (words) => property(tapeOf(words))),
    seed === undefined ? { numRuns: runs } : { numRuns: runs, seed }
  )
}
