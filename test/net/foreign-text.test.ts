import { strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { foreignText } from '../../src/net/foreign-text.ts'

test('what another side said is short, on one line, and without secrets', () => {
  const f = (said: string, expected: string): void =>
    strictEqual(
      foreignText(said, (text) => text.replaceAll('hunter2', '***')),
      expected
    )
  f('too old', 'too old')
  f('', '')
  f('  a\r\n\tb\u0000\u001b[31mc ', 'a b [31mc')
  f('password hunter2 is wrong', 'password *** is wrong')
  f('x'.repeat(200), 'x'.repeat(200))
  f('x'.repeat(201), `${'x'.repeat(199)}…`)
  f(`${' '.repeat(3000)}late`, '')
})
