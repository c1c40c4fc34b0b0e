import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { array as arrays, assert, constantFrom, property, uint8Array } from 'fast-check'
import { buildAutomaton, HeadFinder } from '../../../src/processors/redact/automaton.ts'
import { Swept, sweepOf } from '../../../src/processors/redact/sweep.ts'

const WORDS = ['key', 'keys', 'eye', '://', 'a', 'secret', 'AKIA']
const automaton = buildAutomaton(WORDS)

function oneByOne(bytes: Uint8Array, isWorth: (heads: readonly number[], bytes: Uint8Array, end: number) => boolean): number[] {
  const finder = new HeadFinder(automaton)
  const ends: number[] = []
  for (let at = finder.find(bytes, 0, bytes.length); at >= 0; at = finder.find(bytes, at, bytes.length)) {
    if (isWorth(finder.ended(), bytes, at)) ends.push(at)
  }
  return ends
}

function atOnce(bytes: Uint8Array, isWorth: (heads: readonly number[], bytes: Uint8Array, end: number) => boolean): number[] {
  const sweep = sweepOf(automaton, 6, isWorth)
  const swept = new Swept()
  const ends: number[] = []
  for (let at = 0; at < bytes.length; ) {
    at = sweep.run(bytes, at, bytes.length, swept)
    ends.push(...swept.ends.subarray(0, swept.count))
    for (let i = 0; i < swept.count; i++) ok(sweep.headsAt(swept, i).every((head) => endsThere(bytes, swept.ends[i], WORDS[head])))
  }
  return ends
}

const endsThere = (bytes: Uint8Array, end: number, word: string): boolean =>
  Buffer.from(bytes.subarray(end - word.length, end))
    .toString('latin1')
    .toLowerCase() === word.toLowerCase()

test('a sweep finds what one pass finds, wherever its lanes and pieces meet', () => {
  const always = (): boolean => true
  const f = (text: string): void => deepStrictEqual(atOnce(Buffer.from(text), always), oneByOne(Buffer.from(text), always))
  for (const text of ['', 'a', 'ke', 'key', 'keys', 'keyeye://', 'secret'.repeat(2_000), 'a'.repeat(40_000)]) f(text)
  for (let shift = 0; shift < 40; shift++) f(`${'x'.repeat(shift)}${'secret key '.repeat(3_000)}`)
  const piece = constantFrom(...WORDS.map((word) => Buffer.from(word)), ...WORDS.map((word) => Buffer.from(word.slice(0, -1))))
  assert(
    property(arrays(piece, { minLength: 0, maxLength: 60 }), uint8Array({ maxLength: 30 }), (pieces, noise) => {
      const bytes = Buffer.concat([...pieces, noise, ...pieces])
      deepStrictEqual(atOnce(bytes, always), oneByOne(bytes, always))
    })
  )
})

test('what is not worth it is left out', () => {
  const isEye = (heads: readonly number[]): boolean => heads.some((head) => WORDS[head] === 'eye')
  const bytes = Buffer.from('key eye keye '.repeat(100))
  deepStrictEqual(atOnce(bytes, isEye), oneByOne(bytes, isEye))
  strictEqual(atOnce(bytes, isEye).length, 200)
})
