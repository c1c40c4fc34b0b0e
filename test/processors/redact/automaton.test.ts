import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { buildAutomaton, HeadFinder } from '../../../src/processors/redact/automaton.ts'

/** Every place where a word ends, as `offset word`. */
function found(words: string[], text: string): string[] {
  const finder = new HeadFinder(buildAutomaton(words))
  const bytes = Buffer.from(text)
  const places: string[] = []
  for (let at = finder.find(bytes, 0, bytes.length); at >= 0; at = finder.find(bytes, at, bytes.length)) {
    for (const word of finder.ended()) places.push(`${at} ${words[word]}`)
  }
  return places.sort()
}

function foundOneByOne(words: string[], text: string): string[] {
  const places: string[] = []
  const lower = text.toLowerCase()
  for (const word of words) {
    for (let at = lower.indexOf(word.toLowerCase()); at >= 0; at = lower.indexOf(word.toLowerCase(), at + 1))
      places.push(`${at + word.length} ${word}`)
  }
  return places.sort()
}

test('the automaton finds words in any case, also inside and across one another', () => {
  const f = (words: string[], text: string, expected: string[]): void => deepStrictEqual(found(words, text), expected.sort())
  f(['token'], 'no such thing', [])
  f(['token'], 'Token tokenTOKEN', ['5 token', '11 token', '16 token'])
  f(['he', 'she', 'hers'], 'ushers', ['4 he', '4 she', '6 hers'])
  f(['://', '@'], 'a://b@c', ['4 ://', '6 @'])
})

test('the automaton finds what one search per word finds', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'C', '-'), minLength: 1, maxLength: 5 })
  const words = fc.uniqueArray(word, { minLength: 1, maxLength: 12, selector: (text) => text.toLowerCase() })
  fc.assert(
    fc.property(words, fc.string({ unit: fc.constantFrom('a', 'B', 'c', '-', 'é', 'x'), maxLength: 60 }), (list, text) => {
      // Offsets are in bytes, so both sides get one character a byte.
      const plain = text.replaceAll('é', '#')
      deepStrictEqual(found(list, plain), foundOneByOne(list, plain))
    }),
    { numRuns: 500 }
  )
})

test('the automaton holds more states than fit into 16 bits', () => {
  const words = Array.from({ length: 900 }, (_, i) => `w${i.toString(36)}-${(i * 7919).toString(36)}`)
  deepStrictEqual(found(words, `xx${words[899]}`), foundOneByOne(words, `xx${words[899]}`))
})
