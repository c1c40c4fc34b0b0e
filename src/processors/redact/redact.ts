import { type Batch, formOf, type RedactedBatch } from '../../batch.ts'
import { defineRedactor } from '../../component.ts'
import { choice, group, list, text } from '../../config/schema.ts'
import { Engine, type EngineOptions } from './engine.ts'
import { PatternError } from './pattern-syntax.ts'
import { userPattern } from './patterns.ts'
import { Walk } from './walk.ts'

/**
 * Takes the secrets out of every text of a batch: tokens that vendors' formats give away, values whose key names a secret, credentials in URLs,
 * headers and connection strings, private keys, payment cards, e-mail addresses. What cannot be looked at within budget is hidden as a whole.
 */
export const redact = defineRedactor({
  type: 'redact',
  summary: 'Take secrets out of every text of every signal, always last before the queue.',
  options: {
    keys: list(text({ default: '', doc: 'A key, in any spelling: `internalNote` also means `internal_note`.' }), {
      doc: 'Names of keys whose values are hidden, on top of the built-in ones.'
    }),
    patterns: list(
      group(
        {
          name: text({ default: 'custom', doc: 'Name of the rule, shown in the marker: small letters, digits and dashes.' }),
          pattern: text({
            default: '',
            doc: 'A regular expression with 3 or more fixed characters in a row; `(?i)` in front ignores case.'
          })
        },
        { doc: 'One pattern.' }
      ),
      { doc: 'Patterns of texts that are hidden, on top of the built-in ones.' }
    ).superRefine((patterns, context) => {
      for (const [index, { name, pattern }] of patterns.entries()) {
        if (!/^[a-z0-9-]{1,40}$/.test(name)) {
          context.addIssue({ code: 'custom', path: [index, 'name'], message: 'expected 1 to 40 small letters, digits or dashes' })
        }
        const problem = problemOf(pattern)
        if (problem !== null)
          context.addIssue({ code: 'custom', path: [index, 'pattern'], message: `expected a pattern that runs in linear time: ${problem}` })
      }
    }),
    allow: list(text({ default: '', doc: 'A key, a value or the name of a rule.' }), {
      doc: 'What is left alone: keys by their name, values as they are, rules by the name that their marker shows.'
    }),
    mode: choice(['mask'], { default: 'mask', doc: 'What takes the place of a secret: `mask` writes `[redacted:rule]`.' })
  },
  create(options, { metrics }) {
    const redactions = metrics.counter('sluice_redactions_total', 'Secrets taken out, by rule, signal and place.')
    const exceeded = metrics.counter(
      'sluice_redact_budget_exceeded_total',
      'Texts hidden as a whole, since looking at them took too much work.'
    )
    const engine = engineOf(options, {
      counted: (rule, signal, place) => redactions.add(1, { rule, signal, place }),
      exceeded: () => exceeded.add(1)
    })
    const walk = new Walk(engine)
    return {
      process: (batch) => passed(batch, walk.redact(formOf(batch.signal), batch.bytes)),
      text(value) {
        const bytes = Buffer.from(value)
        const redacted = engine.redact(bytes, 0, bytes.length)
        return redacted === null ? value : Buffer.from(redacted).toString()
      }
    }
  }
})

type RedactOptions = Parameters<typeof redact.create>[0]

/** The engine that these options describe; `told` is told of what it does. */
export function engineOf({ keys, patterns, allow }: RedactOptions, told: Omit<EngineOptions, 'keys' | 'patterns' | 'allow'>): Engine {
  return new Engine({
    keys: keys.filter((key) => key !== ''),
    patterns: patterns.map(({ name, pattern }) => userPattern(name, pattern)),
    allow: allow.filter((entry) => entry !== ''),
    ...told
  })
}

// The only place that makes a RedactedBatch.
function passed(batch: Batch, bytes: Uint8Array): RedactedBatch {
  return (bytes === batch.bytes ? batch : { ...batch, bytes }) as RedactedBatch
}

function problemOf(pattern: string): string | null {
  try {
    userPattern('', pattern)
    return null
  } catch (error) {
    if (error instanceof PatternError) return error.message
    throw error
  }
}
