// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the files under test have variables in them
import { ok, strictEqual } from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { ConfigError, type Problem } from '../../src/config/problem.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { definitions } from './definitions.ts'

const dir = temporaryDirectory()

async function problemsOf(text: string | Buffer, env: Record<string, string> = {}): Promise<readonly Problem[]> {
  const file = join(dir, 'sluice.yaml')
  await writeFile(file, text)
  return loadConfig({ file, env, definitions }).then(
    () => [],
    (error: unknown) => {
      ok(error instanceof ConfigError, String(error))
      return error.problems
    }
  )
}

/** One problem: its line, its key, and a part of what came, of what was expected and of the remedy. */
async function f(text: string, line: number, path: string, came: string, expected: string, remedy: string): Promise<void> {
  const problems = await problemsOf(text)
  const shown = JSON.stringify(problems, null, 1)
  strictEqual(problems.length, 1, shown)
  const [{ place, path: actual, ...words }] = problems
  strictEqual('line' in place ? place.line : 0, line, shown)
  strictEqual(actual, path)
  ok((words.came ?? '').includes(came), shown)
  ok(words.expected.includes(expected), shown)
  ok(words.remedy.includes(remedy), shown)
}

test('an unknown key names the nearest known one, at every level', async () => {
  await f('exporter: {}', 1, 'exporter', '"exporter"', 'exporters', 'mean exporters?')
  await f('queue:\n  dir: /q\n  sizemax: 1MiB', 3, 'queue.sizemax', '"sizemax"', 'sizeMax', 'mean sizeMax?')
  await f('queue: { max_size: 2GiB }', 1, 'queue.max_size', '"max_size"', 'sizeMax', 'mean sizeMax?')
  await f('telemetry:\n  log:\n    levle: info', 3, 'telemetry.log.levle', '"levle"', 'level', 'mean level?')
  await f('receivers:\n  otpl: {}', 2, 'receivers.otpl', '"otpl"', 'otlp', 'mean otlp?')
  await f('receivers: { oltp/second: {} }', 1, 'receivers.oltp/second', 'oltp/second', 'otlp', 'mean otlp/second?')
  await f(
    'processors: { redact: { rules: [{ name: a, wieght: 2 }] } }',
    1,
    'processors.redact.rules[0].wieght',
    'wieght',
    'weight',
    'mean weight?'
  )
  await f(
    'exporters:\n  otlp:\n    endpoint: http://c\n    time_out: 1s',
    4,
    'exporters.otlp.time_out',
    'time_out',
    'timeout',
    'mean timeout?'
  )
  await f('queue: { constructor: 1 }', 1, 'queue.constructor', 'constructor', 'dir', 'remove it')
})

test('a key in the wrong place is told where it belongs', async () => {
  await f('endpoint: http://c', 1, 'endpoint', 'unknown', 'receivers', 'under exporters.otlp')
  await f('processors: { otlp: {} }', 1, 'processors.otlp', 'unknown', 'sample', 'under receivers or under exporters')
  await f('processors: { traces: 5% }', 1, 'processors.traces', 'unknown', 'sample', 'under processors.sample')
  await f(
    'exporters: { otlp: { endpoint: "http://c", caFile: /a } }',
    1,
    'exporters.otlp.caFile',
    'unknown',
    'endpoint',
    'under exporters.otlp.tls'
  )
  await f(
    'receivers: { otlp: { expire_after: 1m } }',
    1,
    'receivers.otlp.expire_after',
    'unknown',
    'http',
    'mean expireAfter? It belongs under exporters.prometheus'
  )
})

