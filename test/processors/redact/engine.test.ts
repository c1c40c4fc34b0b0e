import { deepStrictEqual, doesNotThrow, ok, strictEqual } from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { test } from 'node:test'
import fc from 'fast-check'
import { Engine, type EngineOptions } from '../../../src/processors/redact/engine.ts'
import { Secrets } from '../../support/secrets.ts'

function engine(options: Partial<EngineOptions> = {}): { redact: (text: string) => string; rules: string[]; exceeded: () => number } {
  const rules: string[] = []
  let exceeded = 0
  const made = new Engine({
    keys: [],
    patterns: [],
    allow: [],
    counted: (rule) => rules.push(rule),
    exceeded: () => exceeded++,
    ...options
  })
  const redact = (text: string): string => {
    const bytes = Buffer.from(text)
    return Buffer.from(made.redact(bytes, 0, bytes.length) ?? bytes).toString()
  }
  return { redact, rules, exceeded: () => exceeded }
}

const S = new Secrets(11)
const PASSWORD = S.password()
const TOKEN = S.alnum(38)

test('tokens that tell themselves go wherever they stand, and leave the name of their rule', () => {
  for (const seed of [1, 2, 3]) {
    for (const [rule, token] of Object.entries(new Secrets(seed).tokens())) {
      const { redact } = engine()
      const f = (before: string, after: string): void => strictEqual(redact(before + token + after), `${before}[redacted:${rule}]${after}`)
      f('', '')
      f('worker gave up: ', ' refused')
      f('(', ').')
      f('"', '"')
      f('{"a":"', '","b":1}')
      f('{\\"a\\":\\"', '\\"}')
      f('line\\n', '\\nline')
      f('日本語', '日本語')
      f('a,', ',b')
    }
  }
})

test('a value goes because of the key beside it, and the rest stays', () => {
  const { redact } = engine()
  const f = (template: string, value: string, rule: string): void => {
    const text = template.replace('#', value)
    const expected = template.replace('#', `[redacted:${rule}]`)
    strictEqual(redact(text), expected)
    strictEqual(redact(JSON.stringify({ m: text, n: 1 })), JSON.stringify({ m: expected, n: 1 }))
    const nested = (inner: string): string => JSON.stringify({ m: JSON.stringify({ m: inner }), n: 1 })
    strictEqual(redact(nested(text)), nested(expected))
  }
  f('password=#', PASSWORD, 'password')
  f('at=info password=# took=4ms', PASSWORD, 'password')
  f('password: #', PASSWORD, 'password')
  f('password:\t#', PASSWORD, 'password')
  f('{"password":"#","user":"u"}', PASSWORD, 'password')
  f('{"password": "#"}', 'two words, and "quotes"'.replaceAll('"', ''), 'password')
  f("{'password': '#'}", PASSWORD, 'password')
  f('{:password=>"#"}', PASSWORD, 'password')
  f('User(name=u, password=#, age=3)', PASSWORD, 'password')
  f('<password>#</password>', PASSWORD, 'password')
  f('<add key="ApiKey" value="#"/>', TOKEN, 'api-key')
  f('export API_KEY="#"', TOKEN, 'api-key')
  f('config["api_key"] = "#"', TOKEN, 'api-key')
  f('API key: #', TOKEN, 'api-key')
  f('render --api-key # --threads 8', TOKEN, 'api-key')
  f('render --password=# --threads 8', PASSWORD, 'password')
  f('["render","--token","#","-v"]', TOKEN, 'token')
  f('sshpass -p # ssh host', PASSWORD, 'password')
  f('curl -u user:# https://host/', PASSWORD, 'password')
  f('[{"name":"TTS_PASSWORD","value":"#"},{"name":"MODE","value":"fast"}]', PASSWORD, 'password')
  f('[{"value":"#","name":"TTS_PASSWORD"},{"value":"fast","name":"MODE"}]', PASSWORD, 'password')
  f('- name: DB_PASSWORD\n  value: #\n', PASSWORD, 'password')
  f('{"passwords":["#"]}', PASSWORD, 'password')
  f("CREATE USER x WITH PASSWORD '#'", PASSWORD, 'password')
  f("ALTER USER x IDENTIFIED BY '#'", PASSWORD, 'password')
  f('CONFIG SET requirepass #', PASSWORD, 'password')
  f('AUTH default #', PASSWORD, 'password')
  f('Server=db;User Id=sa;Password=#;Encrypt=true', PASSWORD, 'password')
  f('DefaultEndpointsProtocol=https;AccountKey=#;EndpointSuffix=x', `${S.alnum(86)}==`, 'api-key')
  f('%7B%22password%22%3A%22#%22%7D', PASSWORD, 'password')
  f('my password is #', PASSWORD, 'password')
  f('machine host login u password #', PASSWORD, 'password')
  f('password -> "#"', PASSWORD, 'password')
  f('Config { password: Some("#") }', PASSWORD, 'password')
  f("const password: string = '#'", PASSWORD, 'password')
  f('<ns:password type="x">#</ns:password>', PASSWORD, 'password')
  f('map[X-Api-Key:[#] Clip:[c]]', TOKEN, 'api-key')
  f('{"name":"API_KEY","type":"string","value":"#"}', TOKEN, 'api-key')
  f('[["API_KEY","#"],["CLIP","c"]]', TOKEN, 'api-key')
  f('<property name="password">#</property>', PASSWORD, 'password')
  f('\u001b[36mpassword\u001b[0m=# clip=c', PASSWORD, 'password')
  f('"AUTH" "default" "#"', PASSWORD, 'password')
  f('mysql -h db -uroot -p# clips', PASSWORD, 'password')
  f('redis-cli -h cache -a # ping', PASSWORD, 'password')
  f('["curl","-u","u:#","h"]', PASSWORD, 'password')
  f("ALTER USER x IDENTIFIED WITH native BY '#'", PASSWORD, 'password')
  f('root:#@tcp(db:3306)/clips', PASSWORD, 'url-password')
  f('jdbc:oracle:thin:scott/#@//db:1521/x', PASSWORD, 'url-password')
  f('Incorrect API key provided: #', TOKEN, 'api-key')
  f('pass=# user=u', PASSWORD, 'password')
  f('REDISCLI_AUTH=# redis-cli', PASSWORD, 'credential')
})

