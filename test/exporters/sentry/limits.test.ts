import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { cut } from '../../../src/exporters/sentry/limits.ts'

test('a text is cut between characters, and says that it was', () => {
  const f = (text: string, charactersMax: number, expected: string): void => deepStrictEqual(cut(text, charactersMax), expected)
  f('abcd', 4, 'abcd')
  f('abcde', 4, 'abc…')
  // Half of a pair is no character: Sentry's parser refuses all of a payload with one.
  f('ab💥de', 4, 'ab…')
  f('a💥cde', 4, 'a💥…')
})
