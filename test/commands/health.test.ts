import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ADMIN_ADDRESS, healthCommand } from '../../src/commands/health.ts'
import { components } from '../../src/components.ts'
import { loadConfig } from '../../src/config/load.ts'
import { startGateway } from '../support/gateway-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function health(args: string[], env: Record<string, string> = {}): Promise<Said> {
  const [out, err]: string[][] = [[], []]
  const code = await healthCommand(args, { env, say: (line) => out.push(line), complain: (line) => err.push(line) })
  return { code, out: out.join('\n'), err: err.join('\n') }
}

async function served(t: TestContext, listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

test('without a configuration it asks where the gateway listens by default', async () => {
  const { settings } = await loadConfig({ env: {}, definitions: components })
  strictEqual(settings.find(({ steps }) => steps.join('.') === 'admin.listen')?.value, ADMIN_ADDRESS)
})

test('a gateway that runs lives and is ready, wherever its configuration stands; one that has ended does not', async (t) => {
  const socket = join(temporaryDirectory(), 'admin.sock')
  const yaml = `receivers: { logs: off, datadog: off, otlp: { http: "127.0.0.1:0", grpc: off } }\nadmin: { listen: "\${WHERE:-127.0.0.1:0}" }`
  const gateway = await startGateway(t, { yaml, env: { WHERE: `unix:${socket}` } })
  const file = join(temporaryDirectory(), 'sluice.yaml')
  writeFileSync(file, yaml)
  const env = { WHERE: `unix:${socket}` }
  deepStrictEqual(await health(['--config', file], env), { code: 0, out: 'ok', err: '' })
  deepStrictEqual(await health(['--ready'], { ...env, SLUICE_CONFIG: file }), { code: 0, out: 'ready', err: '' })
  deepStrictEqual(await health([], { ...env, SLUICE_CONFIG: 'env:TEXT', TEXT: yaml }), { code: 0, out: 'ok', err: '' })
  await gateway.end('SIGTERM')
  const { code, err } = await health(['--config', file], env)
  strictEqual(code, 1)
  match(err, /^\/healthz: connect (ENOENT|ECONNREFUSED)/)
})

test('what is wrong is said in one line', async (t) => {
  const port = await served(t, ({ url }, response) => {
    if (url === '/healthz') response.end('ok')
    else response.writeHead(503).end('exporter otlp has failed for 6 s\nthe queue is 95 % full\n')
  })
  const base = `http://127.0.0.1:${port}`
  deepStrictEqual(await health(['--url', base]), { code: 0, out: 'ok', err: '' })
  const wrong = '/readyz answered 503: exporter otlp has failed for 6 s; the queue is 95 % full'
  deepStrictEqual(await health(['--url', base, '--ready']), { code: 1, out: '', err: wrong })
  // A path that is named is asked for as it stands.
  strictEqual((await health(['--url', `${base}/healthz`, '--ready'])).code, 0)
})

test('an address for every interface is asked on loopback', async (t) => {
  const port = await served(t, (_, response) => response.end('ok'))
  const file = join(temporaryDirectory(), 'sluice.yaml')
  for (const listen of [`:${port}`, `0.0.0.0:${port}`, `"[::]:${port}"`, `127.0.0.1:${port}`]) {
    writeFileSync(file, `admin: { listen: ${/^"/.test(listen) ? listen : JSON.stringify(listen)} }`)
    strictEqual((await health(['--config', file])).out, 'ok', listen)
  }
})

test('nobody to ask, nonsense, and a file that is gone or broken', async () => {
  const dir = temporaryDirectory()
  const file = join(dir, 'sluice.yaml')
  const f = async (yaml: string, code: number, said: RegExp): Promise<void> => {
    writeFileSync(file, yaml)
    const result = await health(['--config', file])
    strictEqual(result.code, code, result.err)
    match(result.err, said)
  }
  await f('admin: { listen: off }', 1, /admin.listen is off/)
  await f('admin: { listen: nonsense }', 1, /admin.listen is not an address/)
  await f('admin: { listen: "127.0.0.1:1" }', 1, /ECONNREFUSED/)
  // Whatever listens at the default address, or nobody: what matters is that the file is not what fails.
  for (const yaml of ['admin: [', '[]', null]) {
    if (yaml === null) rmSync(file)
    else writeFileSync(file, yaml)
    const { err } = await health(['--config', file])
    ok(!err.includes('sluice.yaml'), err)
  }
  strictEqual((await health(['--url', 'nonsense'])).code, 2)
  strictEqual((await health(['--url', 'ftp://127.0.0.1'])).code, 2)
})

test('an answer that does not end is not waited for, and a long one is not kept', async (t) => {
  const slow = await served(t, (_, response) => {
    const timer = setInterval(() => response.write('.'), 50)
    response.on('close', () => clearInterval(timer))
  })
  const startedAtMs = performance.now()
  deepStrictEqual(await health(['--url', `http://127.0.0.1:${slow}`]), { code: 1, out: '', err: '/healthz: no answer within 3000 ms' })
  ok(performance.now() - startedAtMs < 60_000)
  const long = await served(t, (_, response) => response.writeHead(500).end('x'.repeat(1 << 20)))
  strictEqual((await health(['--url', `http://127.0.0.1:${long}`])).err.length, '/healthz answered 500: '.length + 4096)
})
