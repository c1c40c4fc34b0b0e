import { readFileSync } from 'node:fs'
import { type Batch, formOf, type RedactedBatch, SIGNALS, type Signal } from '../../batch.ts'
import { defineRedactor } from '../../component.ts'
import { choice, flag, group, list, map, maybe, secret, text } from '../../config/schema.ts'
import { messageOf, RefusedError } from '../../errors.ts'
import { type Cage, CanaryGuard } from './canary.ts'
import { Engine, type EngineOptions } from './engine.ts'
import { KeyStreams } from './key-streams.ts'
import { PatternError } from './pattern-syntax.ts'
import { userPattern } from './patterns.ts'
import { MODES, Policies } from './policy.ts'
import { RecordKeys } from './record-keys.ts'
import { ruleNames } from './rules.ts'
import { Tally } from './tally.ts'
import { EMAIL_KEYS, UserEmails } from './user-email.ts'
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
    mode: choice(MODES, {
      default: 'mask',
      doc: 'What takes the place of a secret: `mask` a marker that names the rule, `remove` nothing, `hash` a marker with a keyed hash, `last4` one with the last four characters of 12 or more.'
    }),
    modes: map(choice(MODES, { default: 'mask', doc: 'The mode.' }), {
      doc: 'Modes of single rules, by the name that their marker shows: `card: last4`.'
    }),
    hashKey: maybe(secret({ doc: 'Key of the hashes, 16 characters or more. Gateways with the same key hash alike.' })),
    hashKeyFile: text({ default: '', doc: 'File with the key of the hashes, in place of `hashKey`.' }),
    policies: list(
      group(
        {
          signals: list(choice([SIGNALS[0], ...SIGNALS.slice(1)], { default: 'traces', doc: 'A signal.' }), {
            doc: 'Signals that it holds for; none means all.'
          }),
          attributes: list(text({ default: '', doc: 'An attribute by its full name; `*` at the end stands for any rest.' }), {
            doc: 'Attributes that it holds for, with all that is in them; none means all texts.'
          }),
          allow: list(text({ default: '', doc: 'The name of a rule, or `*`.' }), {
            doc: 'Rules that leave alone what they find there; `*` means all.'
          }),
          mode: choice(['inherit', ...MODES], {
            default: 'inherit',
            doc: 'What takes the place of a secret there; `inherit` leaves it at `mode` and `modes`.'
          })
        },
        { doc: 'One policy.' }
      ),
      { doc: 'What is done otherwise in single signals or attributes; of several that fit, the last one counts.' }
    ),
    canary: flag({
      default: false,
      doc: 'At the start and once an hour send made-up secrets through all rules; if one survives, say so and let nothing pass.'
    })
  },
  named({ modes, policies, allow, patterns }) {
    if (Object.keys(modes).length + policies.length + allow.length === 0) return []
    const known = [...ruleNames(patterns.map(({ name }) => name))]
    const rule = { known, what: 'rule', isOnly: true }
    return [
      ...Object.keys(modes).map((name) => ({ ...rule, steps: ['modes', name], name })),
      ...policies.flatMap((policy, index) =>
        policy.allow
          .filter((name) => name !== '*' && name !== '')
          .map((name, at) => ({ ...rule, steps: ['policies', index, 'allow', at], name }))
      ),
      ...allow.filter((name) => name !== '').map((name, at) => ({ ...rule, steps: ['allow', at], name, isOnly: false }))
    ]
  },
  create(options, { log, metrics }) {
    const redactions = new Tally(metrics.counter('sluice_redactions_total', 'Secrets taken out, by rule, signal and place.'))
    const exceeded = metrics.counter(
      'sluice_redact_budget_exceeded_total',
      'Texts hidden as a whole, since looking at them took too much work.'
    )
    const givenUp = metrics.counter(
      'sluice_redact_key_streams_given_up_total',
      'Private keys in several log records of which too many were open at once.'
    )
    const policies = new Policies(options.mode, options.modes, options.policies)
    let isCanary = false
    const engine = engineOf(options, {
      counted: (rule, signal, place) => isCanary || redactions.add(rule, signal, place),
      exceeded: () => isCanary || exceeded.add(1)
    })
    const walk = new Walk(engine, policies, new RecordKeys(engine, new KeyStreams(Date.now, () => givenUp.add(1))))
    const unheard = <T>(look: () => T): T => {
      isCanary = true
      try {
        return look()
      } finally {
        isCanary = false
      }
    }
    const emails = new UserEmails((signal, address) => unheard(() => mayStay(options, engine, policies, signal, address)))
    const cage: Cage = {
      text: (value) => unheard(() => textAt(engine, policies, value, 'text')),
      request: (signal, bytes) => unheard(() => walk.redact(signal, formOf(signal), bytes)),
      policyOf: (signal) => policies.of(signal),
      allowed: new Set(options.allow)
    }
    const failures = metrics.counter('sluice_redact_canary_failures_total', 'Made-up secrets that redaction let pass, by rule and place.')
    const guard = new CanaryGuard(
      cage,
      (survivors) => {
        for (const { rule, place } of survivors) failures.add(1, { rule, place })
        log.error({ survivors }, 'redaction lets made-up secrets pass: nothing is let through')
      },
      Date.now
    )
    if (options.canary) guard.check()
    return {
      process(batch) {
        if (options.canary) guard.check()
        const without = emails.take(batch.signal, batch.bytes)
        const bytes = walk.redact(batch.signal, formOf(batch.signal), without)
        redactions.flush()
        return passed(batch, bytes === without ? batch.bytes : emails.restore(bytes))
      },
      text(value, place = 'text') {
        const redacted = textAt(engine, policies, value, place)
        redactions.flush()
        return redacted
      },
      keepEmail: (signals) => emails.keep(signals),
      trouble: () => guard.trouble
    }
  }
})