test('a value that does not fit says what came and what fits', async () => {
  await f('queue:\n  sizeMax: a lot', 2, 'queue.sizeMax', '"a lot"', 'size of at least 1MiB', 'KiB')
  await f('queue: { sizeMax: 10KiB }', 1, 'queue.sizeMax', 'out of range', 'at least 1MiB', 'MiB')
  await f('queue: { ageMax: 10 }', 1, 'queue.ageMax', 'number 10, which has no unit', 'from 1s to 365d', '10s for seconds')
  await f('queue: { ageMax: [1h] }', 1, 'queue.ageMax', 'a list of 1', 'length of time', 'a number with')
  await f('queue: { whenFull: evicts }', 1, 'queue.whenFull', '"evicts"', 'refuse or evict', 'mean evict?')
  await f('queue:\n  dir:\n', 2, 'queue.dir', 'nothing', 'a text', 'give it a value')
  await f('queue: 5', 1, 'queue', 'the number 5', 'mapping', 'key: value')
  await f('telemetry: { log: { level: Warning } }', 1, 'telemetry.log.level', '"Warning"', 'debug, info, warn or error', 'mean warn?')
  await f('telemetry: { traces: { endpoint: collector } }', 1, 'telemetry.traces.endpoint', '"collector"', 'https:// URL', 'http://')
  await f('telemetry: { traces: { ratio: 50 } }', 1, 'telemetry.traces.ratio', 'more than 100%', '0% to 100%', 'write 50%')
  await f('admin: { listen: 9464 }', 1, 'admin.listen', 'number 9464', 'host:port', 'write 127.0.0.1:9464')
  await f('admin: { listen: "localhost:94640" }', 1, 'admin.listen', 'port over 65535', 'host:port', 'port')
  await f('processors: { sample: { strict: yes } }', 1, 'processors.sample.strict', '"yes"', 'true or false', 'without quotes')
  await f('processors: { sample: { hashSeed: "5" } }', 1, 'processors.sample.hashSeed', '"5"', 'from 0 to 1000', 'without quotes')
  await f('processors: { sample: { hashSeed: 5000 } }', 1, 'processors.sample.hashSeed', '5000', 'from 0 to 1000', 'in that range')
  await f('processors: { sample: { services: { a: 200% } } }', 1, 'processors.sample.services.a', '"200%"', 'share', '100% for all')
  await f('processors: { redact: { keys: secret } }', 1, 'processors.redact.keys', '"secret"', 'list', '- item')
  await f('processors:\n  redact:\n    rules:\n      - weight: 1\n', 4, 'processors.redact.rules[0].name', 'nothing', 'text', 'add `name')
  await f('exporters:\n  otlp: {}', 2, 'exporters.otlp.endpoint', 'nothing', 'URL', 'or set OTEL_EXPORTER_OTLP_ENDPOINT')
  await f('exporters: { otlp: { endpoint: "http://" } }', 1, 'exporters.otlp.endpoint', '"http://"', 'with a host', 'name the host')
  await f('receivers: { otlp: { http: [":1", x] } }', 1, 'receivers.otlp.http[1]', '"x"', 'host:port', 'colon')
})

test('a component is a mapping or off, and its name is of one form', async () => {
  await f('processors: { redact: off }', 1, 'processors.redact', 'off', 'a mapping', 'nothing leaves unredacted')
  await f('processors: { enrich: [a] }', 1, 'processors.enrich', 'a list of 1', 'mapping of options, or off', 'key: value')
  await f('exporters:\n  - otlp', 2, 'exporters', 'a list of 1', 'mapping', 'lines below exporters')
  await f('processors: { sample/x: {} }', 1, 'processors.sample/x', 'a name', 'one sample', 'under sample')
  await f('receivers: { otlp/a b: off }', 1, 'receivers.otlp/a b', 'another name', 'otlp/name', 'otlp/backup')
})

test('an address is listened on once', async () => {
  await f('admin: { listen: ":4318" }', 1, 'admin.listen', 'receivers.otlp.http (default)', 'nothing else', 'another port')
  await f(
    'receivers:\n  otlp:\n    http: 127.0.0.1:9464',
    3,
    'receivers.otlp.http',
    'admin.listen (default)',
    'nothing else',
    'another port'
  )
  await f('receivers: { otlp/b: { grpc: ":0" } }', 1, 'receivers.otlp/b.http', 'receivers.otlp.http', 'nothing else', 'another port')
  strictEqual((await problemsOf('receivers: { otlp: { http: ":0", grpc: ":0" } }')).length, 0)
  strictEqual((await problemsOf('receivers: { otlp: { http: ["unix:/a", "127.0.0.1:1"], grpc: "127.0.0.2:1" } }')).length, 0)
})

