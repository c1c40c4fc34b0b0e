// The part of docs/redaction.md that is made from the rules.
import {
  ALNUM,
  BASE64,
  DASH,
  DIGIT,
  DOT,
  EQUALS,
  HEX,
  LETTER,
  LOWER,
  NOT_A,
  PERCENT,
  TILDE,
  UNDERSCORE,
  UPPER
} from '../../src/processors/redact/bytes.ts'
import { KeyJudge } from '../../src/processors/redact/keys.ts'
import { rulesOf } from '../../src/processors/redact/rules.ts'
import type { Rule } from '../../src/processors/redact/token-shapes.ts'

const START = '<!-- rules: written by `npm run docs`; a test fails when they are stale -->'
const END = '<!-- end of rules -->'
const HEADS_SHOWN = 6

/** The page with its rules as they are now. Throws when the page has no place for them. */
export function withRules(page: string): string {
  const from = page.indexOf(START)
  const to = page.indexOf(END)
  if (from < 0 || to < from) throw new Error('the page has no place for the rules')
  return `${page.slice(0, from + START.length)}\n\n${rulesText()}\n\n${page.slice(to)}`
}

const judge = new KeyJudge([], [])

// Those that are no rules of their own.
const INNER = new Set(['marker', 'escape', 'key'])

/** What the checks look at where a head and what follows it do not say it all. */
const CHECKS: Readonly<Record<string, string>> = {
  'airtable-token': 'a full stop and 64 hex digits',
  'basic-auth': 'base64 of a user and a password; `_auth` and `auth` of registries',
  'bearer-token': '32 characters, or 16 with letters and digits mixed',
  'discord-webhook': '20 characters of a path',
  email: 'a name before, a host and a top-level domain behind; no package, image or file',
  'harness-token': 'three parts with full stops between',
  'infisical-token': 'three parts with full stops between',
  jwt: 'two parts that are JSON in base64url, or five; with or without a signature',
  'openai-api-key': '16 characters before and behind',
  'encoded-secret': 'base64 of a text in which a key names a secret',
  'nats-seed': 'the letter of a role, 56 of base32',
  password: 'the argument, the literal or the second half that the command or statement gives as a password; no placeholder',
  'password-hash': '34 characters with a dollar sign among them, as `crypt` and its kin write them',
  'paypal-token': '16 characters, a dollar sign, 28 hex digits',
  'private-key': 'a label that ends in PRIVATE KEY; up to the end line, or the rest of the text; the lines that PuTTY counts',
  secret: "members of Kubernetes' secrets",
  'slack-webhook': '20 characters of a path',
  'telegram-bot-token': '8 to 10 digits before',
  'url-password': 'a user before it and an at sign behind it; no placeholder',
  'url-secret': 'behind `?`, `&` or `;`, or an escape of those; `key=` and `code=` only with a random value',
  'webhook-url': '20 characters of a path',
  'x-bearer-token': '22 As at least before it, and behind them 60 characters that mix letters and digits, and no other base64'
}

/** Keys that stand for all that are judged alike. */
const KEYS =
  'password passwd pwd DB_PASSWORD dbPassword passphrase secret clientSecret client-secret secret_key signing_key token access_token refreshToken csrf-token apiKey x-api-key access_key account.key licenseKey privateKey ssh_key authorization Proxy-Authorization cookie Set-Cookie session_id PHPSESSID credentials creds otp mfa_code пароль パスワード contraseña'.split(
    ' '
  )
const PLAIN_KEYS =
  'max_tokens token_count tokenizer eos_token primaryKey cache_key public_key keyframe monkey author secretary password_changed_at tokenType secretName api_key_id status_code'.split(
    ' '
  )

function rulesText(): string {
  return [
    '### Texts that tell themselves',
    '| rule | found by | and then |\n|---|---|---|',
    ...byName(rulesOf(judge, [], []).filter(({ name }) => !INNER.has(name))),
    '| `card` | 13 to 19 digits, with blanks or dashes between or without | a range of a big network, the length it issues, the right check digit (Luhn) |',
    '| `discord-bot-token`, `encoded-secret` | runs of 34 characters and more | two full stops at the right places; base64 of a text in which another rule finds something |',
    '',
    '### Values beside a key',
    'Of a key the words count, in any spelling; the last word that says something decides.\n',
    '| rule | keys, for example |\n|---|---|',
    ...keyRows(),
    `\nLeft alone: ${PLAIN_KEYS.filter((key) => judge.judge(key) === null)
      .map(code)
      .join(', ')}.`
  ]
    .join('\n')
    .replace(/(### [^\n]*)\n/g, '$1\n\n')
}

function byName(rules: readonly Rule[]): string[] {
  const names = [...new Set(rules.map(({ name }) => name))].sort()
  return names.map((name) => {
    const same = rules.filter((rule) => rule.name === name)
    const heads = [...new Set(same.flatMap((rule) => rule.heads))]
    const shown = heads.slice(0, HEADS_SHOWN).map(code).join(' ')
    const follows = new Set(
      same.flatMap((rule) => (rule.follows === undefined || rule.follows.min === 0 ? [] : [followText(rule.follows)]))
    )
    const then = [...follows, ...(CHECKS[name] === undefined ? [] : [CHECKS[name]])]
    return `| \`${name}\` | ${shown}${heads.length > HEADS_SHOWN ? ` and ${heads.length - HEADS_SHOWN} more` : ''} | ${then.join('; ') || 'what stands around it'} |`
  })
}

const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``

// The wide ones first.
const NAMES: readonly (readonly [number, string])[] = [
  [ALNUM, 'letters and digits'],
  [LETTER, 'letters'],
  [HEX, 'hex digits'],
  [UPPER, 'capital letters'],
  [LOWER, 'small letters'],
  [DIGIT, 'digits'],
  [UNDERSCORE, '`_`'],
  [DASH, '`-`'],
  [DOT, '`.`'],
  [BASE64, '`+` `/`'],
  [EQUALS, '`=`'],
  [PERCENT, '`%`'],
  [TILDE, '`~`'],
  [NOT_A, 'anything but `A`']
]

function followText({ classes: wanted, min }: NonNullable<Rule['follows']>): string {
  let left = wanted
  const names: string[] = []
  for (const [bits, text] of NAMES) {
    if ((left & bits) !== bits) continue
    names.push(text)
    left &= ~bits
  }
  return `${min} or more of ${names.join(', ')}`
}

function keyRows(): string[] {
  const kinds = new Map<string, string[]>()
  for (const key of KEYS) {
    const kind = judge.judge(Buffer.from(key).toString('latin1'))
    if (kind !== null) kinds.set(kind, [...(kinds.get(kind) ?? []), code(key)])
  }
  return [...kinds].sort().map(([kind, keys]) => `| \`${kind}\` | ${keys.join(', ')} |`)
}
