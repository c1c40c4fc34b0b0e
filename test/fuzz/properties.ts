import fc from 'fast-check'
import { jsonProperties } from './json-properties.ts'
import { stackProperties } from './stack-properties.ts'
import { tapeOf, tapeWords } from './tape.ts'
import { type Property, wireProperties } from './wire-properties.ts'

export const properties: Record<string, Property> = { ...wireProperties, ...jsonProperties, ...stackProperties }

const SHRINK_MS = 15_000

/** Holds one property against `runs` tapes. Throws an error that names the seed, and the smallest tape found in a while that breaks it. */
export function hold(property: Property, runs: number, seed?: number): void {
  const held = fc.property(tapeWords, (words) => property(tapeOf(words)))
  const first = fc.check(held, { numRuns: runs, endOnFailure: true, ...(seed === undefined ? {} : { seed }) })
  if (!first.failed) return
  const path = first.counterexamplePath === null ? {} : { path: first.counterexamplePath }
  fc.assert(held, { numRuns: runs, seed: first.seed, ...path, interruptAfterTimeLimit: SHRINK_MS })
  throw new Error(`seed ${first.seed}: failed, and then held when it was tried again`)
}