test('nothing is sent back to the gateway itself', async () => {
  const g = (text: string, line: number, path: string): Promise<void> =>
    f(text, line, path, 'an address of the gateway itself (receivers.otlp.http)', 'another destination', 'name the backend')
  await g('exporters: { otlp: { endpoint: "http://localhost:4318" } }', 1, 'exporters.otlp.endpoint')
  await g('exporters: { otlp/b: { endpoint: "http://[::1]:4318/x" } }', 1, 'exporters.otlp/b.endpoint')
  await g('receivers: { otlp: { http: ":80" } }\nexporters: { otlp: { endpoint: "http://127.0.0.1" } }', 2, 'exporters.otlp.endpoint')
  await g(
    'receivers: { otlp: { http: "10.0.0.7:1" } }\nexporters: { otlp: { endpoint: "http://10.0.0.7:1" } }',
    2,
    'exporters.otlp.endpoint'
  )
  await g('telemetry: { traces: { endpoint: "http://127.0.0.2:4318/v1/traces" } }', 1, 'telemetry.traces.endpoint')
  strictEqual((await problemsOf('exporters: { otlp: { endpoint: "http://localhost:4319" } }')).length, 0)
  strictEqual((await problemsOf('exporters: { otlp: { endpoint: "http://collector:4318" } }')).length, 0)
})

test('facts that are asked for at the node need its address', async () => {
  await f('facts:\n  gpu: { source: node }', 2, 'facts.gpu.source', 'node', 'facts.gpu.node', 'auto')
  strictEqual((await problemsOf('facts: { gpu: { source: node, node: "http://10.0.0.1:4321" } }')).length, 0)
  strictEqual((await problemsOf('facts: { gpu: { source: auto } }')).length, 0)
})

test('variables that are missing or malformed are named', async () => {
  await f('queue:\n  dir: ${QUEUE}', 2, 'queue.dir', '${QUEUE}, which is not set', 'environment variable QUEUE', '${QUEUE:-default}')
  await f('queue: { dir: "${env:QUEUE}" }', 1, 'queue.dir', 'names no variable', '${NAME}', 'write ${QUEUE}')
  await f('queue: { dir: "a${b" }', 1, 'queue.dir', 'names no variable', '${NAME}', '$$ for a dollar')
  await f('queue: { dir: "${A:-${B}}" }', 1, 'queue.dir', 'names no variable', '${NAME}', 'do not nest')
  await f('queue: { dir: "${A-b}" }', 1, 'queue.dir', 'names no variable', '${NAME:-default}', '$$')
  await f('queue: { dir: ${A} }', 1, '', 'not YAML', 'quoted', '"${NAME}"')
  await f('queue:\n  ageMax: "${AGE:-soon}"', 2, 'queue.ageMax', '"soon" (from ${AGE})', 'length of time', 'ms, s')
})