type RedactOptions = Parameters<typeof redact.create>[0]

/** The engine that these options describe; `told` is told of what it does. */
export function engineOf(options: RedactOptions, told: Omit<EngineOptions, 'keys' | 'patterns' | 'allow' | 'hashKey'>): Engine {
  const { keys, patterns, allow } = options
  return new Engine({
    hashKey: hashKeyOf(options),
    keys: keys.filter((key) => key !== ''),
    patterns: patterns.map(({ name, pattern }) => userPattern(name, pattern)),
    allow: allow.filter((entry) => entry !== ''),
    ...told
  })
}

const HASH_KEY_LENGTH_MIN = 16

function hashKeyOf({ mode, modes, policies, hashKey, hashKeyFile }: RedactOptions): string {
  if (![mode, ...Object.values(modes), ...policies.map((policy) => policy.mode)].includes('hash')) return ''
  if (hashKey !== undefined && hashKeyFile !== '') throw unusable('hashKey and hashKeyFile are both set, expected one')
  const key = hashKeyFile === '' ? (hashKey ?? '') : contentOf(hashKeyFile)
  if (key.length < HASH_KEY_LENGTH_MIN) {
    throw unusable(
      `the mode hash needs a key, got ${key.length} characters, expected ${HASH_KEY_LENGTH_MIN} or more in hashKey or hashKeyFile`
    )
  }
  return key
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw unusable(`hashKeyFile: ${messageOf(error)}`)
  }
}

function unusable(problem: string): RefusedError {
  return new RefusedError('invalid', `processors.redact: ${problem}`)
}

// `place` is a signal and, behind a slash, an attribute.
function textAt(engine: Engine, policies: Policies, value: string, place: string): string {
  const slash = place.indexOf('/')
  const signal = slash < 0 ? place : place.slice(0, slash)
  const name = slash < 0 ? '' : place.slice(slash + 1)
  const policy = policies.of(signal)
  const bytes = Buffer.from(value)
  engine.begin(signal, policy.of(name) ?? policy.everywhere, bytes.length)
  engine.place = slash < 0 ? 'text' : 'attribute'
  const key = Buffer.from(name)
  const kind = name === '' ? null : engine.judgeKey(key, 0, key.length)
  if (kind !== null && !engine.treatment.allows(kind) && !engine.isHarmless(kind, bytes, 0, bytes.length)) {
    engine.counted(kind)
    return engine.hiding(kind, bytes, 0, bytes.length).toString()
  }
  const redacted = engine.redact(bytes, 0, bytes.length)
  return redacted === null ? value : Buffer.from(redacted).toString()
}

// An address may stay in which nothing else is found, where the configuration has no will of its own: no policy that says what takes the place of
// `user.email`, and no key that hides it.
function mayStay({ policies: given }: RedactOptions, engine: Engine, policies: Policies, signal: Signal, address: Buffer): boolean {
  const policy = policies.of(signal)
  const isChosen = ({ signals, attributes, mode }: RedactOptions['policies'][number]): boolean =>
    mode !== 'inherit' && attributes.length > 0 && (signals.length === 0 || signals.includes(signal)) && attributes.some(namesEmail)
  if (given.some(isChosen)) return false
  const treatment = (policy.of(EMAIL_KEYS[0]) ?? policy.everywhere).with({ signals: [], attributes: [], allow: ['email'], mode: 'inherit' })
  engine.begin(signal, treatment, address.length)
  engine.place = 'attribute'
  const hides = (name: string): boolean => engine.judgeKey(Buffer.from(name), 0, name.length) !== null
  return !EMAIL_KEYS.some(hides) && engine.redact(address, 0, address.length) === null
}

function namesEmail(attribute: string): boolean {
  return attribute.endsWith('*') ? EMAIL_KEYS[0].startsWith(attribute.slice(0, -1)) : attribute === EMAIL_KEYS[0]
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