test('secrets are seen through escapes, and in base64', () => {
  const { redact } = engine()
  const f = (text: string, expected: string): void => strictEqual(redact(text), expected)
  const key = `AK${'IA'}ABCDEFGHIJ234567`
  f('{"pass\\u0077ord":"abc"}', '{"pass\\u0077ord":"[redacted:password]"}')
  f(`{"a":"${key.replace('K', '\\u004b')}"}`, '{"a":"[redacted:aws-access-key-id]"}')
  f('a=%2522password%2522%253A%2522abc%2522', 'a=%2522password%2522%253A%2522[redacted:password]%2522')
  f('https://h/?next=%2Fa%3Ftoken%3Dabcdef1%26b%3D1&c=2', 'https://h/?next=%2Fa%3Ftoken%3D[redacted:token]%26b%3D1&c=2')
  f('{"account_key":"ab\\/cd+ef"}', '{"account_key":"[redacted:api-key]"}')
  f('&lt;password&gt;abc&lt;/password&gt;', '&lt;password&gt;[redacted:password]&lt;/password&gt;')
  f(`x ${Buffer.from(`export KEY=${key} and more`).toString('base64')} y`, 'x [redacted:encoded-secret] y')
  const plain = Buffer.from('nothing in here that anybody would want to hide').toString('base64')
  f(plain, plain)
})

test('headers lose their credentials and keep their shape', () => {
  const { redact } = engine()
  const f = (text: string, expected: string): void => strictEqual(redact(text), expected)
  f(
    `PUT / HTTP/1.1\r\nAuthorization: Bearer ${TOKEN}\r\nAccept: */*`,
    'PUT / HTTP/1.1\r\nAuthorization: Bearer [redacted:authorization]\r\nAccept: */*'
  )
  f(`{"authorization":"Basic dXNlcjpwYXNz"}`, '{"authorization":"Basic [redacted:authorization]"}')
  f(`curl -H 'Authorization: Token ${TOKEN}' https://h/`, "curl -H 'Authorization: Token [redacted:authorization]' https://h/")
  f(`authorization: ${TOKEN}`, 'authorization: [redacted:authorization]')
  f(
    `Authorization: Digest username="u", response="${S.hex(32)}"`,
    'Authorization: Digest username="u", response="[redacted:authorization]"'
  )
  f(
    `Authorization: AWS4-HMAC-SHA256 Credential=${S.alnum(20)}/x, SignedHeaders=host;x, Signature=${S.hex(64)}`,
    'Authorization: AWS4-HMAC-SHA256 Credential=[redacted:authorization], SignedHeaders=host;x, Signature=[redacted:authorization]'
  )
  f(`GET /\r\nCookie: lang=en; sid=${TOKEN}\r\nAccept: x`, 'GET /\r\nCookie: lang=[redacted:cookie]; sid=[redacted:cookie]\r\nAccept: x')
  f(
    `Set-Cookie: sid=${TOKEN}; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly`,
    'Set-Cookie: sid=[redacted:cookie]; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly'
  )
  f(`sent Bearer ${TOKEN} to it`, 'sent Bearer [redacted:bearer-token] to it')
  f(`{"auths":{"host":{"auth":"dXNlcjpwYXNz"}}}`, '{"auths":{"host":{"auth":"[redacted:basic-auth]"}}}')
})

