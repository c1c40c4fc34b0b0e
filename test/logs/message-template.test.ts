import { strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { filledTemplate } from '../../src/logs/message-template.ts'

test('a template is filled from the properties beside it', () => {
  const f = (template: string, properties: object, expected: string): void =>
    strictEqual(filledTemplate(template, properties as Record<string, string>), expected)
  f('{User} took {Elapsed:0.0} ms', { User: 'a', Elapsed: 12.345, '@r': ['12.3'] }, 'a took 12.3 ms')
  f('{A:0} {B} {C:0}', { A: 1, B: 2, C: 3, '@r': ['one', 'three'] }, 'one 2 three')
  f('{A:0}', { A: 1.5 }, '1.5')
  f('{@Order} {$Name,-10}', { Order: { id: 1 }, Name: true }, '{"id":1} true')
  f('{{no}} {Missing} { } {', {}, '{no} {Missing} { } {')
  f('{Null}', { Null: null }, 'null')
  f('{toString} {__proto__}', {}, '{toString} {__proto__}')
})

test('a template that would grow without end stays as it is', () => {
  const template = '{A}'.repeat(40_000)
  strictEqual(filledTemplate(template, { A: 'x'.repeat(100_000) }), template)
})
