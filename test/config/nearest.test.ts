import { strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { editDistance, nearest, sameWord } from '../../src/config/nearest.ts'

test('editDistance counts letters added, removed, replaced and swapped, up to a limit', () => {
  const f = (a: string, b: string, expected: number, limit = 10) => {
    strictEqual(editDistance(a, b, limit), expected, `${a} ${b}`)
    strictEqual(editDistance(b, a, limit), expected, `${b} ${a}`)
  }
  f('', '', 0)
  f('otlp', 'otlp', 0)
  f('otpl', 'otlp', 1)
  f('otl', 'otlp', 1)
  f('oltb', 'otlp', 2)
  f('kitten', 'sitting', 3)
  f('abc', '', 3)
  f('abcdef', 'uvwxyz', 3, 3)
})

test('nearest finds what was meant, and nothing far-fetched', () => {
  const words = ['endpoint', 'headers', 'timeout', 'sizeMax', 'warn']
  const f = (word: string, expected: string | undefined) => strictEqual(nearest(word, words), expected, word)
  f('endpont', 'endpoint')
  f('ENDPOINT', 'endpoint')
  f('time-out', 'timeout')
  f('size_max', 'sizeMax')
  f('warning', 'warn')
  f('header', 'headers')
  f('url', undefined)
  f('compression', undefined)
  f('', undefined)
  f('x'.repeat(100_000), undefined)
})

test('sameWord looks through spelling and order', () => {
  strictEqual(sameWord('max_size', 'sizeMax'), true)
  strictEqual(sameWord('SizeMax', 'sizeMax'), true)
  strictEqual(sameWord('maxSizes', 'sizeMax'), false)
})