test('URLs lose passwords and signatures, and keep host, path and the rest of the query', () => {
  const { redact } = engine()
  const f = (template: string, value: string, rule: string): void =>
    strictEqual(redact(template.replace('#', value)), template.replace('#', `[redacted:${rule}]`))
  f('cannot reach postgres://render:#@db.example:5432/clips', PASSWORD, 'url-password')
  f('redis://:#@cache:6379/0', 'p%40ss!*word', 'url-password')
  f('https://h/a?token=#&rate=24000', TOKEN, 'token')
  f('https://h/a?X-Amz-Expires=60&X-Amz-Signature=#', S.hex(64), 'url-secret')
  f('https://h/c?sv=1&sig=#&se=2', 'Ab%2B9cd%2Fef0123456789%3D', 'url-secret')
  f('https://h/cb?code=#&state=1', TOKEN, 'url-secret')
  f('"https://h/a?b=1\\u0026sig=#"', S.hex(40), 'url-secret')
  f('https://hooks.slack.com/services/#', 'T012AB3CD/B012AB3CD/abcdefghijklmnopqrstuvwx', 'slack-webhook')
})

test('private keys go from head to tail, or to where the text was cut off', () => {
  const { redact } = engine()
  const label = `RSA PRI${'VATE'} KEY`
  const [begin, end] = [`-----BE${'GIN'} ${label}-----`, `-----E${'ND'} ${label}-----`]
  const lines = Array.from({ length: 4 }, () => S.base64(64))
  const f = (text: string, expected: string): void => strictEqual(redact(text), expected)
  const gone = '[redacted:private-key]'
  f(`a\n${begin}\n${lines.join('\n')}\n${end}\nb`, `a\n${begin}${gone}${end}\nb`)
  f(JSON.stringify({ pem: `${begin}\n${lines.join('\n')}\n${end}`, n: 1 }), JSON.stringify({ pem: `${begin}${gone}${end}`, n: 1 }))
  f(JSON.stringify({ pem: `${begin}\n${lines[0]}`, n: 1 }), JSON.stringify({ pem: `${begin}${gone}`, n: 1 }))
  f(`${begin}\n${lines[0]}\n${lines[1].slice(0, 9)}`, `${begin}${gone}`)
  const certificate = `-----BE${'GIN'} CERTIFICATE-----\n${lines[0]}\n-----E${'ND'} CERTIFICATE-----`
  f(certificate, certificate)
  const list = redact(JSON.stringify([begin, ...lines, end, 'after']))
  for (const line of lines) ok(!list.includes(line))
  ok(JSON.parse(list).includes('after'))
})

test('cards go in all groupings; numbers that only look like one stay', () => {
  const { redact } = engine()
  const card = S.card()
  const f = (text: string, expected = text): void => strictEqual(redact(text), expected)
  f(`refund to ${card}.`, 'refund to [redacted:card].')
  f(`refund to ${card.replace(/(\d{4})(?=\d)/g, '$1 ')} done`, 'refund to [redacted:card] done')
  f(`pan=${card.replace(/(\d{4})(?=\d)/g, '$1-')}`, 'pan=[redacted:card]')
  f(`on 2026-05-01 ${card} was used`, 'on 2026-05-01 [redacted:card] was used')
  f(`x${card}`)
  f(`${card}0000`)
  f(`0.${card}`)
  f(`${card.slice(0, 15)}${(Number(card[15]) + 1) % 10}`)
  f('ts=1717000000000000000 asset 11234567890123 2026-05-01 10:11:12 1234567890123')
})

