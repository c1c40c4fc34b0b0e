import { deepStrictEqual, ok } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseStack } from '../../src/exporters/sentry/stacks/parse-stack.ts'
import { type ParsedException, STACK_LIMITS } from '../../src/exporters/sentry/stacks/stack.ts'
import type { Tape } from './tape.ts'
import type { Property } from './wire-properties.ts'

const SAMPLES = join(import.meta.dirname, '..', 'exporters', 'sentry', 'stacks')
const samples = readdirSync(SAMPLES)
  .filter((name) => name.endsWith('.txt'))
  .map((name) => readFileSync(join(SAMPLES, name), 'utf8').split('\n'))
const LANGUAGES = [undefined, 'python', 'java', 'nodejs', 'webjs', 'go', 'dotnet', 'ruby', 'php', 'rust', 'erlang']
const TOKENS = [
  '',
  ' ',
  '\t',
  '    at ',
  '(',
  ')',
  ':',
  ':1:1',
  '\n',
  '|',
  '+-+---------------- 1 ----------------',
  '[cause]: ',
  '<',
  '>',
  "'",
  '"',
  '#0 ',
  '{',
  '}',
  '\u001b[31m',
  '\r',
  'é',
  '\ud800'
]
/** Long enough for a machine that does other work, far too short for anything that does not take time in proportion. */
const PATIENCE_MS = 5000

/** Whatever is done to a stack string, what is read of it is fit to be sent, and soon there. */
export const stackProperties: Record<string, Property> = {
  'stack strings: mutated ones are read within their limits': (tape) => {
    const text = mutated(tape)
    const language = tape.pick(LANGUAGES)
    const startedAt = performance.now()
    const values = parseStack(language, text)
    const took = performance.now() - startedAt
    ok(took < PATIENCE_MS, `${Math.round(took)} ms for ${text.length} characters`)
    check(values)
    deepStrictEqual(parseStack(language, text), values)
  }
}

function mutated(tape: Tape): string {
  const lines = tape.pick(samples).slice()
  for (let left = tape.below(12); left > 0; left--) {
    const at = tape.below(Math.min(lines.length, 60_000))
    const line = lines[at] ?? ''
    const cut = tape.below(line.length + 1)
    switch (tape.below(9)) {
      case 0:
        lines.splice(at, 1 + tape.below(4))
        break
      case 1:
        lines.splice(tape.below(lines.length + 1), 0, line)
        break
      case 2:
        lines[at] = line.slice(0, cut) + tape.pick(TOKENS) + line.slice(cut)
        break
      case 3:
        lines[at] = line.slice(0, cut) + line.slice(cut + 1 + tape.below(8))
        break
      case 4:
        lines.splice(at, 0, ...slice(tape, tape.pick(samples)))
        break
      case 5:
        lines[at] = ' '.repeat(tape.below(40)) + line.trimStart()
        break
      case 6:
        lines[at] = line.slice(0, cut) + tape.pick(TOKENS).repeat(tape.below(2000)) + line.slice(cut)
        break
      case 7:
        if (lines.length < 2000) lines.splice(at, 0, ...Array.from({ length: tape.below(300) }, () => line))
        break
      default:
        lines[at] = line.slice(0, cut) + String.fromCharCode(tape.below(65_536)) + line.slice(cut)
    }
    if (lines.length === 0) return ''
  }
  return lines.join('\n')
}

function slice(tape: Tape, from: readonly string[]): readonly string[] {
  const start = tape.below(from.length)
  return from.slice(start, start + 1 + tape.below(30))
}

function check(values: readonly ParsedException[]): void {
  ok(values.length <= STACK_LIMITS.exceptionsMax)
  if (values.length > 0) ok(values.some((each) => each.frames.length > 0))
  values.forEach(({ id, parent, source, frames, value, type }, i) => {
    ok(id === values.length - 1 - i)
    ok(parent === undefined ? id === 0 : parent < id && source !== undefined, `${id} of ${parent}`)
    ok(typeof type === 'string' && typeof value === 'string')
    ok(frames.length <= STACK_LIMITS.framesMax)
    for (const { filename, function: called, lineno, colno } of frames) {
      ok((filename ?? '') !== '' || (called ?? '') !== '', 'a frame has a file or a function')
      ok((lineno ?? 1) >= 1 && (colno ?? 1) >= 1)
    }
  })
}
