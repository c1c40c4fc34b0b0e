import { test } from 'node:test'
import { goes, stays } from '../../support/redact-text.ts'
import { Secrets } from '../../support/secrets.ts'

const S = new Secrets(41)
const VALUE = `${S.alnum(6)}-${S.alnum(7)}7`
const ENCODED = Buffer.from(S.alnum(24)).toString('base64')

test('rows of SQL lose what stands in columns that are named like secrets', () => {
  goes("INSERT INTO users (id, name, password, age) VALUES (12, 'Ana', '#', 33)", VALUE, 'password')
  goes("insert into app.users(api_key,age) values ('#', 33), ('#', 44)", VALUE, 'api-key')
  goes("REPLACE INTO users (at, password) VALUES (now(), '#')", VALUE, 'password')
  goes('INSERT INTO users ("id", "password") VALUES (1, \'#\') RETURNING id', VALUE, 'password')
})

test('rows of SQL without such columns or such values stay', () => {
  stays(
    "INSERT INTO jobs (id, stage) VALUES (1, 'tts')",
    'INSERT INTO users (id, password) VALUES ($1, $2)',
    'INSERT INTO users (id, password) VALUES (?, crypt(?, ?))',
    "INSERT INTO vocabulary (id, token) VALUES (1, 'the'), (2, 'cat')",
    'INSERT INTO users (id, password'
  )
})

test("the data of Kubernetes' secrets goes, whatever its names", () => {
  goes('apiVersion: v1\ndata:\n  tls: #\n  other: #\nkind: Secret\nmetadata:\n  name: dub', ENCODED, 'secret')
  goes('kind: Secret\nstringData:\n  tls: #\ntype: Opaque', VALUE, 'secret')
  goes('{"kind":"Secret","metadata":{"name":"dub"},"data":{"tls":"#"}}', ENCODED, 'secret')
})

test('other objects of Kubernetes stay, and what only speaks of a secret', () => {
  stays(
    `kind: ConfigMap\ndata:\n  tls: ${ENCODED}`,
    'kind: SecretStore\ndata:\n  tls: abcdefgh',
    '{"involvedObject":{"kind":"Secret","name":"dub-tls"},"data":{"stage":"tts","file":"a.wav"}}'
  )
})
