// Judges the name beside a value by its words, never by substrings: `max_tokens`, `tokenizer` and `author` name no secrets.

/** What a sensitive key holds: decides how its value is read, and is the rule's name in the marker. */
export type KeyKind =
  | 'password'
  | 'secret'
  | 'token'
  | 'api-key'
  | 'private-key'
  | 'authorization'
  | 'cookie'
  | 'credential'
  | 'session'
  | 'one-time-code'
  | 'custom-key'

/** Words that every sensitive key contains one of; the automaton looks for them. */
export const KEY_HEADS = [
  ...[
    'passw',
    'passphrase',
    'passcode',
    'pwd',
    'secret',
    'token',
    'key',
    'authorization',
    'cookie',
    'credential',
    'creds',
    'jwt',
    'session',
    'sessid'
  ],
  ...['requirepass', 'masterauth', 'pass', 'pw', 'auth', 'kennwort', 'contrase', 'samlresponse', 'assertion', 'verifier', 'cvv', 'cvc'],
  ...['senha', 'wachtwoord', 'parola', 'haslo', 'losenord', 'adgangskode', 'salasana', 'heslo', 'jelszo', 'sifre', 'segredo', 'segreto'],
  ...['geheim', 'mnemonic', 'security_answer', 'securityanswer', 'seed_phrase', 'seedphrase', 'recovery_phrase', 'recoveryphrase']
]

/** Words that are parts of too many others: the automaton looks for them with what joins a value to its key right behind. */
export const SHORT_KEY_HEADS = ['otp', 'pin', 'salt', 'psk', 'clave']
export const KEY_JOINS = Array.from('=:"\'`\\%]<\u0012').concat(' =', ' :')

// Codes that are sent to somebody who has to show that he is who he says.
const CODES =
  'verification mfa 2fa twofactor factor otp totp access recovery security pin auth authentication authorization backup sms login device confirmation sign_in invite reset'.split(
    ' '
  )
export const CODE_HEADS = CODES.flatMap((word) => ['_', '-', '.', ' ', ''].map((join) => `${word}${join}code`))
const BEFORE_CODE = new Set(CODES)

/** Passwords in other scripts, and letters that are no ASCII. Found as they are written. */
export const FOREIGN_HEADS = [
  ...['пароль', 'пароля', 'секрет', 'токен'].flatMap((word) => [word, word.toUpperCase(), word[0].toUpperCase() + word.slice(1)]),
  ...[
    'contraseña',
    'Contraseña',
    'CONTRASEÑA',
    'hasło',
    'Hasło',
    'HASŁO',
    'lösenord',
    'Lösenord',
    'LÖSENORD',
    'şifre',
    'Şifre',
    'jelszó',
    'Jelszó'
  ],
  ...['密码', '密碼', '口令', '密钥', 'パスワード', '暗証番号', '비밀번호', '암호', '비밀키']
]

const ALONE: Record<string, KeyKind> = {
  password: 'password',
  passwords: 'password',
  passwd: 'password',
  passwort: 'password',
  kennwort: 'password',
  contrasena: 'password',
  storepass: 'password',
  keypass: 'password',
  passord: 'password',
  senha: 'password',
  wachtwoord: 'password',
  parola: 'password',
  haslo: 'password',
  hasło: 'password',
  losenord: 'password',
  lösenord: 'password',
  contraseña: 'password',
  adgangskode: 'password',
  salasana: 'password',
  heslo: 'password',
  jelszo: 'password',
  jelszó: 'password',
  sifre: 'password',
  şifre: 'password',
  пароль: 'password',
  пароля: 'password',
  密码: 'password',
  密碼: 'password',
  口令: 'password',
  パスワード: 'password',
  暗証番号: 'password',
  비밀번호: 'password',
  암호: 'password',
  bindpw: 'password',
  rootpw: 'password',
  userpw: 'password',
  dbpw: 'password',
  ldappw: 'password',
  adminpw: 'password',
  cvv: 'one-time-code',
  cvc: 'one-time-code',
  otp: 'one-time-code',
  totp: 'one-time-code',
  pin: 'one-time-code',
  pincode: 'one-time-code',
  secreto: 'secret',
  secreta: 'secret',
  segredo: 'secret',
  segreto: 'secret',
  geheim: 'secret',
  geheimnis: 'secret',
  секрет: 'secret',
  密钥: 'secret',
  비밀키: 'secret',
  mnemonic: 'secret',
  psk: 'secret',
  salt: 'secret',
  токен: 'token',
  passcode: 'password',
  pwd: 'password',
  passphrase: 'password',
  requirepass: 'password',
  masterauth: 'password',
  secret: 'secret',
  secrets: 'secret',
  token: 'token',
  jwt: 'token',
  apikey: 'api-key',
  apikeys: 'api-key',
  accesskey: 'api-key',
  secretkey: 'secret',
  privatekey: 'private-key',
  authkey: 'api-key',
  authorization: 'authorization',
  cookie: 'cookie',
  cookies: 'cookie',
  credential: 'credential',
  credentials: 'credential',
  creds: 'credential',
  sessionid: 'session',
  sessid: 'session',
  jsessionid: 'session',
  phpsessid: 'session'
}

