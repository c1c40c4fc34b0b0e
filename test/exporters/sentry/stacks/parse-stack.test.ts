import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Trimmed } from '../../../../src/exporters/sentry/limits.ts'
import { detectLanguage, parseStack } from '../../../../src/exporters/sentry/stacks/parse-stack.ts'
import { cpuMs } from '../../../support/cpu-time.ts'
import { render } from './render.ts'

// Stack strings as programs print them, named after their language, and what a reader sees in them.
const LANGUAGES: Record<string, string> = { node: 'nodejs' }
const samples = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.txt'))

for (const sample of samples) {
  test(sample, () => {
    const text = readFileSync(join(import.meta.dirname, sample), 'utf8')
    const expected = readFileSync(join(import.meta.dirname, `${sample.slice(0, -4)}.frames`), 'utf8')
    const prefix = sample.slice(0, sample.indexOf('-'))
    const language = LANGUAGES[prefix] ?? prefix
    const told = `${render(parseStack(language, text))}\n`
    strictEqual(told, expected)
    strictEqual(`${render(parseStack(undefined, text))}\n`, expected, 'without the language')
    strictEqual(`${render(parseStack('erlang', text))}\n`, expected, 'told a language that is not read')
    strictEqual(`${render(parseStack(language, text.replaceAll('\n', '\r\n')))}\n`, expected, 'with carriage returns')
  })
}

test('there are samples of every language', () => {
  ok(samples.length >= 80, `${samples.length} samples`)
  const f = (language: string, least: number): void => {
    const found = samples.filter((name) => name.startsWith(`${language}-`)).length
    ok(found >= least, `${found} samples of ${language}`)
  }
  f('python', 20)
  f('java', 10)
  f('node', 20)
  f('go', 10)
  f('dotnet', 8)
  f('ruby', 8)
  f('php', 8)
  f('rust', 8)
})

test('what is no stack has no frames', () => {
  const f = (text: string): void => {
    deepStrictEqual(parseStack(undefined, text), [])
    for (const language of ['python', 'java', 'nodejs', 'webjs', 'go', 'dotnet', 'ruby', 'php', 'rust'])
      deepStrictEqual(parseStack(language, text), [], language)
    strictEqual(detectLanguage(text), undefined)
  }
  f('')
  f('\n\n')
  f('connection refused')
  f('Error: no stack here')
  f('ValueError: nothing above')
  f('look at this, at once\n  at home (not a file)\n  at last')
  f('java.lang.IllegalStateException: alone\nCaused by: java.io.IOException: alone too')
  f('#1 in the list\n#2 of it')
  f('12:30:01 started\n12:30:02 stopped')
})

test('a language is told by the lines of its stacks', () => {
  const f = (line: string, expected: string): void => strictEqual(detectLanguage(`some head\n${line}`), expected)
  f('  File "a.py", line 1, in f', 'python')
  f('\tat com.acme.A.b(A.java:1)', 'java')
  f('    at b (/app/a.js:1:2)', 'nodejs')
  f('b@https://acme.test/a.js:1:2', 'nodejs')
  f('goroutine 1 [running]:', 'go')
  f('   at Acme.A.B(String c) in /src/A.cs:line 3', 'dotnet')
  f('   at Acme.A.B()', 'dotnet')
  f("\tfrom a.rb:1:in 'b'", 'ruby')
  f('#0 /app/a.php(1): b()', 'php')
  f("thread 'main' panicked at src/a.rs:1:2:", 'rust')
})

test('colours and escaped line feeds are read through', () => {
  const f = (text: string): void => strictEqual(render(parseStack(undefined, text)), '#0 Error: "x"\n  + a.js:1:2 f [a] (/app/a.js)')
  f('Error: x\n    at f (/app/a.js:1:2)')
  f('\u001b[31mError: x\u001b[0m\n    at f (\u001b[90m/app/a.js:1:2\u001b[39m)')
  f('Error: x\\n    at f (/app/a.js:1:2)')
})

test('the first and the last frames of a deep stack are kept', () => {
  const frames = Array.from({ length: 600 }, (_, i) => `    at f${i} (/app/a.js:${i + 1}:1)`)
  const trimmed = new Trimmed()
  const [{ frames: kept, framesOmitted }] = parseStack('nodejs', `Error: deep\n${frames.join('\n')}`, {}, trimmed)
  strictEqual(kept.length, 250)
  strictEqual(framesOmitted, 350)
  deepStrictEqual(
    [0, 124, 125, 249].map((i) => kept[i].function),
    ['f599', 'f475', 'f124', 'f0']
  )
  deepStrictEqual([...trimmed.counts], [['frames', 350]])
})

