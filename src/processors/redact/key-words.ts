// The words of keys that name secrets, and of those that only look so.

/** What a sensitive key may hold. */
export const KEY_KINDS = [
  ...(['password', 'secret', 'token', 'api-key', 'private-key', 'authorization', 'cookie', 'credential', 'session'] as const),
  ...(['one-time-code', 'custom-key'] as const)
]
/** What a sensitive key holds: decides how its value is read, and is the rule's name in the marker. */
export type KeyKind = (typeof KEY_KINDS)[number]

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
export const BEFORE_CODE = new Set(CODES)

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

export const ALONE: Record<string, KeyKind> = {
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

export const BEFORE_KEY: Record<string, KeyKind> = {
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
export const GLUED: readonly (readonly [string, KeyKind])[] = [
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
export const GLUED_LENGTH_MAX = 24

// `pass` is a word of its own trade (render passes), unless what stands before it says whose it is.
export const BEFORE_PASS = new Set(
  'db database pg postgres mysql maria mariadb redis mongo mongodb smtp mail email imap ftp sftp ssh user admin root rabbitmq amqp kafka ldap http proxy auth login basic keystore truststore wifi sudo'.split(
    ' '
  )
)

// A word behind that makes it a property of the secret, not the secret.
export const TAKES_BACK = new Set(
  'tokens count counts counter num number length len size limit limits max min budget type types kind format name names id ids uid ref refs reference url uri endpoint path paths file filename dir directory policy ttl expires expiry expire expiration expired expire age at version alias aliases algorithm algo alg index idx valid validity enabled disabled required present provider method methods strength changed created updated rotated rotation rotate issued status state error errors usage rate ratio latency bucket embedding embeddings per second seconds ms throughput position logits logprob logprobs prob window stride sequence dim cost price class classification manager service store validator validation verification parser generator label field attempts attempt reset scope scopes audience issuer mount volume arn location region prefix suffix pattern regex timeout duration interval cache lookup exists found missing match matches mismatch source backend engine mode set stdin env var variable'.split(
    ' '
  )
)
export const LEADS_AWAY = new Set('max num min total count has is needs requires show forgot no'.split(' '))
export const LEADS_KEY_AWAY = new Set('public primary foreign partition sort cache hot'.split(' '))
// What language models call their own tokens.
export const LEADS_TOKEN_AWAY = new Set(
  'public eos bos pad unk cls sep mask special stop next first last prompt completion input output generated per'.split(' ')
)
