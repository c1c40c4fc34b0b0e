import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { type GatewayProcess, startGateway, until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

const yaml = (url: string, options = ''): string => `
receivers: { otlp: { http: 127.0.0.1:0, grpc: off }, logs: { http: false, tcp: off, syslog: off, fluent: off, batchDelay: 20ms ${options} } }
admin: { listen: 127.0.0.1:0 }
exporters: { otlp: { endpoint: "${url}" } }
`

// biome-ignore lint/suspicious/noExplicitAny: a tree as protobufjs makes it
type Tree = any

/** The texts of the log records that have arrived. */
function linesAt(backend: OtlpBackend): string[] {
  const scopes: Tree[] = backend.received.flatMap(({ message }) => message.resourceLogs.flatMap(({ scopeLogs }: Tree) => scopeLogs))
  return scopes.flatMap(({ logRecords }) => logRecords.map(({ body }: Tree) => body.stringValue))
}

async function started(t: TestContext): Promise<{ gateway: GatewayProcess; backend: OtlpBackend }> {
  const backend = await OtlpBackend.start(t)
  const gateway = await startGateway(t, { yaml: yaml(backend.url), args: ['--stdin'] })
  return { gateway, backend }
}

test('worker | sluice run --stdin: every line is delivered, then it exits with 0', async (t) => {
  const backend = await OtlpBackend.start(t)
  const file = join(temporaryDirectory(), 'sluice.yaml')
  writeFileSync(file, yaml(backend.url))
  const worker = `for (let i = 0; i < 20000; i++) console.log(JSON.stringify({ level: 'info', message: 'line ' + i })); process.stdout.write('the last')`
  const command = `'${process.execPath}' -e "${worker.replaceAll('"', '\\"')}" | '${process.execPath}' '${MAIN}' run --stdin --config '${file}'`
  const { stderr } = await promisify(execFile)('sh', ['-c', command])
  match(stderr, /"reason":"end of input","msg":"stopping"/)
  const lines = new Set(linesAt(backend))
  for (let i = 0; i < 20_000; i++) ok(lines.has(`line ${i}`), `line ${i}`)
  ok(lines.has('the last'))
  deepStrictEqual([lines.size, linesAt(backend).length], [20_001, 20_001])
})

test('told to stop, it reads what the worker says last', async (t) => {
  const { gateway, backend } = await started(t)
  gateway.child.stdin!.write('one\n')
  await until(
    () => linesAt(backend).length,
    (length) => length === 1
  )
  const ended = once(gateway.child, 'exit')
  gateway.child.kill('SIGTERM')
  await until(
    () => gateway.log,
    (log) => log.some(({ msg }) => msg === 'stopping')
  )
  gateway.child.stdin!.end('last words\n')
  strictEqual((await ended)[0], 0)
  deepStrictEqual(linesAt(backend), ['one', 'last words'])
})

test('an input that stays open does not keep it from stopping', async (t) => {
  const { gateway, backend } = await started(t)
  gateway.child.stdin!.write('one\nhalf')
  strictEqual(await gateway.end('SIGTERM'), 0)
  deepStrictEqual(linesAt(backend), ['one', 'half'])
})

test('a reload goes on with the input where it was', async (t) => {
  const { gateway, backend } = await started(t)
  gateway.child.stdin!.write('one\ntw')
  await until(
    () => linesAt(backend).length,
    (length) => length === 1
  )
  gateway.configure(yaml(backend.url, ', format: text'))
  gateway.child.kill('SIGHUP')
  await until(
    () => gateway.log,
    (log) => log.some(({ msg }) => msg === 'the configuration was reloaded')
  )
  const ended = once(gateway.child, 'exit')
  gateway.child.stdin!.end('o\n{"message":"three"}\n')
  strictEqual((await ended)[0], 0)
  deepStrictEqual(linesAt(backend), ['one', 'two', '{"message":"three"}'])
})

test('a file that switches the receiver off cannot read the input', async () => {
  const file = join(temporaryDirectory(), 'sluice.yaml')
  writeFileSync(file, 'receivers: { logs: off }\n')
  const run = promisify(execFile)(process.execPath, [MAIN, 'run', '--stdin', '--config', file])
  const failure = (await run.catch((error: unknown) => error)) as { code: number; stderr: string }
  strictEqual(failure.code, 2)
  match(failure.stderr, /sluice\.yaml:1:\d+: receivers\.logs: came off, expected on, as --stdin needs it/)
})
