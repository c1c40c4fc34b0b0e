import { deepStrictEqual, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { Engine } from '../../../src/processors/redact/engine.ts'
import { LOOK_ALIKES } from '../../support/look-alikes.ts'
import { AROUND, BESIDE, type Carried, STRUCTURES, WITHIN } from '../../support/secret-carriers.ts'
import { SECRET_KINDS } from '../../support/secret-kinds.ts'
import { Secrets } from '../../support/secrets.ts'

// Other values in each run: the rules should know kinds and carriers, not texts. SLUICE_SEED repeats a run.
const SEED = Number(process.env.SLUICE_SEED ?? Date.now() % 1_000_000)
const SHARE_MIN = 0.99
/** In a group of few, one miss weighs more than a hundredth. */
const MISSES_ALLOWED = 2

const secrets = new Secrets(SEED)
const withins = Object.values(WITHIN)
const engine = new Engine({ keys: [], patterns: [], allow: [], counted: () => undefined, exceeded: () => undefined })

function redact(text: string): string {
  const bytes = Buffer.from(text)
  return Buffer.from(engine.redact(bytes, 0, bytes.length) ?? bytes).toString()
}

/** How often it went well, by kind and by carrier, and one text for each that did not. */
class Groups {
  private readonly rows = new Map<string, { n: number; well: number; example: string }>()

  note(names: readonly string[], well: boolean, example: () => string): void {
    for (const name of names) {
      const row = this.rows.get(name) ?? { n: 0, well: 0, example: '' }
      this.rows.set(name, row)
      row.n++
      if (well) row.well++
      else row.example ||= example()
    }
  }

  worst(): string[] {
    return [...this.rows]
      .filter(([, { n, well }]) => well / n < SHARE_MIN && n - well > MISSES_ALLOWED)
      .sort(([, a], [, b]) => a.well / a.n - b.well / b.n)
      .slice(0, 20)
      .map(([name, { n, well, example }]) => `${name}: ${well} of ${n}\n  ${example}`)
  }

  get share(): number {
    const rows = [...this.rows.values()]
    return rows.reduce((sum, { well }) => sum + well, 0) / rows.reduce((sum, { n }) => sum + n, 0)
  }
}

// What peers call partial masking stays out of it: a public prefix may stay, a long run of the rest may not.
function survives(secret: string, text: string): boolean {
  const [skipped, run] = secret.length > 60 ? [20, 16] : secret.length > 30 ? [12, 10] : [secret.length > 16 ? 4 : 0, 6]
  if (secret.length <= run) return text.includes(secret)
  for (let at = skipped; at + run <= secret.length; at++) if (text.includes(secret.slice(at, at + run))) return true
  return false
}

// Escapes of letters are resolved, so that a secret is seen however it was written.
function plain(text: string): string {
  let out = text
  for (let level = 0; level < 3; level++) {
    out = out
      .replace(/\\+u00([2-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replace(/%([2-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replace(/\\+\//g, '/')
  }
  return out
}

function* carried(): Generator<readonly [kind: string, carrier: string, Carried]> {
  const clip = (): string => `clip_${secrets.alnum(6)}`
  for (const { name, keys, make } of SECRET_KINDS) {
    for (const [carrier, put] of keys.length === 0 ? Object.entries(AROUND) : []) {
      const [value, c] = [make(secrets), clip()]
      // Base64 of less than that is not looked into.
      if (carrier === 'base64' && value.length < 28) continue
      const text = put(value, c, secrets)
      yield [name, carrier, { text, secrets: [value], keep: text.includes(c) ? [c] : [] }]
    }
    for (const [carrier, put] of keys.length > 0 ? Object.entries(BESIDE) : []) {
      const [value, c] = [make(secrets), clip()]
      yield [name, carrier, { text: put(keys[secrets.int(keys.length)], value, c), secrets: [value], keep: [c] }]
    }
  }
  for (const [name, make] of Object.entries(STRUCTURES)) for (let i = 0; i < 5; i++) yield [name, name, make(secrets, clip())]
}

test('secrets of every kind are taken out of every carrier, what is around them stays, and JSON stays JSON', () => {
  const [recall, kept] = [new Groups(), new Groups()]
  for (const [kind, carrier, { text, secrets: hidden, keep }] of carried()) {
    const within = withins[secrets.int(withins.length)]
    const input = within(text)
    const output = redact(input)
    const forms = [output, plain(output)]
    const gone = hidden.every((secret) => {
      const base64 = Buffer.from(secret).toString('base64')
      return !forms.some((form) => survives(secret, form)) && !(text.includes(base64) && survives(base64, output))
    })
    const names = [`kind ${kind}`, `carrier ${carrier}`]
    recall.note(names, gone, () => `${input}\n  ${output}`)
    kept.note(
      names,
      keep.every((part) => output.includes(part) || !input.includes(part)),
      () => `${input}\n  ${output}`
    )
    if (within !== WITHIN.plain) JSON.parse(output)
  }
  deepStrictEqual([...recall.worst(), ...kept.worst()], [], `seed ${SEED}`)
  ok(
    recall.share >= SHARE_MIN && kept.share >= SHARE_MIN,
    `seed ${SEED}: ${recall.share} of the secrets gone, ${kept.share} of the rest kept`
  )
})

test('what only looks like a secret stays as it is', () => {
  const groups = new Groups()
  for (const { name, make } of LOOK_ALIKES) {
    for (let i = 0; i < 4; i++) {
      for (const within of withins) {
        const input = within(make(secrets))
        const output = redact(input)
        groups.note([name], output === input, () => `${input}\n  ${output}`)
      }
    }
  }
  deepStrictEqual(groups.worst(), [], `seed ${SEED}`)
  ok(groups.share >= SHARE_MIN, `seed ${SEED}: ${groups.share} untouched`)
})
