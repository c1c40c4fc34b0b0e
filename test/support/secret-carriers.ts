// Where secrets turn up: what stands around them in logs, spans and dumps.

import { fill } from './secret-kinds.ts'
import type { Secrets } from './secrets.ts'

/** A text with secrets in it, and what must still be there without them. */
export interface Carried {
  readonly text: string
  readonly keep: readonly string[]
  readonly secrets: readonly string[]
}

type Around = (value: string, clip: string, secrets: Secrets) => string
type Beside = (key: string, value: string, clip: string) => string

/** Around a value that tells itself. `clip` must stay. */
export const AROUND: Readonly<Record<string, Around>> = {
  sentence: (v, c) => `worker gave up on ${c}: remote side did not like ${v}`,
  'sentence-end': (v, c) => `clip ${c} was refused with ${v}.`,
  start: (v, c) => `${v} was used for ${c}`,
  alone: (v) => v,
  brackets: (v, c) => `handshake (${v}) for [${c}] failed`,
  quotes: (v, c) => `unexpected "${v}" in ${c}`,
  apostrophes: (v, c) => `unexpected '${v}' in ${c}`,
  backticks: (v, c) => `| ${c} | \`${v}\` |`,
  comma: (v, c) => `${c},${v},200,ok`,
  semicolon: (v, c) => `a=${c};b=${v};c=1`,
  pipe: (v, c) => `${c}|${v}|ok`,
  logfmt: (v, c) => `at=info clip=${c} sent=${v} took=4ms`,
  path: (v, c) => `GET /v2/clips/${c}/${v}/status 404`,
  query: (v, c) => `https://media.example/${c}?x=${encodeURIComponent(v)}&rate=24000`,
  'query-twice': (v, c) => `https://media.example/${c}?next=${encodeURIComponent(`/a?x=${encodeURIComponent(v)}&b=1`)}&rate=24000`,
  header: (v, c) => `GET /${c} HTTP/1.1\r\nHost: media.example\r\nX-Worker: ${v}\r\nAccept: */*`,
  argument: (v, c) => `render --clip ${c} --with ${v} --threads 8`,
  element: (v, c) => `<step><clip>${c}</clip><with>${v}</with></step>`,
  attribute: (v, c) => `<step clip="${c}" with="${v}"/>`,
  yaml: (v, c) => `step:\n  clip: ${c}\n  with: ${v}\n  rate: 24000`,
  python: (v, c) => `{'clip': '${c}', 'with': '${v}', 'n': None}`,
  go: (v, c) => `&{Clip:${c} With:${v} N:1}`,
  sql: (v, c) => `INSERT INTO steps (clip, sent) VALUES ('${c}', '${v}')`,
  stack: (v, c) => `Error: refused ${v}\n    at render (/app/${c}.js:12:5)\n    at async run (/app/main.js:3:1)`,
  unicode: (v, c) => `クリップ${c}は「${v}」で拒否されました`,
  arrow: (v, c) => `${c} → ${v} ✗`,
  markdown: (v, c) => `- **${c}**: [${v}](https://media.example)`,
  csv: (v, c) => `"${c}","${v}","200"`,
  comment: (v, c) => `# ${v} # ${c}`,
  colour: (v, c) => `\u001b[32m${v}\u001b[0m ${c}`,
  curl: (v, c) => `curl -X PUT -d '${v}' https://media.example/${c}`,
  base64: (v, c) => `${c} data: ${Buffer.from(v).toString('base64')}`,
  'json-unicode': (v, c) => `{"clip":"${c}","with":"${escaped(v)}"}`,
  'json-slashes': (v, c) => `{"clip":"${c}","with":"${v.replaceAll('/', '\\/')}"}`
}