test('YAML errors name the line and the remedy', async () => {
  await f('queue:\n\tdir: /q', 2, '', 'not YAML', 'spaces', 'tab')
  await f('queue:\n  dir: /q\n ageMax: 1h', 3, '', 'not YAML', 'in one column', 'indent')
  await f('queue:\n  dir: /q\n   ageMax: 1h', 2, '', 'not YAML', 'one key and one value', 'indent')
  await f('queue: {}\nadmin: {}\nqueue: {}', 3, 'queue', 'same key again', 'once', 'line 1')
  await f('queue: { dir: "/q }', 1, '', 'not YAML', 'closing quote', 'quote')
  await f('queue: { dir: /q', 1, '', 'not YAML', 'closing bracket', 'close')
  await f('queue\nadmin: {}', 1, '', 'not YAML', 'colon', 'key: value')
  await f('queue:{}\nadmin: {}', 1, '', 'not YAML', 'colon', 'space')
  await f('queue:\n  dir: @x', 2, '', 'not YAML', 'reserved', 'quotes')
  await f('receivers: { otlp: { http: [::1]:4318 } }', 1, '', 'not YAML', '', '')
  await f('queue:\n  dir: "\\q"', 2, '', 'not YAML', 'escape', 'single quotes')
  await f('queue: {}\n---\nadmin: {}', 2, '', 'not YAML', 'one document', '---')
  await f('queue: { dir: *q }', 1, 'queue.dir', 'alias', 'anchor', 'quote')
  await f('queue: !queue {}', 1, '', 'not YAML', 'tag', 'exclamation')
  await f('? [a]\n: b', 1, '', 'not a word', 'word', 'key: value')
  await f('__proto__: {}', 1, '', '__proto__', 'another', 'rename')
  await f('- queue', 1, '', 'a list of 1', 'sections', 'receivers:')
  await f('hunter2', 1, '', 'not shown', 'sections', 'receivers:')
})

test('what multiplies itself is bounded', async () => {
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x,x]',
    ...['b', 'c', 'd', 'e', 'f', 'g'].map((key, i) => `${key}: &${key} [${Array(10).fill(`*${'abcdef'[i]}`).join()}]`)
  ]
  const f = async (text: string, words: string) =>
    ok(
      (await problemsOf(text)).some(({ expected }) => expected.includes(words)),
      text.slice(0, 80)
    )
  await f(bomb.join('\n'), 'at most')
  await f('queue: &a { dir: *a }', 'at most 32 levels')
  await f('['.repeat(10_000), 'fewer nested')
  await f(`queue: { dir: ${'x'.repeat(1 << 20)} }`, 'a configuration file')
})

test('a file that cannot be read is one line', async () => {
  const f = async (file: string, words: string) => {
    const error = await loadConfig({ file, env: {}, definitions }).catch((thrown: unknown) => thrown)
    ok(error instanceof ConfigError)
    strictEqual(error.message.split('\n').length, 1)
    ok(error.message.startsWith(`${file}: came ${words}`), error.message)
  }
  await f(join(dir, 'missing.yaml'), 'no such file')
  await f(dir, 'a directory')
  await f('/dev/zero', 'more than 1048576 bytes')
  strictEqual((await problemsOf(Buffer.from([0x71, 0xff, 0xfe])))[0].came, 'bytes that are not UTF-8')
})

test('all problems are told at once, in the order of the file', async () => {
  const problems = await problemsOf('queue:\n  sizemax: 1\n  ageMax: x\nexporters:\n  otlp:\n    tls: 1\nadmn: 1\n')
  strictEqual(problems.map(({ path }) => path).join(), 'queue.sizemax,queue.ageMax,exporters.otlp.endpoint,exporters.otlp.tls,admn')
})

test('messages never show a secret', async () => {
  const env = { SECRET: 'hunter2', KEY: 'abcdef0123456789abcdef0123456789', DSN_VALUE: 'https://pub:hunter2@sentry.example/1' }
  const f = async (text: string) => {
    const [problem] = await problemsOf(text, env)
    ok(problem !== undefined, text)
    ok(!/hunter2|abcdef0123456789/.test(JSON.stringify(problem)), JSON.stringify(problem))
  }
  await f('queue: { ageMax: "${SECRET}" }')
  await f('queue: { ageMax: "${KEY}" }')
  await f(`queue: { ageMax: ${env.KEY} }`)
  await f(`exporters: { otlp: ${env.KEY} }`)
  await f('exporters: { otlp: hunter2 }')
  await f('hunter2')
  await f(`${env.KEY}: 1`)
  await f(`admin: { listen: "${env.DSN_VALUE}" }`)
  await f('exporters: { otlp: { endpoint: "http://c", token: [hunter2] } }')
  await f('exporters: { otlp: { endpoint: "http://c", token: { hunter2: 1 } } }')
  await f('telemetry: { sentry: { dsn: [hunter2] } }')
})
