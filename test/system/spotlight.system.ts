import { match, ok, strictEqual } from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { startGateway, until } from '../support/gateway-process.ts'
import { failureOf, madeOnce } from './clients.ts'

const SOURCES = join(import.meta.dirname, 'spotlight')
const WORKER = join(import.meta.dirname, 'sentry-workers', 'node', 'worker.ts')

let skip: string | false = false
let modules = ''
try {
  modules = madeOnce('spotlight', SOURCES, (dir) => {
    copyFileSync(join(SOURCES, 'package.json'), join(dir, 'package.json'))
    execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: dir, stdio: 'pipe' })
  })
} catch (error) {
  skip = `SKIPPED: Spotlight could not be installed: ${failureOf(error)}`
}

/** Spotlight, as a developer runs it; asked by the tools that it has for agents, which show what its pages show. */
class Spotlight {
  readonly port: number
  private readonly url: string

  private constructor(port: number) {
    this.port = port
    this.url = `http://127.0.0.1:${port}/mcp`
  }

  static async start(t: TestContext): Promise<Spotlight> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    server.close()
    const program = join(modules, 'node_modules', '@spotlightjs', 'spotlight', 'dist', 'run.js')
    const child = spawn(process.execPath, [program, 'server', '--port', String(port)], {
      stdio: ['ignore', 'ignore', 'ignore'],
      env: { PATH: process.env.PATH, HOME: process.env.HOME }
    })
    t.after(() => child.kill('SIGKILL'))
    const spotlight = new Spotlight(port)
    await until(
      () =>
        fetch(`http://127.0.0.1:${port}/health`).then(
          ({ ok: isUp }) => isUp,
          () => false
        ),
      (isUp) => isUp
    )
    const clientInfo = { name: 'test', version: '1' }
    await spotlight.ask('initialize', { protocolVersion: '2025-03-26', capabilities: {}, clientInfo })
    return spotlight
  }

  /** What one of its tools shows. */
  async shows(tool: string, given: object = { filters: { timeWindow: 600 } }): Promise<string> {
    const { content } = await this.ask('tools/call', { name: tool, arguments: given })
    return content.map(({ text }: { text: string }) => text).join('\n')
  }

  // biome-ignore lint/suspicious/noExplicitAny: answers of tools, of which the test reads what it looks for
  private async ask(method: string, params: object): Promise<any> {
    const answer = await fetch(this.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
    })
    const [, data] = /^data: (.*)$/m.exec(await answer.text()) ?? []
    ok(data !== undefined, `${method} was answered ${answer.status}`)
    return JSON.parse(data).result
  }
}

test('Spotlight shows the errors, traces and logs', { skip, timeout: 120_000 }, async (t) => {
  const spotlight = await Spotlight.start(t)
  const gateway = await startGateway(t, {
    env: { SENTRY_DSN: `http://key@127.0.0.1:${spotlight.port}/1`, POD_NAME: 'tts-0' },
    yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: off } }
admin: { listen: 127.0.0.1:0 }
processors: { sample: { traces: 100% } }
exporters: { sentry: { spans: transactions } }
`
  })
  const child = spawn(process.execPath, [WORKER], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, OTEL_EXPORTER_OTLP_ENDPOINT: gateway.http, OTEL_SERVICE_NAME: 'tts-worker' }
  })
  t.after(() => child.kill('SIGKILL'))
  for await (const line of createInterface({ input: child.stdout })) if (line === 'raised') break
  child.stdin.end()
  strictEqual((await once(child, 'exit'))[0], 0)

  const errors = await until(
    () => spotlight.shows('search_errors'),
    (text) => text.includes('xtts-v2 failed')
  )
  for (const part of ['Error: xtts-v2 failed', 'synthesise', 'worker.ts', '**model**: xtts-v2', '**pod**: tts-0'])
    ok(errors.includes(part), `${part} is missing in ${errors}`)
  const logs = await until(
    () => spotlight.shows('search_logs'),
    (text) => text.includes('loading the model')
  )
  ok(logs.includes('retrying for [redacted:email]'), logs)
  const traces = await until(
    () => spotlight.shows('search_traces'),
    (text) => text.includes('dub')
  )
  const [, id] = /\b([0-9a-f]{8})\b/.exec(traces) ?? []
  ok(id !== undefined, traces)
  match(await spotlight.shows('get_traces', { traceId: id }), /dub/)
  strictEqual(await gateway.end('SIGTERM'), 0)
})
