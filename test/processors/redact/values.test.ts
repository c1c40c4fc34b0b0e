import { strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { goes, redactText, stays } from '../../support/redact-text.ts'
import { Secrets } from '../../support/secrets.ts'

const S = new Secrets(43)
const VALUE = `${S.alnum(11)}7`
const CODE = '482913'

test('a value goes from brackets, and from behind what describes it', () => {
  goes('login password=(#) user=(dub)', VALUE, 'password')
  goes('login password=<#> user=<dub>', VALUE, 'password')
  goes('login password={#} user={dub}', VALUE, 'password')
  goes('user: dub\npassword: !!str #\nmode: fast', VALUE, 'password')
  goes('user: dub\npassword: &own #\nmode: fast', VALUE, 'password')
  goes('**Password:** #\n**Mode:** fast', VALUE, 'password')
  goes('password set to "#" for dub', VALUE, 'password')
  goes('Password:\n#\nLogin ok', VALUE, 'password')
  goes('<key>password</key><string>#</string>', VALUE, 'password')
  goes('<name>password</name> <value>#</value>', VALUE, 'password')
  goes("{host: 'db', user: 'dub', pass: '#'}", VALUE, 'password')
})

test('placeholders, tokens of models, pointers and masked values stay', () => {
  stays(
    'token=<extra_id_12> token=<0x0A> token=<|im_start|>',
    'password=<your-password-1> password=(required)',
    'password: !secret db_password',
    'password: &anchor',
    'api_key=sk-...abcd',
    'PWD=/srv/app OLDPWD=/srv',
    'secret_arn=arn:aws:secretsmanager:eu-west-1:123456789012:secret:dub/prod-AbCdEf',
    'Password:\nRequired',
    'pass=2 of 3'
  )
})

test('the fragment of a URL stays behind a secret of its query', () => {
  strictEqual(redactText(`https://cdn.example/v?token=${VALUE}#t=10`), 'https://cdn.example/v?token=[redacted:token]#t=10')
})

test('one-time codes, and keys in other languages', () => {
  for (const key of ['otp', 'pin', 'mfa_code', 'verificationCode', 'security-code']) goes(`id=8 ${key}=# n=1`, CODE, 'one-time-code')
  for (const key of ['пароль', 'ПАРОЛЬ', '密码', 'パスワード', '비밀번호', 'contraseña', 'hasło', 'senha', 'wachtwoord']) {
    goes(`id=8 ${key}=# n=1`, VALUE, 'password')
    goes(`id: 8\n${key}: #\nn: 1`, VALUE, 'password')
    goes(`設定：${key}：#、次`, VALUE, 'password')
  }
  stays(
    'pin=GPIO17',
    '{"pin":"v1.2.3"}',
    'pin_memory=True pin: 13',
    '{"otp":"enabled"}',
    'verification code sent',
    'error_code=404',
    '密码错误'
  )
})

test('a user and a password before a host without a scheme: the host stays', () => {
  goes('connecting as dub:#@db.example:5432 now', VALUE, 'url-password')
  goes('redirect=postgres%3A%2F%2Fdub%3A#%40db.example%2Fx', VALUE, 'url-password')
})

test('credentials as base64 end with it, whatever quotation mark follows', () => {
  const basic = Buffer.from('svc:abcdefg1').toString('base64')
  strictEqual(
    redactText(`curl -H "Authorization: Basic ${basic}" https://h.example`),
    'curl -H "Authorization: Basic [redacted:authorization]" https://h.example'
  )
})

test('hashes of passwords, seeds, keys of PuTTY and in a log go', () => {
  goes('root:#:19000:0:99999:7:::', `$6$${S.alnum(16)}$${S.alnum(86)}`, 'password-hash')
  goes('seed # loaded', `SU${'ABCDEFG234'.repeat(6).slice(0, 56)}`, 'nats-seed')
  goes('the seed is #. Done', `SU${'ABCDEFG234'.repeat(6).slice(0, 56)}`, 'nats-seed')
  goes('Private-Lines: 1\n#\nPrivate-MAC: 00', S.alnum(64), 'private-key')
  const line = S.alnum(64)
  strictEqual(
    redactText(`<13>a: -----BEGIN PRIVATE KEY-----\n<13>a: ${line}\n<13>a: -----END PRIVATE KEY-----`).includes(line.slice(0, 16)),
    false
  )
})

test('names and values as short base64 go', () => {
  goes('blob=# n=1', Buffer.from(`password=${VALUE.slice(0, 8)}`).toString('base64'), 'encoded-secret')
  stays(`cursor=${Buffer.from('{"page":2,"after":"job_8"}').toString('base64')}`)
})

test('the names of structured data of syslog are no addresses, and addresses at domains of digits are', () => {
  stays('syslog.exampleSDID@32473.eventSource', 'syslog.ex@32473.iut', 'syslog.ex-1@1.a-name', 'syslog.a@48577.user.name')
  for (const domain of ['163.com', '126.cn', 'example.iut']) goes('to # now', `syslog.ana@${domain}`, 'email')
  goes('to # now', 'ana@163.iut', 'email')
})