// Lines that real workers write, with words and shapes that resemble secrets.
const BENIGN = [
  'generated 311 tokens, max_tokens=1024, token count: 512, tokens per second: 41.5, time per token: 12ms',
  'tokenizer loaded; eos_token="</s>" pad_token=<pad>; next token: hello',
  'error: password: must be at least 8 characters',
  'invalid token: expected string; token expired; token: expired; unexpected token < in JSON at position 0',
  'Authorization: required; authorization header absent; WWW-Authenticate: Bearer realm="x"; bearer token missing',
  'basic authentication failed; password authentication failed for user "render"; asked for a password reset',
  'def login(user, password: str, token: Optional[str]): password = self.password; token = getToken(req)',
  'sort_key=abc cache_key=models/whisper public_key=abcd key=clips/0001.mp4 secretName=render-tls token_type=Bearer auth_method=oidc',
  'https://h/?key=clips/0001.mp4&code=404 https://x.io/a?page=2&sort=key s3://clips/raw/0001.mov postgres://db.example:5432/clips',
  'git@github.com:org/repo.git logo@2x.png tsx@4.19.2 @types/node@24.0.0 user@1000.service image@sha256:0123',
  'https://0123456789abcdef0123456789abcdef@o1.ingest.sentry.example/1',
  '550e8400-e29b-41d4-a716-446655440000 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  `password=**** password=\${DB_PASSWORD} password=$DB_PASSWORD password: {{ .Values.pw }} api_key=<YOUR_API_KEY> password=[REDACTED]`,
  '{"token":"Hel","logprob":-0.1} {"password":null,"secret":"","token":true} "code":"ECONNREFUSED"',
  'docker run -u 1000:1000 x; ratio 16:9; latents (2, 4, 64, 64) on cuda:0; disk-usage task-list risk-free',
  'author field empty; secretary voice, take 3; keyframe every 48 frames; bypass=true pass=2; class Foo: pass; compass=north',
  'api key invalid; API key: missing; access key rotated for user; reading secret default/tls; session started; cookies enabled',
  'poster data:image/jpeg;base64,/9j/4AAQSkZJRgABAQAAAQABAADkeyBDAAtokenMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBY'
]

test('benign text leaves as it came', () => {
  const { redact, rules } = engine()
  for (const text of BENIGN) {
    strictEqual(redact(text), text)
    strictEqual(redact(JSON.stringify({ message: text, n: 1 })), JSON.stringify({ message: text, n: 1 }))
  }
  deepStrictEqual(rules, [])
})

test('what the user allows stays: a rule, a key, a value', () => {
  const f = (allow: string[], text: string): void => strictEqual(engine({ allow }).redact(text), text)
  const address = `ana@${'viewers'}.example`
  f(['email'], `mail to ${address}`)
  f([address], `mail to ${address}`)
  f(['session_token'], `sessionToken=${TOKEN}`)
  f(['card'], `pan ${S.card()}`)
  strictEqual(engine({ allow: [address] }).redact(`bob@x.example, ${address}`), `[redacted:email], ${address}`)
})

test('the keys of the user count like the built-in ones', () => {
  const { redact } = engine({ keys: ['internalNote'] })
  strictEqual(redact('internal_note=abc other=def'), 'internal_note=[redacted:custom-key] other=def')
  strictEqual(redact('{"x.internalNote":"abc def"}'), '{"x.internalNote":"[redacted:custom-key]"}')
})

// Pieces that matter to the checks, thrown together: what a hostile or broken sender could write.
const pieces = fc.constantFrom(
  ...[
    'password',
    'token',
    'api_key',
    'secret',
    'Authorization',
    'Cookie',
    'key',
    'name',
    'value',
    'Bearer ',
    'Basic ',
    'AUTH ',
    '--token',
    '-u ',
    'is '
  ],
  ...[
    '=',
    ':',
    ': ',
    '"',
    '\\"',
    '\\\\\\"',
    "'",
    '`',
    ',',
    ';',
    '&',
    '?',
    '{',
    '}',
    '[',
    ']',
    '<',
    '>',
    '</',
    '(',
    ')',
    ' ',
    '\n',
    '\\n',
    '\\',
    '|',
    '%22',
    '%3D',
    '%40'
  ],
  ...[
    '://',
    '@',
    '@a.example',
    'sig=',
    '&code=',
    '[redacted:token]',
    '[redacted:',
    '****',
    `\${X}`,
    'null',
    '12',
    'é',
    '日本',
    '\u{1f600}',
    '&quot;',
    '\\u0022',
    '\0'
  ],
  ...['-----BEGIN ', 'PRIVATE KEY-----', '-----END ', 'eyJhbGciOi', '.', 'T3BlbkFJ', 'Q~', '-us1', ':A', 'abcDEF123', 'hunter2Xy9'],
  ...Object.values(new Secrets(5).tokens())
)
const hostile = fc.array(pieces, { maxLength: 14 }).map((list) => list.join(''))

