import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Secrets } from '../support/secrets.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
const SHARED = join(import.meta.dirname, '..', '..', '..', 'shared', 'redaction')
const ENV = { PATH: process.env.PATH, HOME: process.env.HOME }

/** A process that takes nothing for so long waits for its reader. */
const HALTED_AFTER_MS = 500

const secrets = new Secrets(11)

interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

function run(input: string | Buffer, ...args: string[]): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'redact', ...args], { input, env: ENV, maxBuffer: 1 << 28 })
  return { status, stdout: stdout.toString(), stderr: stderr.toString() }
}

test('text passes without its secrets', () => {
  const f = (input: string, stdout: string, ...args: string[]): void =>
    deepStrictEqual(run(input, ...args), { status: 0, stdout, stderr: '' })
  f('', '')
  f('nothing here\npassword=hunter2x\n', 'nothing here\npassword=[redacted:password]\n')
  f('{"id": 1, "input":"password=hunter2x"}', '{"id": 1, "input":"password=[redacted:password]"}', '--ndjson')
})

test('an explanation tells the line, the place, the rule and the reason, and no secret', () => {
  const tokens = Object.entries(secrets.tokens())
  const lines = tokens.map(([kind, secret]) => JSON.stringify({ kind: 'x', headers: [{ [kind]: `with ${secret} in it` }] }))
  const { status, stdout, stderr } = run(lines.join('\n'), '--ndjson', '--explain')
  strictEqual(status, 0)
  for (const [kind, secret] of tokens) for (const text of [stdout, stderr]) ok(!text.includes(secret.slice(8)), kind)
  const rows = stderr.trimEnd().split('\n')
  strictEqual(rows.length, tokens.length + 2)
  match(rows[0], /^line +place +rule +why$/)
  match(rows[1], /^1 +\$\.headers\[0\]\.aws-access-key-id +aws-access-key-id +found by "AKIA"/)
  match(rows[tokens.length + 1], new RegExp(`^${tokens.length} found, in ${tokens.length} of ${tokens.length} lines$`))
  const { stderr: named } = run(`{"${secrets.jwt()}":{"password":"hunter2x"}}`, '--ndjson', '--explain')
  match(named, /^1 +\$\["\[redacted:jwt\]"\]\.password +password +its key names a secret$/m)
})

test('the options of the configuration hold', () => {
  const file = join(temporaryDirectory(), 'sluice.yaml')
  writeFileSync(file, 'processors: { redact: { keys: [ticket], allow: [email] } }\n')
  strictEqual(run('ticket=12345678 ana@viewers.example', '--config', file).stdout, 'ticket=[redacted:custom-key] ana@viewers.example')
})

test('misuse ends with 2, a failure with 1', () => {
  strictEqual(run('', '--nonsense').status, 2)
  strictEqual(run('', 'file').status, 2)
  strictEqual(run('', '--config', join(temporaryDirectory(), 'absent.yaml')).status, 2)
  const { status, stderr } = spawnSync('sh', ['-c', 'echo x | "$0" "$1" redact > /dev/full', process.execPath, MAIN], { env: ENV })
  strictEqual(status, 1)
  match(stderr.toString(), /ENOSPC|no space/i)
})

test('a reader that has enough ends it without a complaint', () => {
  const { status, stdout, stderr } = spawnSync(
    'sh',
    ['-c', '{ yes "a line of some length" | "$0" "$1" redact; echo $? >&2; } | head -n 3', process.execPath, MAIN],
    { env: ENV, timeout: 120_000 }
  )
  strictEqual(status, 0)
  strictEqual(stdout.toString(), 'a line of some length\n'.repeat(3))
  strictEqual(stderr.toString().trim(), '0')
})

test('what comes is passed on at once, and no faster than it is taken', async () => {
  const child = spawn(process.execPath, [MAIN, 'redact'], { env: ENV, stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.write('first\nsec')
  const [first] = await once(child.stdout, 'data')
  strictEqual(String(first), 'first\n')
  child.stdin.write('ond\n')
  const [second] = await once(child.stdout, 'data')
  strictEqual(String(second), 'second\n')
  // Nobody reads any more: the input comes to a halt, and goes on when somebody does.
  child.stdout.pause()
  const piece = Buffer.from('a line\n'.repeat(10_000))
  let written = 0
  for (let halted = false; !halted; written += piece.length) {
    ok(written < 64 << 20, `${written} bytes were taken`)
    if (!child.stdin.write(piece)) halted = await Promise.race([once(child.stdin, 'drain').then(() => false), sleep(HALTED_AFTER_MS, true)])
  }
  let read = 0
  child.stdout.on('data', (chunk: Buffer) => {
    read += chunk.length
  })
  child.stdout.resume()
  child.stdin.end()
  const [code] = await once(child, 'close')
  strictEqual(code, 0)
  strictEqual(read, written)
})

test('the sample of secrets is found, and its look-alikes are left alone', {
  skip: existsSync(join(SHARED, 'sample.mjs')) ? false : `SKIPPED: ${SHARED} is not here, so its sample was not scored`
}, () => {
  const dir = temporaryDirectory()
  const seed = String(1 + Math.floor(Math.random() * 100_000))
  const sample = (...more: string[]): string =>
    execFileSync(process.execPath, [join(SHARED, 'sample.mjs'), '--seed', seed, ...more], { encoding: 'utf8' })
  const [cases, outputs] = [join(dir, 'cases.jsonl'), join(dir, 'outputs.jsonl')]
  writeFileSync(cases, sample())
  writeFileSync(outputs, run(sample('--inputs'), '--ndjson').stdout)
  const gate = 'recall=0.99,benign=0.98,kept=0.99,json=1'
  const { status, stdout, stderr } = spawnSync(process.execPath, [
    ...[join(SHARED, 'score.mjs'), '--cases', cases, '--outputs', outputs, '--failures', '5', '--gate', gate]
  ])
  strictEqual(status, 0, `seed ${seed}: ${stderr}${stdout}`)
})
