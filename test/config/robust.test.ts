// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the files under test have variables in them
import { ok } from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { components } from '../../src/components.ts'
import { loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/problem.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const file = join(temporaryDirectory(), 'sluice.yaml')
const sidecar = await readFile(new URL('../../config/sidecar.yaml', import.meta.url), 'utf8')

/** Whatever a file holds, it loads, or is refused with at least one problem that has a place. */
async function holds(text: string): Promise<void> {
  await writeFile(file, text)
  await loadConfig({ file, env: { A: 'x', B: '5', C: '' }, definitions: components }).catch((error: unknown) => {
    ok(error instanceof ConfigError, String(error))
    ok(error.problems.length > 0)
    for (const { place, remedy, expected } of error.problems)
      ok(('file' in place || 'variable' in place) && remedy !== '' && expected !== '')
  })
}

const word = fc.constantFrom(
  ...[
    'receivers',
    'processors',
    'exporters',
    'queue',
    'otlp',
    'otlp/b',
    'sample',
    'redact',
    'headers',
    'rules',
    'tls',
    'http',
    '<<',
    '0',
    '__proto__'
  ],
  ...[
    'constructor',
    'off',
    'null',
    '*a',
    '&a',
    '!t',
    '$',
    '{A}',
    '${A}',
    '${B}',
    '${C}',
    '${D}',
    '${A',
    '1e999',
    '-0',
    '.nan',
    '~',
    '\t',
    '  ',
    '\n',
    '- '
  ],
  ...[
    ': ',
    '{',
    '}',
    '[',
    ']',
    ',',
    '"',
    "'",
    '|',
    '>',
    '#',
    '?',
    '%',
    '@',
    '`',
    '\u0000',
    '\ufeff',
    '\ud800',
    '😀',
    '---',
    '\r',
    '\n  ',
    '\n    '
  ]
)

test('a file of random words is read or refused', () =>
  fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 60 }), (words) => holds(words.join(''))),
    { numRuns: 600 }
  ))

test('a damaged profile is read or refused', () => {
  const edit = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), removed: fc.nat(200), put: word })
  return fc.assert(
    fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      let text = sidecar
      for (const { at, removed, put } of edits) {
        const start = Math.floor(at * text.length)
        text = text.slice(0, start) + put + text.slice(start + removed)
      }
      return holds(text)
    }),
    { numRuns: 300 }
  )
})

test('any structure of values is read or refused', () => {
  const key = fc.constantFrom(
    'receivers',
    'processors',
    'exporters',
    'queue',
    'admin',
    'telemetry',
    'otlp',
    'otlp/b',
    'derive',
    'sample',
    'redact',
    'rules',
    'x'
  )
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 6, withCrossShrink: true },
      fc.constantFrom<unknown>(null, true, false, 0, -1, 1.5, 1e300, '', 'off', 'x', '10%', '1s', '1MiB', ':0', 'http://h'),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.oneof(key, fc.string({ maxLength: 5 })), tie('value'), { maxKeys: 5 })
    )
  }))
  return fc.assert(
    fc.asyncProperty(fc.dictionary(key, value, { maxKeys: 7 }), (config) => holds(JSON.stringify(config))),
    { numRuns: 600 }
  )
})