test('redacting twice is redacting once, and text stays text', () => {
  const { redact } = engine()
  fc.assert(
    fc.property(hostile, (text) => {
      const once = redact(text)
      strictEqual(redact(once), once)
      ok(isUtf8(Buffer.from(once)))
    }),
    { numRuns: 4_000 }
  )
})

test('no token survives between hostile neighbours that do not touch it', () => {
  const { redact } = engine()
  const tokens = Object.values(new Secrets(9).tokens())
  fc.assert(
    fc.property(hostile, fc.constantFrom(...tokens), hostile, (before, token, after) =>
      ok(!redact(`${before} ${token} ${after}`).includes(token))
    ),
    { numRuns: 3_000 }
  )
})

test('JSON stays JSON, with secrets in any value', () => {
  const { redact } = engine()
  const leaf = fc.oneof(hostile, fc.constantFrom(...Object.values(new Secrets(4).tokens())), fc.integer(), fc.boolean(), fc.constant(null))
  const key = fc.constantFrom('password', 'message', 'apiKey', 'authorization', 'cookie', 'name', 'value', 'auth', 'a')
  const value = fc.letrec((tie) => ({
    any: fc.oneof({ maxDepth: 3 }, leaf, fc.array(tie('any'), { maxLength: 3 }), fc.dictionary(key, tie('any'), { maxKeys: 3 }))
  })).any
  fc.assert(
    fc.property(fc.dictionary(key, value, { minKeys: 1, maxKeys: 4 }), (object) => {
      const out = redact(JSON.stringify(object))
      doesNotThrow(() => JSON.parse(out), out)
    }),
    { numRuns: 3_000 }
  )
})

test('JSON stays JSON where keys, quotation marks and escapes are torn', () => {
  const { redact } = engine()
  const [token, address] = [new Secrets(2).tokens()['openai-api-key'], `@a.${'example'}`]
  const f = (value: unknown): void => doesNotThrow(() => JSON.parse(redact(JSON.stringify(value))), JSON.stringify(value))
  f({ password: [{ password: -100 }, [{ cookie: 0 }], { 'my password': -100 }] })
  f({ auth: ['password:['] })
  f({ name: ['password&quot;: {'] })
  f({ name: { a: 'password:{\\"', password: 0 } })
  f({ auth: ['--token%22,'] })
  f({ a: [`-----BEGIN PRI${'VATE'} KEY-----`, 10_000_000] })
  f({ m: ['password=&quot;"'], n: 1 })
  f({ m: ['password: \\u0022"'], n: 1 })
  f({ m: ["password:'\\"], n: 1 })
  f({ m: ['password:"\\'], n: 1 })
  f({ m: 'password: ', n: 1 })
  f({ m: `\0${address}`, n: 1 })
  f({ m: `\0${'a'.repeat(62)}${address}`, n: 1 })
  f({ m: `\0password${'x'.repeat(100)}${token}`, n: 1 })
})

test('hostile text costs linear work; what is over budget is hidden whole, and counted', () => {
  const { redact, exceeded } = engine()
  const heads = [
    'eyJ',
    'token_',
    '"password":"',
    'password=',
    '@',
    'a@',
    'a.',
    '://',
    '://a:',
    '-----BEGIN PRIVATE KEY-----',
    'sk-',
    'AKIA',
    '4 ',
    '41111',
    '{"secret":[',
    '\\',
    '"',
    "secret:'",
    'cookie: a=b;',
    'Q~',
    '-us',
    'key: |\n ',
    'x-',
    '<token>',
    'token is ',
    '"name":"token"',
    'auth"',
    '&sig=',
    'Authorization: Digest a=',
    `${'\\'.repeat(200)}"name":"token"`,
    'token_token',
    'cookie: path=x ',
    '"value":"a","name":"token"'
  ]
  const started = process.cpuUsage()
  for (const head of heads) {
    const text = head.repeat(Math.ceil(65_536 / head.length))
    const out = redact(text)
    strictEqual(redact(out), out, head)
  }
  const { user } = process.cpuUsage(started)
  ok(user / heads.length < 250_000, `${Math.round(user / heads.length)} µs of CPU per 64 KiB of a head on average`)
  ok(exceeded() <= heads.length)
  const before = exceeded()
  const tiny = engine({
    patterns: [
      {
        name: 'faulty',
        literal: 'boom',
        check: () => {
          throw new Error('a fault of the rule')
        }
      }
    ]
  })
  strictEqual(tiny.redact('some boom text'), '[redacted:over-budget]')
  strictEqual(tiny.exceeded(), 1)
  strictEqual(exceeded(), before)
})
