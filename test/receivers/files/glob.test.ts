import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { ANY_DEPTH, matcherOf, parseGlob, passes } from '../../../src/receivers/files/glob.ts'

test('globs match paths', () => {
  const f = (glob: string, path: string, expected: boolean): void => {
    strictEqual(matcherOf([glob])(path), expected, `${glob} ${path}`)
    // Both readings agree, where there is no `**` to be walked.
    const [segments, parts] = [parseGlob(glob), path.split('/').slice(1)]
    if (!glob.includes('/') || segments.some((pattern) => pattern.includes(ANY_DEPTH))) return
    const walked = segments.some((pattern) => pattern.length === parts.length && pattern.every((segment, i) => passes(segment, parts[i])))
    strictEqual(walked, expected, `${glob} ${path}, walked`)
  }
  f('/a/*.log', '/a/b.log', true)
  f('/a/*.log', '/a/.log', true)
  f('/a/*.log', '/a/b/c.log', false)
  f('/a/*.log', '/a/blog', false)
  f('/a/**/*.log', '/a/b.log', true)
  f('/a/**/*.log', '/a/b/c/d.log', true)
  f('/a/**', '/a/b/c', true)
  f('/a/**', '/a', false)
  f('/a/?.log', '/a/b.log', true)
  f('/a/?.log', '/a/bb.log', false)
  f('/a/[a-c]1.log', '/a/b1.log', true)
  f('/a/[!a-c]1.log', '/a/b1.log', false)
  f('/a/[z-a].log', '/a/z.log', false)
  f('/a/[', '/a/[', true)
  f('/a/{b,c*}.log', '/a/cd.log', true)
  f('/a/{b,c*}.log', '/a/d.log', false)
  f('/a/\\*.log', '/a/*.log', true)
  f('/a/\\*.log', '/a/b.log', false)
  f('/a/b+(c).log', '/a/b+(c).log', true)
  f('*.gz', '/a/b/c.gz', true)
  f('*.gz', '/a/c.gz/d', false)
  f('a/*.log', join(process.cwd(), 'a/b.log'), true)
})

test('many braces do not make endless patterns', () => {
  deepStrictEqual(parseGlob(`/${'{a,b,c}'.repeat(20)}`).length < 1000, true)
})
