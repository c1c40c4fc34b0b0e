import { strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { Engine } from '../../../src/processors/redact/engine.ts'
import { KEY_HEADS } from '../../../src/processors/redact/key-words.ts'
import { KeyJudge } from '../../../src/processors/redact/keys.ts'

test('keys that name a secret, in all spellings', () => {
  const judge = new KeyJudge([], [])
  const f = (kind: string, ...keys: string[]): void => {
    for (const key of keys) {
      strictEqual(judge.judge(key), kind, key)
      strictEqual(
        KEY_HEADS.some((head) => key.toLowerCase().includes(head)),
        true,
        `no head finds ${key}`
      )
    }
  }
  f(
    'password',
    'password',
    'DB_PASSWORD',
    'dbPassword',
    'smtp_passwd',
    'PGPASSWORD',
    'MYSQL_PWD',
    'password2',
    'db.pass',
    'userPassphrase',
    'requirepass'
  )
  f(
    'api-key',
    'apiKey',
    'x-api-key',
    'API_KEY',
    'APIKey',
    'voice.api.key',
    'Ocp-Apim-Subscription-Key',
    'AccountKey',
    'DD_APP_KEY',
    'aws_secret_access_key'
  )
  f(
    'token',
    'token',
    'access_token',
    'refreshToken',
    'HTTPAuthToken',
    'AWS_SESSION_TOKEN',
    'GITHUB_TOKEN_READONLY',
    'authtoken',
    'jwt',
    '_authToken'
  )
  f('secret', 'client_secret', 'clientSecret', 'clientsecret', 'SECRET_KEY_BASE', 'signing-key', 'webhook.secret')
  f('private-key', 'private_key', 'privateKey')
  f('authorization', 'authorization', 'http.request.header.authorization', 'Proxy-Authorization')
  f('cookie', 'set-cookie', 'http.request.header.cookie')
  f('credential', 'X-Amz-Credential', 'aws.credentials')
  f('session', 'session.id', 'sessionId', 'JSESSIONID', 'PHPSESSID')
})

test('keys that only look as if', () => {
  const judge = new KeyJudge([], [])
  const f = (...keys: string[]): void => {
    for (const key of keys) strictEqual(judge.judge(key), null, key)
  }
  f(
    'max_tokens',
    'maxTokens',
    'tokenizer',
    'token_count',
    'gen_ai.usage.input_tokens',
    'token_type',
    'gen_ai.token.type',
    'eos_token',
    'token_bucket'
  )
  f('secretName', 'k8s.secret.name', 'secretary', 'author', 'auth_method', 'keyframe', 'key', 'keys', 'monkey', 'bypass', 'compass', 'pass')
  f(
    'password_changed_at',
    'passwordMinLength',
    'is_password',
    'has_token',
    'ssh_key_path',
    'SharedAccessKeyName',
    'api_key_id',
    'token_url',
    'cookie_ttl'
  )
  f('primary_key', 'sort_key', 'partition.key', 'public_api_key', 'cache_key', 'session', 'session.duration', '', '_', '...')
})

test('keys of the user, and keys that the user allows', () => {
  const judge = new KeyJudge(['internalNote'], ['session.id', 'token'])
  strictEqual(judge.judge('internal_note'), 'custom-key')
  strictEqual(judge.judge('x.internal-note'), 'custom-key')
  strictEqual(judge.judge('notes'), null)
  strictEqual(judge.judge('sessionId'), null)
  strictEqual(judge.judge('token'), null)
  strictEqual(judge.judge('access_token'), 'token')
})

test('keys of the user in another script are found in any case that has one', () => {
  const engine = new Engine({
    keys: ['кодовое_слово', '合言葉'],
    patterns: [],
    allow: [],
    counted: () => undefined,
    exceeded: () => undefined
  })
  const f = (text: string, expected: string): void => {
    const bytes = Buffer.from(text)
    strictEqual(Buffer.from(engine.redact(bytes, 0, bytes.length) ?? bytes).toString(), expected)
  }
  f('合言葉=kaede88 n=1', '合言葉=[redacted:custom-key] n=1')
  f('{"合言葉":"kaede88"}', '{"合言葉":"[redacted:custom-key]"}')
})
