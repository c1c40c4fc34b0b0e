// Judges the name beside a value by its words, never by substrings: `max_tokens`, `tokenizer` and `author` name no secrets.
import {
  ALONE,
  BEFORE_CODE,
  BEFORE_KEY,
  BEFORE_PASS,
  GLUED,
  GLUED_LENGTH_MAX,
  type KeyKind,
  LEADS_AWAY,
  LEADS_KEY_AWAY,
  LEADS_TOKEN_AWAY,
  TAKES_BACK
} from './key-words.ts'

/** `DBPassword2` → db, password; `x-api-key` → x, api, key. */
export function wordsOf(key: string): string[] {
  return key
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9\u0080-\uffff]+/)
    .map((word) => word.replace(/(?<=[a-z])\d+$/, ''))
    .filter((word) => word !== '')
}

const VERDICTS_MAX = 4_096
const KEY_CHARACTERS_MAX = 256

/** Knows which keys are sensitive, and remembers what it decided about the last few thousand. */
export class KeyJudge {
  private readonly verdicts = new Map<string, KeyKind | null>()
  private readonly guesses = new Map<string, KeyKind | null>()
  private readonly custom: string[]
  private readonly allowed: Set<string>

  constructor(custom: readonly string[], allowed: readonly string[]) {
    this.custom = custom.map((key) => ` ${wordsOf(key).join(' ')} `)
    this.allowed = new Set(allowed.map((key) => wordsOf(key).join(' ')))
  }

  /** The kind of secret that `key` names, or null. */
  judge(key: string): KeyKind | null {
    return this.verdict(this.verdicts, key, judgeWords)
  }

  /** The kind of secret that `key` may name, if its value looks like one; null where it names none in any case. */
  mayName(key: string): KeyKind | null {
    return this.verdict(this.guesses, key, nowAndThen)
  }

  private verdict(known: Map<string, KeyKind | null>, key: string, judged: (words: readonly string[]) => KeyKind | null): KeyKind | null {
    const before = known.get(key)
    if (before !== undefined) return before
    // The words of a marker are not the key's.
    const words = wordsOf(decoded(key.slice(-KEY_CHARACTERS_MAX)).replace(/\[redacted:[a-zA-Z0-9:-]*\]/g, ' '))
    const phrase = words.join(' ')
    let verdict: KeyKind | null = null
    if (!this.allowed.has(phrase)) verdict = this.custom.some((own) => ` ${phrase} `.includes(own)) ? 'custom-key' : judged(words)
    if (known.size >= VERDICTS_MAX) known.clear()
    if (key.length <= KEY_CHARACTERS_MAX) known.set(key, verdict)
    return verdict
  }
}

// Keys come with a character for each byte.
function decoded(key: string): string {
  return /[\u0080-\u00ff]/.test(key) ? Buffer.from(key, 'latin1').toString().normalize('NFC') : key
}

// Words that name a secret now and then: render passes, keys of maps, methods of authentication.
const NOW_AND_THEN: Record<string, KeyKind> = {
  pass: 'password',
  pw: 'password',
  auth: 'credential',
  clave: 'password',
  key: 'api-key'
}
const LEADS_ANY_KEY_AWAY = new Set(
  'public primary foreign partition sort cache hot idempotency object row message routing dedup group lookup map s3 blob file storage bucket redis kafka hash trace index shard'.split(
    ' '
  )
)

function nowAndThen(words: readonly string[]): KeyKind | null {
  const last = words.at(-1) ?? ''
  if (!Object.hasOwn(NOW_AND_THEN, last) || LEADS_ANY_KEY_AWAY.has(words.at(-2) ?? '') || LEADS_AWAY.has(words[0])) return null
  return NOW_AND_THEN[last]
}

// Reads from the back, since the last sensitive word is what the key is about: `token_secret`, `secret_key_base`.
function judgeWords(words: readonly string[]): KeyKind | null {
  for (let i = words.length - 1; i >= 0; i--) {
    const kind = kindAt(words, i)
    if (kind !== null) return kind
    if (TAKES_BACK.has(words[i])) return null
  }
  return null
}

function kindAt(words: readonly string[], i: number): KeyKind | null {
  const word = words[i]
  const before = words[i - 1] ?? ''
  if (LEADS_AWAY.has(words[0]) && i > 0) return null
  if (word === 'key' || word === 'keys') {
    const kind = LEADS_KEY_AWAY.has(words[i - 2] ?? '') ? undefined : BEFORE_KEY[before]
    return kind ?? null
  }
  if (word === 'token') return LEADS_TOKEN_AWAY.has(before) || LEADS_AWAY.has(before) ? null : 'token'
  if (word === 'code' || word === 'codes') return BEFORE_CODE.has(before) ? 'one-time-code' : null
  if (word === 'answer') return before === 'security' ? 'secret' : null
  if (word === 'phrase') return before === 'seed' || before === 'recovery' ? 'secret' : null
  if (word === 'response') return before === 'saml' ? 'token' : null
  if (word === 'assertion') return before === 'client' ? 'token' : null
  if (word === 'verifier') return before === 'code' ? 'token' : null
  if (word === 'passe') return before === 'de' ? 'password' : null
  if (word === 'id') return before === 'session' ? 'session' : null
  if (word === 'pass') return BEFORE_PASS.has(before) ? 'password' : null
  if (Object.hasOwn(ALONE, word)) return ALONE[word]
  if (word.length <= GLUED_LENGTH_MAX) for (const [ending, kind] of GLUED) if (word.endsWith(ending)) return kind
  return null
}
