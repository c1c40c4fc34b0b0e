import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { before, test } from 'node:test'
import description from '../../package.json' with { type: 'json' }
import { startGateway, until } from '../support/gateway-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const MAIN = join(ROOT, 'src', 'main.ts')
const PROFILE = join(ROOT, 'config', 'sidecar.yaml')

const skip = existsSync(join(ROOT, 'node_modules', 'esbuild')) ? false : 'esbuild is not installed'

// Outside of the checkout, so that no package is found by accident.
let main = ''
if (skip === false)
  before(() => {
    const dir = temporaryDirectory()
    execFileSync(process.execPath, [join(ROOT, 'test', 'tools', 'bundle.ts'), dir])
    main = join(dir, 'sluice.js')
  })

const said = (program: string, ...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8', env: {} })
  return { status, stdout, stderr }
}

test('the bundle answers every command as the source does', { skip }, () => {
  strictEqual(said(main, 'version').stdout, `${description.version}\n`)
  for (const args of [
    ['help'],
    ['check'],
    ['check', '--json'],
    ['check', '--schema'],
    ['check', '--reference'],
    ['nonsense'],
    ['check', '--wrong']
  ])
    deepStrictEqual(said(main, ...args), said(MAIN, ...args), args.join(' '))
  deepStrictEqual(said(main, 'check', '--config', PROFILE), said(MAIN, 'check', '--config', PROFILE))
})

test('the bundle takes in, sends on, directly and through a proxy, and stops', { skip }, async (t) => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      asked.push(request.url ?? '')
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
    })
  }).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const port = (server.address() as AddressInfo).port
  const yaml = `
receivers: { logs: off, otlp: { http: "127.0.0.1:0", grpc: "127.0.0.1:0" } }
queue: { dir: ${JSON.stringify(join(temporaryDirectory(), 'queue'))} }
exporters:
  otlp: { endpoint: "http://127.0.0.1:${port}", compression: zstd }
  otlp/proxied: { endpoint: "http://backend.invalid", proxy: "http://127.0.0.1:${port}" }
admin: { listen: "127.0.0.1:0" }`
  const gateway = await startGateway(t, { yaml, main })
  const body = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'hello' } }] }] }] })
  const answer = await fetch(`${gateway.http}/v1/logs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  strictEqual(answer.status, 200)
  await until(
    () => [...asked].sort(),
    ({ length }) => length >= 2
  )
  deepStrictEqual([...asked].sort(), ['/v1/logs', 'http://backend.invalid/v1/logs'])
  ok((await (await fetch(`${gateway.admin}/metrics`)).text()).includes('sluice_items_total'))
  strictEqual(await gateway.end('SIGTERM'), 0)
})

test('the bundle tells of itself: the SDKs for its own traces and crashes are inside', { skip }, async (t) => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'))
  }).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const at = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const yaml = `
receivers: { logs: off, otlp: { http: "127.0.0.1:0", grpc: off } }
exporters: { otlp: { endpoint: "http://${at}" } }
telemetry: { traces: { endpoint: "http://${at}/own", ratio: 100% }, sentry: { dsn: "http://key@${at}/7" } }
admin: { listen: "127.0.0.1:0" }`
  const fault = `process.on('SIGUSR2', () => setTimeout(() => { throw new RangeError('fault') }))`
  const gateway = await startGateway(t, { yaml, main, env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(fault)}` } })
  const body = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'hello' } }] }] }] })
  await fetch(`${gateway.http}/v1/logs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  await until(
    () => asked.join(' '),
    (paths) => paths.includes('/own')
  )
  strictEqual(await gateway.end('SIGUSR2'), 1)
  match(asked.join(' '), /\/api\/7\/envelope\//)
})

test('at rest, the bundle holds at most 90 MB', {
  skip: skip || (existsSync('/proc/self/status') ? false : 'there is no /proc')
}, async (t) => {
  const yaml = `
receivers: { logs: off, otlp: { http: "127.0.0.1:0", grpc: "127.0.0.1:0" } }
queue: { dir: ${JSON.stringify(join(temporaryDirectory(), 'queue'))} }
exporters: { otlp: { endpoint: "http://127.0.0.1:9" }, prometheus: {} }
admin: { listen: "127.0.0.1:0" }`
  const gateway = await startGateway(t, { yaml, main })
  const resident = (): number => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${gateway.child.pid}/status`, 'utf8'))?.[1]) / 1024
  // Memory that the start has used is given back after a second.
  await until(resident, (megabytes) => megabytes <= 90)
  await gateway.end('SIGTERM')
})