const BEFORE_KEY: Record<string, KeyKind> = {
  private: 'private-key',
  secret: 'secret',
  signing: 'secret',
  encryption: 'secret',
  shared: 'secret',
  preshared: 'secret',
  hmac: 'secret',
  aes: 'secret',
  fernet: 'secret',
  cipher: 'secret',
  crypto: 'secret',
  decryption: 'secret',
  session: 'session',
  master: 'secret',
  ssh: 'private-key',
  pgp: 'private-key',
  ...Object.fromEntries(
    [
      'api',
      'app',
      'application',
      'access',
      'auth',
      'service',
      'subscription',
      'license',
      'licence',
      'account',
      'storage',
      'admin',
      'deploy',
      'write',
      'stream',
      'function',
      'functions',
      'webhook',
      'merchant',
      ...'speech services translator cognitive vision ocr maps geocoding recaptcha captcha vapid fcm gcm llm tts stt asr'.split(' '),
      // Vendors, as in FAL_KEY.
      ...'fal openai anthropic groq gemini mistral cohere deepgram deepl elevenlabs replicate huggingface hf nvidia ngc together runpod pinecone'.split(
        ' '
      ),
      ...'okta github gitlab slack telegram cloudflare heroku netlify vercel firebase claude perplexity xai openrouter assemblyai stability'.split(
        ' '
      ),
      ...'datadog dd sentry stripe sendgrid twilio mailgun mailchimp postmark resend algolia mapbox supabase segment posthog wandb azure'.split(
        ' '
      )
    ].map((word) => [word, 'api-key' as const])
  )
}

// Words glued together without a separator or a hump: `dbpassword`, `authtoken`, `clientsecret`.
const GLUED: readonly (readonly [string, KeyKind])[] = [
  ['password', 'password'],
  ['passwd', 'password'],
  ['passphrase', 'password'],
  ['pwd', 'password'],
  ['apikey', 'api-key'],
  ['secretkey', 'secret'],
  ['accesskey', 'api-key'],
  ['privatekey', 'private-key'],
  ['masterkey', 'secret'],
  ['signingkey', 'secret'],
  ['encryptionkey', 'secret'],
  ['passkey', 'secret'],
  ['authkey', 'api-key'],
  ['secret', 'secret'],
  ['authtoken', 'token'],
  ['accesstoken', 'token'],
  ['refreshtoken', 'token'],
  ['idtoken', 'token'],
  ['apitoken', 'token'],
  ['bottoken', 'token'],
  ['sessiontoken', 'token'],
  ['bearertoken', 'token'],
  ['csrftoken', 'token'],
  ['usertoken', 'token']
]

// Longer words are more likely random than glued.
const GLUED_LENGTH_MAX = 24

// `pass` is a word of its own trade (render passes), unless what stands before it says whose it is.
const BEFORE_PASS = new Set(
  'db database pg postgres mysql maria mariadb redis mongo mongodb smtp mail email imap ftp sftp ssh user admin root rabbitmq amqp kafka ldap http proxy auth login basic keystore truststore wifi sudo'.split(
    ' '
  )
)

// A word behind that makes it a property of the secret, not the secret.
const TAKES_BACK = new Set(
  'tokens count counts counter num number length len size limit limits max min budget type types kind format name names id ids uid ref refs reference url uri endpoint path paths file filename dir directory policy ttl expires expiry expire expiration expired expire age at version alias aliases algorithm algo alg index idx valid validity enabled disabled required present provider method methods strength changed created updated rotated rotation rotate issued status state error errors usage rate ratio latency bucket embedding embeddings per second seconds ms throughput position logits logprob logprobs prob window stride sequence dim cost price class classification manager service store validator validation verification parser generator label field attempts attempt reset scope scopes audience issuer mount volume arn location region prefix suffix pattern regex timeout duration interval cache lookup exists found missing match matches mismatch source backend engine mode set stdin env var variable'.split(
    ' '
  )
)
const LEADS_AWAY = new Set('max num min total count has is needs requires show forgot no'.split(' '))
const LEADS_KEY_AWAY = new Set('public primary foreign partition sort cache hot'.split(' '))
// What language models call their own tokens.
const LEADS_TOKEN_AWAY = new Set(
  'public eos bos pad unk cls sep mask special stop next first last prompt completion input output generated per'.split(' ')
)

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