test('the outermost and the innermost exceptions of a long chain are kept', () => {
  const causes = Array.from({ length: 40 }, (_, i) => `Caused by: acme.E${i}: ${i}\n\tat acme.A.f(A.java:${i + 1})\n`)
  const trimmed = new Trimmed()
  const values = parseStack('java', `acme.Outer: top\n\tat acme.A.f(A.java:9)\n${causes.join('')}`, {}, trimmed)
  strictEqual(values.length, 20)
  deepStrictEqual(
    [0, 9, 10, 19].map((i) => values[i].type),
    ['E39', 'E30', 'E8', 'Outer']
  )
  deepStrictEqual(
    values.map(({ id, parent }) => [id, parent]),
    [...Array.from({ length: 19 }, (_, i) => [19 - i, 18 - i]), [0, undefined]]
  )
  deepStrictEqual([...trimmed.counts], [['exceptions', 21]])
})

test('of a long text both ends are read', () => {
  const middle = Array.from({ length: 5000 }, (_, i) => `\tat acme.A.f(A.java:${i + 1})`)
  const trimmed = new Trimmed()
  const text = ['acme.Outer: top', ...middle, 'Caused by: acme.Inner: bottom', '\tat acme.B.g(B.java:1)'].join('\n')
  const values = parseStack('java', text, {}, trimmed)
  deepStrictEqual(
    values.map(({ type, value }) => [type, value]),
    [
      ['Inner', 'bottom'],
      ['Outer', 'top']
    ]
  )
  strictEqual(values[1].frames.at(-1)?.lineno, 1)
  strictEqual(values[1].frames[0].lineno, 5000)
  strictEqual(trimmed.counts.get('stack'), 1)
})

test('frames that many exceptions share are not restored without an end', () => {
  const frames = Array.from({ length: 800 }, (_, i) => `\tat a.A.f(A.java:${i + 1})`)
  const causes = Array.from({ length: 1500 }, () => 'Caused by: a.E: x\n\t... 800 more')
  const values = parseStack('java', ['a.E: x', ...frames, ...causes].join('\n'))
  strictEqual(values.length, 20)
  ok(values.every((each) => each.frames.length <= 250))
})

test('the time follows the length of the text, whatever it says', () => {
  const unit = (length: number, text: string): string => text.repeat(Math.ceil(length / text.length)).slice(0, length)
  // biome-ignore format: a list of pieces
  const attacks = [
    ' at ', '    at ', '(', ')', '    at f (', '    at a (b', ':1:1', '@/', '@a://', '@https://a/b:1:1', ' in ', ' (', '[cause]: ', '#0 a(1): ', '(1)', '<', '<>', '<a>b__', '.<',
    "thread '", " panicked at '", ' 0: a::b', '::{{closure}}', '::', 'goroutine 1 [', '\tat a.b(c.java:1)\n', 'Caused by: a.B: c\n', '\tSuppressed: a.B\n', '\t... 999999 more\n',
    '  File "', '  File "a", line 1, in f\n', '  | ', '  +-+---------------- 1 ----------------\n', '  + Exception Group Traceback (most recent call last):\n', 'Traceback (most recent call last):\n',
    ' ---> ', ' ---> (Inner Exception #1) A.B: c\n', '   at A.B(', '   at A.B() in C:\\a.cs:line 1\n', '   --- End of inner exception stack trace ---\n', "a.rb:1:in 'b'", "a.rb:1:in 'b': c (D)\n", '\t1: from ', 'a.rb:1: ',
    'panic: a [recovered]\n', '\tpanic: a\n', 'a.b(\n\t/c.go:1\n', 'created by ', '[errors]: [\n', '    Error: a\n', '[0] Error: a\n', '\u001b[', ' \n', '\\n    at ', 'A: ', 'in block in ', 'A::', '$$Lambda$1/', '\u00e9', '~^', '"""\n'
  ]
  for (const attack of attacks)
    for (const lead of [
      '',
      'Error: x\n    at f (/a.js:1:2)\n',
      'Traceback (most recent call last):\n  File "a.py", line 1, in f\n',
      '   at A.B()\n',
      '\tat ',
      '   at ',
      "a.rb:1:in '"
    ]) {
      const text = lead + unit(64 * 1024 - lead.length, attack)
      const took = cpuMs(() => {
        for (const language of [undefined, 'python', 'java', 'nodejs', 'go', 'dotnet', 'ruby', 'php', 'rust']) parseStack(language, text)
      })
      ok(took < 2000, `${JSON.stringify(attack)} behind ${JSON.stringify(lead)} took ${Math.round(took)} ms`)
    }
})
