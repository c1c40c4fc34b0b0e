import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { severityOf, severityOfNumber, severityOfSyslog } from '../../src/logs/severity.ts'
import { understood } from './entry.ts'

test('words', () => {
  const f = (words: string, expected: number): void => {
    for (const word of words.split(' ')) deepStrictEqual([word, severityOf(word)], [word, expected])
  }
  f('trace TRACE Trace finest silly tRaCe', 1)
  f('debug DEBUG dbg FINER D', 5)
  f('verbose FINE', 6)
  f('CONFIG', 7)
  f('http', 8)
  f('info INFO Information informational inf i', 9)
  f('notice NOTICE success', 10)
  f('warn WARNING wrn W', 13)
  f('error err ERROR SEVERE failure e', 17)
  f('crit', 18)
  f('alert panic dpanic', 19)
  f('fatal emerg EMERGENCY ftl F critical', 21)
  f('INFO+2', 11)
  f('DEBUG-4', 1)
  f('ERROR+40', 24)
  f('\u001b[32minfo\u001b[39m', 9)
  f('x hello constructor __proto__ INFO+', 0)
  deepStrictEqual([severityOf(''), severityOf(' info '), severityOf('info'.repeat(100))], [0, 9, 0])
})

test('numbers', () => {
  deepStrictEqual(
    [10, 20, 30, 35, 40, 50, 60, 61].map((level) => severityOfNumber(level)?.[0]),
    [1, 5, 9, 9, 13, 17, 21, 21]
  )
  deepStrictEqual(
    [0, 1, 2, 3, 4, 5, 6, 7].map((level) => severityOfNumber(level)?.[0]),
    [21, 19, 18, 17, 13, 10, 9, 5]
  )
  deepStrictEqual(
    [0, 1, 2, 3, 4, 5, 6, 7].map((level) => severityOfSyslog(level)[0]),
    [21, 19, 18, 17, 13, 10, 9, 5]
  )
  deepStrictEqual(
    [-1, 100, 8.5, Number.NaN].map((level) => severityOfNumber(level)?.[0]),
    [undefined, undefined, undefined, undefined]
  )
})

test('a level in a field', () => {
  const f = (field: object, level: string | undefined, number: number | undefined): void => {
    const said = understood(JSON.stringify({ msg: 'm', ...field }))
    deepStrictEqual([said.level, said.severity], [level, number])
  }
  f({ level: 'info' }, 'info', 9)
  f({ level: '30' }, 'info', 9)
  f({ level: 3 }, 'error', 17)
  f({ level: 'custom' }, 'custom', undefined)
  f({ level: 'CRITICAL' }, 'CRITICAL', 21)
  f({ severity: 'CRITICAL' }, 'CRITICAL', 18)
  f({ status: 'critical' }, 'critical', 18)
  f({ status: 'done' }, undefined, undefined)
  f({ level: 200 }, undefined, undefined)
  f({ level: true }, undefined, undefined)
  f({ severity: 'warn', level: 'error' }, 'error', 17)
})