function escaped(text: string): string {
  return text.replace(/[^a-z0-9]|[a-d0]/gi, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** A key beside a value that only the key gives away. */
export const BESIDE: Readonly<Record<string, Beside>> = {
  env: (k, v, c) => `PATH=/usr/bin/${c}\n${k}=${v}\nTZ=UTC`,
  'env-quoted': (k, v, c) => `CLIP=${c}\nexport ${k}="${v}"\nTZ=UTC`,
  'env-apostrophes': (k, v, c) => `export ${k}='${v}' CLIP=${c}`,
  logfmt: (k, v, c) => `at=info clip=${c} ${k}=${v} took=4ms`,
  'logfmt-quoted': (k, v, c) => `at=info clip=${c} ${k}="${v}" took=4ms`,
  json: (k, v, c) => JSON.stringify({ clip: c, [k]: v, n: 1 }),
  'json-first': (k, v, c) => JSON.stringify({ [k]: v, clip: c }),
  'json-spaced': (k, v, c) => JSON.stringify({ options: { [k]: v, clip: c } }, null, 2),
  'json-list': (k, v, c) => JSON.stringify({ [k]: [v], clip: c }),
  'json-prefix': (k, v, c) => `sent ${JSON.stringify({ clip: c, [k]: v })} to host`,
  'json-escaped-key': (k, v, c) => `{"clip":"${c}","${escapedOne(k)}":"${v}"}`,
  'json-escaped-all': (k, v, c) => `{"clip":"${c}","${escaped(k)}":"${escaped(v)}"}`,
  'json-slashes': (k, v, c) => `{"clip":"${c}","${k}":"${v.replaceAll('/', '\\/')}"}`,
  'colon-line': (k, v, c) => `clip: ${c}\n${k}: ${v}\nrate: 24000`,
  'yaml-quoted': (k, v, c) => `env:\n  clip: ${c}\n  ${k}: "${v}"\n`,
  'yaml-block': (k, v, c) => `${k}: |\n  ${v}\nclip: ${c}`,
  'yaml-folded': (k, v, c) => `a:\n  ${k}: >-\n    ${v}\n  clip: ${c}`,
  'yaml-pair': (k, v, c) => `- name: ${k}\n  value: ${v}\n- name: CLIP\n  value: ${c}\n`,
  'pair-objects': (k, v, c) =>
    JSON.stringify([
      { name: k, value: v },
      { name: 'CLIP', value: c }
    ]),
  'pair-reversed': (k, v, c) =>
    JSON.stringify([
      { value: v, name: k },
      { value: c, name: 'CLIP' }
    ]),
  'pair-keyed': (k, v, c) =>
    JSON.stringify([
      { key: k, value: v },
      { key: 'CLIP', value: c }
    ]),
  'pair-typed': (k, v, c) =>
    JSON.stringify([
      { key: k, value: { stringValue: v } },
      { key: 'clip', value: { stringValue: c } }
    ]),
  'pair-far': (k, v, c) => JSON.stringify({ name: k, type: 'string', clip: c, value: v }),
  'pair-tuple': (k, v, c) =>
    JSON.stringify([
      [k, v],
      ['clip', c]
    ]),
  ini: (k, v, c) => `[db]\n${k} = ${v}\nclip = ${c}\n`,
  toml: (k, v, c) => `clip = "${c}"\n${k} = "${v}"\n`,
  properties: (k, v, c) => `a.clip=${c}\napp.${k}=${v}\nb=1`,
  flag: (k, v, c) => `render --clip ${c} --${dashed(k)}=${v} --threads 8`,
  'flag-apart': (k, v, c) => `render --clip ${c} --${dashed(k)} ${v} --threads 8`,
  'flag-quoted': (k, v, c) => `render --${dashed(k)} '${v}' --clip ${c}`,
  argv: (k, v, c) => JSON.stringify(['render', `--${dashed(k)}`, v, '--clip', c]),
  'argv-one': (k, v, c) => JSON.stringify(['render', `--${dashed(k)}=${v}`, '--clip', c]),
  'argv-python': (k, v, c) => `['render', '--${dashed(k)}', '${v}', '--clip', '${c}']`,
  docker: (k, v, c) => `docker run -e ${k}=${v} -e CLIP=${c} render`,
  header: (k, v, c) => `PUT /${c} HTTP/1.1\r\nHost: media.example\r\n${k}: ${v}\r\nAccept: */*`,
  'curl-header': (k, v, c) => `curl -H '${k}: ${v}' -H "Accept: x" https://media.example/${c}`,
  'header-map': (k, v, c) => `map[Clip:[${c}] ${k}:[${v}]]`,
  'header-list': (k, v, c) => JSON.stringify({ headers: { clip: [c], [k]: [v] } }),
  query: (k, v, c) => `https://media.example/live?clip=${c}&${k}=${encodeURIComponent(v)}&rate=24000`,
  'query-first': (k, v, c) => `GET /live?${k}=${encodeURIComponent(v)}&clip=${c} HTTP/1.1`,
  'query-within': (k, v, c) =>
    `https://media.example/go?to=${encodeURIComponent(`https://a.example/?${k}=${encodeURIComponent(v)}&clip=${c}`)}`,
  form: (k, v, c) => `grant_type=x&${k}=${encodeURIComponent(v)}&clip=${c}`,
  'query-escaped': (k, v, c) => `{"url":"https://media.example/?clip=${c}\\u0026${k}=${encodeURIComponent(v)}\\u0026rate=2"}`,
  'json-encoded': (k, v, c) => `body=${encodeURIComponent(JSON.stringify({ clip: c, [k]: v }))}`,
  'json-encoded-twice': (k, v, c) => `body=${encodeURIComponent(encodeURIComponent(JSON.stringify({ clip: c, [k]: v })))}`,
  element: (k, v, c) => `<options><clip>${c}</clip><${k}>${entity(v)}</${k}></options>`,
  attribute: (k, v, c) => `<options clip="${c}" ${k}="${entity(v)}"/>`,
  'add-element': (k, v, c) => `<add key="${k}" value="${entity(v)}" /><add key="Clip" value="${c}" />`,
  'property-element': (k, v, c) => `<property name="${k}">${entity(v)}</property><property name="clip">${c}</property>`,
  python: (k, v, c) => `{'clip': '${c}', '${k}': '${v}', 'n': None}`,
  ruby: (k, v, c) => `{:clip=>"${c}", :${k.replace(/\W/g, '_')}=>"${v}"}`,
  'ruby-text': (k, v, c) => `{"clip"=>"${c}", "${k}"=>"${v}"}`,
  php: (k, v, c) => `array ( 'clip' => '${c}', '${k}' => '${v}', )`,
  java: (k, v, c) => `Options{clip='${c}', ${k.replace(/\W/g, '_')}='${v}', n=1}`,
  'java-plain': (k, v, c) => `Options(clip=${c}, ${k}=${v}, n=1)`,
  go: (k, v, c) => `{Clip:${c} ${k}:${v} N:1}`,
  'go-map': (k, v, c) => `map[clip:${c} ${k}:${v}]`,
  'go-quoted': (k, v, c) => `main.Options{Clip:"${c}", ${k}:"${v}"}`,
  rust: (k, v, c) => `Options { clip: "${c}", ${k}: "${v}", n: Some(1) }`,
  protobuf: (k, v, c) => `clip: "${c}" ${k}: "${v}" n: 1`,
  javascript: (k, v, c) => `{ clip: '${c}', '${k}': '${v}', n: 1 }`,
  index: (k, v, c) => `config["${k}"] = "${v}" # ${c}`,
  'set-call': (k, v, c) => `os.environ["${k}"] = '${v}'; run("${c}")`,
  'sql-where': (k, v, c) => `UPDATE users SET ${k.replace(/\W/g, '_')} = '${v}' WHERE clip = '${c}'`,
  multipart: (k, v, c) => `--x\r\nContent-Disposition: form-data; name="${k}"\r\n\r\n${v}\r\n--x--\r\n${c}`,
  tabs: (k, v, c) => `clip\t${c}\n${k}:\t${v}\n`,
  'spaced-equals': (k, v, c) => `clip = ${c}, ${k} = ${v}, n = 1`,
  'arrow-text': (k, v, c) => `clip => ${c}, ${k} => ${v}`,
  semicolons: (k, v, c) => `Server=db;Clip=${c};${k}=${v};Timeout=5`,
  'said-is': (k, v, c) => `the ${k} is ${v} for ${c}`,
  'colour-key': (k, v, c) => `\u001b[36m${k}\u001b[0m=${v} clip=${c}`,
  escaped: (k, v, c) => `payload: {\\"clip\\":\\"${c}\\",\\"${k}\\":\\"${v}\\"}`,
  'escaped-twice': (k, v, c) => `payload: {\\\\\\"clip\\\\\\":\\\\\\"${c}\\\\\\",\\\\\\"${k}\\\\\\":\\\\\\"${v}\\\\\\"}`,
  'line-escapes': (k, v, c) => `env:\\n${k}=${v}\\nCLIP=${c}`,
  'cut-off': (k, v, c) => `{"clip":"${c}","${k}":"${v}`,
  helm: (k, v, c) => `helm install --set clip=${c},${k}=${v},n=1 render`,
  unicode: (k, v, c) => `設定：${k}=${v}、クリップ=${c}`
}

// One letter of the key written as an escape.
function escapedOne(key: string): string {
  const at = key.search(/[a-z]/i)
  return `${key.slice(0, at)}\\u00${key.charCodeAt(at).toString(16)}${key.slice(at + 1)}`
}

function dashed(key: string): string {
  return key.replace(/[_.]/g, '-').replace(/^-+/, '')
}

function entity(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

/** Around the whole: what a log library or an SDK makes of the text. */
export const WITHIN: Readonly<Record<string, (text: string) => string>> = {
  plain: (t) => t,
  log: (t) => JSON.stringify({ severity: 'WARNING', message: t, gpu: 'gpu-3' }),
  span: (t) => JSON.stringify({ 'exception.message': t, 'gpu.name': 'NVIDIA L40S' }),
  'json-in-string': (t) => JSON.stringify({ event: 'retry', detail: JSON.stringify({ sent: t, n: 1 }) }),
  'json-in-json-in-string': (t) => JSON.stringify({ event: 'retry', detail: JSON.stringify({ body: JSON.stringify({ sent: t }) }) })
}

type Structure = (secrets: Secrets, clip: string) => Carried

const said = (text: string, secrets: string[], keep: string[]): Carried => ({ text, secrets, keep })

/** Texts whose own form says where the secret is. */
export const STRUCTURES: Readonly<Record<string, Structure>> = {
  bearer: (s, c) =>
    one(s, '{an36}', (v) => `GET /${c} HTTP/1.1\r\nAuthorization: Bearer ${v}\r\nAccept: */*`, ['Accept: */*', 'Bearer', c]),
  'bearer-json': (s, c) => one(s, '{u40}', (v) => JSON.stringify({ headers: { Authorization: `Bearer ${v}`, clip: c } }), ['Bearer', c]),
  'bearer-list': (s, c) => one(s, '{u40}', (v) => JSON.stringify({ headers: { authorization: [`Bearer ${v}`], clip: [c] } }), [c]),
  'bearer-map': (s, c) => one(s, '{u40}', (v) => `map[Authorization:[Bearer ${v}] Clip:[${c}]]`, [c]),
  'bearer-pairs': (s, c) =>
    one(
      s,
      '{u40}',
      (v) =>
        JSON.stringify([
          ['authorization', `Bearer ${v}`],
          ['clip', c]
        ]),
      [c]
    ),
  'bearer-python': (s, c) => one(s, '{u40}', (v) => `{'Authorization': 'Bearer ${v}', 'Clip': '${c}'}`, ['Bearer', c]),
  'bearer-tuple': (s, c) => one(s, '{u40}', (v) => `[(b'authorization', b'Bearer ${v}'), (b'clip', b'${c}')]`, [c]),
  'bearer-sentence': (s, c) => one(s, '{an40}', (v) => `sent Bearer ${v} for ${c}`, [c]),
  'raw-headers': (s, c) => one(s, '{an40}', (v) => JSON.stringify(['Authorization', `Bearer ${v}`, 'Clip', c]), [c]),
  'http2-header': (s, c) => one(s, '{an40}', (v) => `:path: /${c}\nauthorization: Bearer ${v}\naccept: */*`, [c, 'accept']),
  basic: (s, c) => basic(s, (v) => `Authorization: Basic ${v}\nClip: ${c}`, [c, 'Basic']),
  'basic-sentence': (s, c) => basic(s, (v) => `used Basic ${v} on ${c}`, [c]),
  'proxy-basic': (s, c) => basic(s, (v) => `Proxy-Authorization: Basic ${v}\r\nClip: ${c}`, [c]),
  'scheme-token': (s, c) => one(s, '{h40}', (v) => `curl -H "Authorization: Token ${v}" https://api.example/${c}`, [c, 'Token']),
  'scheme-key': (s, c) => one(s, '{uuid}:{h32}', (v) => `Authorization: Key ${v}\nClip: ${c}`, [c, 'Key']),
  'scheme-apikey': (s, c) => one(s, '{an40}', (v) => `authorization: ApiKey ${v}\nclip: ${c}`, [c]),
  'scheme-none': (s, c) => one(s, '{an32}', (v) => `authorization: ${v}\nclip: ${c}`, [c]),
  digest: (s, c) =>
    one(s, '{h32}', (v) => `Authorization: Digest username="u", realm="${c}", nonce="n", response="${v}"`, [c, 'username="u"']),
  sigv4: (s, c) =>
    one(
      s,
      '{h64}',
      (v) =>
        `Authorization: AWS4-HMAC-SHA256 Credential=${fill('AK|IA{B16}', s)}/20261101/eu/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=${v}\nClip: ${c}`,
      [c, 'AWS4-HMAC-SHA256', 'SignedHeaders=host;x-amz-date']
    ),
  cookie: (s, c) =>
    one(s, '{an32}', (v) => `GET /${c}\r\nCookie: lang=en; sessionid=${v}; theme=dark\r\nAccept: text/html`, ['Accept: text/html', c]),
  'cookie-json': (s, c) => one(s, '{an32}', (v) => JSON.stringify({ headers: { cookie: `lang=en; connect.sid=s%3A${v}`, clip: c } }), [c]),
  'set-cookie': (s, c) => one(s, '{u32}', (v) => `Set-Cookie: sid=${v}; Path=/${c}; HttpOnly; SameSite=Lax`, [c, 'HttpOnly']),
  'set-cookie-list': (s, c) => one(s, '{u32}', (v) => JSON.stringify({ 'set-cookie': [`auth=${v}; Path=/${c}; Secure`] }), [c, 'Secure']),
  'cookie-curl': (s, c) => one(s, '{an32}', (v) => `curl -b 'sessionid=${v}' https://media.example/${c}`, [c]),
  'cookie-curl-long': (s, c) => one(s, '{an32}', (v) => `curl --cookie "JSESSIONID=${v}" https://media.example/${c}`, [c]),
  postgres: (s, c) => encoded(s, (v) => `cannot reach postgres://render:${v}@db.example:5432/${c}`, ['db.example', c, 'render']),
  mysql: (s, c) => encoded(s, (v) => `mysql+pymysql://root:${v}@10.0.0.3/${c}?charset=utf8`, [c, 'charset=utf8']),
  'redis-no-user': (s, c) => encoded(s, (v) => `redis://:${v}@cache.example:6379/0 ${c}`, ['cache.example:6379', c]),
  mongodb: (s, c) => encoded(s, (v) => `mongodb+srv://app:${v}@cluster0.example/${c}?retryWrites=true`, ['retryWrites=true', c]),
  amqp: (s, c) => encoded(s, (v) => `amqps://guest:${v}@mq.example:5671/${c}`, ['mq.example', c]),
  'url-plain-password': (s, c) => one(s, '{an5}!{an4}*{an2}', (v) => `ftp://ana:${v}@files.example/${c}`, [c, 'files.example']),
  'url-at-password': (s, c) => one(s, '{an5}@{an6}', (v) => `postgres://render:${v}@db.example:5432/${c}`, [c, 'db.example']),
  'git-token': (s, c) => one(s, '{an40}', (v) => `git clone https://oauth2:${v}@git.example/org/${c}.git`, [c, 'git.example']),
  'git-user-token': (s, c) => one(s, '{an40}', (v) => `git clone https://${v}@git.example/org/${c}.git`, [c, 'git.example']),
  'proxy-url': (s, c) => encoded(s, (v) => `HTTPS_PROXY=http://proxy:${v}@proxy.example:3128 CLIP=${c}`, ['proxy.example:3128', c]),
  'ado-net': (s, c) =>
    password(s, (v) => `Server=tcp:db.example,1433;Database=${c};User ID=sa;Password=${v};Encrypt=True`, [c, 'Encrypt=True']),
  'ado-pwd': (s, c) => password(s, (v) => `Data Source=db;Initial Catalog=${c};Uid=sa;Pwd=${v};`, [c, 'Uid=sa']),
  libpq: (s, c) => password(s, (v) => `host=db.example port=5432 user=render password=${v} dbname=${c}`, [c, 'host=db.example']),
  jdbc: (s, c) => one(s, '{an14}', (v) => `jdbc:postgresql://db.example/${c}?user=render&password=${v}&ssl=true`, [c, 'ssl=true']),
  'jdbc-oracle': (s, c) => one(s, '{an14}', (v) => `jdbc:oracle:thin:scott/${v}@//db.example:1521/${c}`, [c, 'db.example']),
  'jdbc-sqlserver': (s, c) => one(s, '{an14}', (v) => `jdbc:sqlserver://db.example;user=sa;password=${v};databaseName=${c}`, [c]),
  'go-dsn': (s, c) => one(s, '{an14}', (v) => `root:${v}@tcp(db.example:3306)/${c}?parseTime=true`, [c, 'parseTime=true']),
  'azure-storage': (s, c) =>
    one(s, '{b86}==', (v) => `DefaultEndpointsProtocol=https;AccountName=${c};AccountKey=${v};EndpointSuffix=core.windows.net`, [
      c,
      'EndpointSuffix'
    ]),
  'azure-bus': (s, c) =>
    one(s, '{b43}=', (v) => `Endpoint=sb://bus.example/;SharedAccessKeyName=Root;SharedAccessKey=${v};EntityPath=${c}`, [
      c,
      'SharedAccessKeyName=Root'
    ]),
  'azure-redis': (s, c) => one(s, '{b43}=', (v) => `${c}.redis.example:6380,password=${v},ssl=True,abortConnect=False`, [c, 'ssl=True']),
  'azure-config': (s, c) => one(s, '{b43}=', (v) => `Endpoint=https://${c}.azconfig.io;Id=ab-l0;Secret=${v}`, [c]),
  sas: (s, c) =>
    one(
      s,
      '{b20}+/{b21}=',
      (v) => `https://x.blob.example/${c}?sv=2024&se=2026&sp=r&sig=${encodeURIComponent(v)}`,
      [c, 'sv=2024', 'sp=r'],
      encodeURIComponent
    ),
  kafka: (s, c) =>
    password(s, (v) => `sasl.jaas.config=org.x.PlainLoginModule required username="u" password="${v}"; client.id=${c}`, [
      c,
      'username="u"'
    ]),
  presigned: (s, c) =>
    one(s, '{h64}', (v) => `https://clips.s3.example/${c}.mp4?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=60&X-Amz-Signature=${v}`, [
      c,
      'X-Amz-Expires=60'
    ]),
  'presigned-google': (s, c) =>
    one(s, '{h256}', (v) => `https://storage.example/${c}?X-Goog-Expires=60&X-Goog-Signature=${v}`, [c, 'X-Goog-Expires=60']),
  'presigned-cloudfront': (s, c) =>
    one(s, '{u170}', (v) => `https://d1.cloudfront.example/${c}?Expires=17&Signature=${v}&Key-Pair-Id=K2`, [c, 'Key-Pair-Id=K2']),
  'oauth-code': (s, c) => one(s, '{u40}', (v) => `https://app.example/callback?code=${v}&state=${c}`, ['state=']),
  'oauth-token': (s, c) =>
    one(s, '{u60}', (v) => `https://app.example/#access_token=${v}&token_type=bearer&clip=${c}`, [c, 'token_type=bearer']),
  'google-key-query': (s, c) => one(s, '{an32}', (v) => `https://maps.example/api?key=${v}&clip=${c}`, [c]),
  hmac: (s, c) => one(s, '{h64}', (v) => `https://shop.example/cb?clip=${c}&hmac=${v}&ts=17`, [c, 'ts=17']),
  signature: (s, c) => one(s, '{h64}', (v) => `https://cdn.example/${c}?signature=${v}&ts=17`, [c, 'ts=17']),
  'slack-hook': (s, c) => one(s, 'T{U8}/B{U8}/{an24}', (v) => `POST https://hooks.slack.com/services/${v} ${c}`, [c, 'hooks.slack.com']),
  'discord-hook': (s, c) => one(s, '{d18}/{u66}', (v) => `POST https://discord.com/api/webhooks/${v} ${c}`, [c]),
  'office-hook': (s, c) =>
    one(s, '{h32}/{uuid}', (v) => `POST https://x.webhook.office.com/webhookb2/${fill('{uuid}@{uuid}', s)}/IncomingWebhook/${v} ${c}`, [c]),
  'telegram-url': (s, c) => one(s, '{d10}:AA{u33}', (v) => `https://api.telegram.org/bot${v}/sendMessage?clip=${c}`, [c, 'sendMessage']),
  'sql-password': (s, c) => password(s, (v) => `ALTER USER ${c} WITH PASSWORD '${v}' VALID UNTIL 'infinity'`, [c, 'VALID UNTIL']),
  'sql-identified': (s, c) => password(s, (v) => `CREATE USER '${c}'@'%' IDENTIFIED BY '${v}'`, [c]),
  'sql-identified-with': (s, c) => password(s, (v) => `ALTER USER ${c} IDENTIFIED WITH mysql_native_password BY '${v}'`, [c]),
  'sql-set': (s, c) => password(s, (v) => `SET PASSWORD FOR '${c}'@'localhost' = '${v}'`, [c]),
  'redis-auth': (s, c) => one(s, '{an14}7', (v) => `AUTH default ${v}\n${c}`, [c, 'default']),
  'redis-hello': (s, c) => one(s, '{an14}7', (v) => `HELLO 3 AUTH render ${v} SETNAME ${c}`, [c]),
  'redis-config': (s, c) => password(s, (v) => `CONFIG SET requirepass ${v}\n${c}`, [c]),
  'redis-monitor': (s, c) => password(s, (v) => `1.7 [0 ${c}] "AUTH" "default" "${v}"`, [c]),
  'redis-cli': (s, c) => one(s, '{an14}7', (v) => `redis-cli -h ${c} -a ${v} ping`, [c, 'ping']),
  'mysql-cli': (s, c) => one(s, '{an14}7', (v) => `mysql -h ${c} -uroot -p${v} clips`, [c, 'clips']),
  'curl-user': (s, c) => password(s, (v) => `curl -u render:${v} https://media.example/${c}`, [c, 'render']),
  'curl-user-quoted': (s, c) => password(s, (v) => `curl --user 'render:${v}' https://media.example/${c}`, [c]),
  'wget-password': (s, c) => password(s, (v) => `wget --http-user=u --http-password=${v} https://media.example/${c}`, [c]),
  sshpass: (s, c) => password(s, (v) => `sshpass -p '${v}' ssh render@${c}`, [c]),
  'login-short': (s, c) => one(s, '{an14}7', (v) => `docker login -u render -p ${v} ${c}`, [c]),
  'argv-user': (s, c) => one(s, '{an14}7', (v) => JSON.stringify(['curl', '-u', `render:${v}`, c]), [c]),
  netrc: (s, c) => one(s, '{an14}7', (v) => `machine ${c} login render password ${v}`, [c]),
  npmrc: (s, c) => one(s, '{uuid}', (v) => `//registry.example/:_authToken=${v}\nclip=${c}`, [c, 'registry.example']),
  'npmrc-auth': (s, c) => basic(s, (v) => `//registry.example/:_auth=${v}\nclip=${c}`, [c]),
  'docker-auth': (s, c) => basic(s, (v) => `{"auths":{"${c}":{"auth":"${v}"}}}`, [c]),
  'k8s-secret': (s, c) => basic(s, (v) => `kind: Secret\nmetadata:\n  name: ${c}\ndata:\n  password: ${v}\n`, [c]),
  'k8s-data': (s, c) => basic(s, (v) => JSON.stringify({ kind: 'Secret', metadata: { name: c }, data: { 'db-password': v } }), [c]),
  pgpass: (s, c) => one(s, '{an14}7', (v) => `PGPASSWORD=${v} psql -h ${c}`, [c]),
  'service-account': (s, c) => {
    const key = pemOf(s, 'PRIVATE KEY')
    return said(
      JSON.stringify({ type: 'service_account', project_id: c, private_key: key.text, token_uri: 'https://oauth2.example/token' }),
      key.lines,
      [c, 'https://oauth2.example/token']
    )
  },
  pem: (s, c) => pem(s, c, 'RSA PRIVATE KEY', '\n'),
  'pem-ec': (s, c) => pem(s, c, 'EC PRIVATE KEY', '\n'),
  'pem-openssh': (s, c) => pem(s, c, 'OPENSSH PRIVATE KEY', '\n'),
  'pem-pkcs8': (s, c) => pem(s, c, 'PRIVATE KEY', '\r\n'),
  'pem-encrypted': (s, c) => pem(s, c, 'ENCRYPTED PRIVATE KEY', '\n'),
  'pem-escaped': (s, c) => pem(s, c, 'RSA PRIVATE KEY', '\\n'),
  'pem-escaped-twice': (s, c) => pem(s, c, 'RSA PRIVATE KEY', '\\\\n'),
  'pem-pgp': (s, c) => pem(s, c, 'PGP PRIVATE KEY BLOCK', '\n'),
  'pem-one-line': (s, c) => pem(s, c, 'PRIVATE KEY', ' '),
  'pem-base64': (s, c) => {
    const text = Buffer.from(pemOf(s, 'RSA PRIVATE KEY').text).toString('base64')
    return said(`client-key-data: ${text}\nuser: ${c}`, [text], [c])
  },
  'pem-cut': (s, c) => {
    const key = pemOf(s, 'RSA PRIVATE KEY')
    return said(`${c}\n${key.text.slice(0, 200)}`, [key.lines[0], key.lines[1]], [c])
  },
  'two-tokens': (s, c) => {
    const [a, b] = [fill('gh|p_{an36}', s), fill('AK|IA{B16}', s)]
    return said(`${c} ${a}${b}`, [a, b], [c])
  },
  'two-keys': (s, c) => {
    const [a, b] = [fill('{an20}', s), fill('{an12}', s)]
    return said(`token=${a},password=${b},clip=${c}`, [a, b], [c])
  },
  'card-number': (s, c) => {
    const card = s.card()
    return said(JSON.stringify({ clip: c, paid: { amount: 4 }, pan: Number(card) }), [card], [c])
  },
  'password-said': (s, c) => password(s, (v) => `my password is ${v} and ${c} is down`, [c]),
  'api-key-said': (s, c) => one(s, '{an32}', (v) => `Incorrect API key provided: ${v}. ${c}`, [c])
}

function one(s: Secrets, shape: string, text: (value: string) => string, keep: string[], written = (value: string) => value): Carried {
  const value = fill(shape, s)
  return said(text(value), [written(value)], keep)
}

function password(s: Secrets, text: (value: string) => string, keep: string[]): Carried {
  return one(s, ['{an12}', '{a5}!{an4}_{d2}', 'river-Stone-{d3}', '{a4}#{an5}', '{a3}*{d3}^{a4}'][s.int(5)], text, keep)
}

function encoded(s: Secrets, text: (value: string) => string, keep: string[]): Carried {
  const value = encodeURIComponent(fill(['{an12}', '{a5}!{an4}_{d2}', '{an5}/{an3}@{an3}', 'river-Stone-{d3}'][s.int(4)], s))
  return said(text(value), [value], keep)
}

function basic(s: Secrets, text: (value: string) => string, keep: string[]): Carried {
  const value = Buffer.from(`render:${fill('{a5}!{an5}_{d2}', s)}`).toString('base64')
  return said(text(value), [value], keep)
}

function pemOf(s: Secrets, label: string, lineBreak = '\n'): { text: string; lines: string[] } {
  const lines = Array.from({ length: 6 }, () => s.base64(64))
  return { text: [`-----BEG${'IN'} ${label}-----`, ...lines, `-----EN${'D'} ${label}-----`].join(lineBreak), lines }
}

function pem(s: Secrets, clip: string, label: string, lineBreak: string): Carried {
  const { text, lines } = pemOf(s, label, lineBreak)
  return said(`key of ${clip} follows${lineBreak}${text}${lineBreak}key read`, lines, [clip, 'key read'])
}
