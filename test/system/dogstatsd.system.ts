import { ok, strictEqual } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { installNode } from './datadog-node.ts'

// An address of its own, so that programs need DD_AGENT_HOST and nothing else: ports are those of an Agent.
const HOST = '127.0.0.78'
const REQUESTS = 5

const node = installNode()

test('hot-shots and the metrics of a process that dd-trace makes, told DD_AGENT_HOST alone', {
  skip: node.skip,
  timeout: 120_000
}, async (t) => {
  const gateway = await startGateway(t, {
    yaml: `
receivers:
  logs: off
  otlp: { http: 127.0.0.1:0, grpc: off }
  datadog: { agent: '${HOST}:8126', dogstatsd: '${HOST}:8125', whenTaken: fail, flushInterval: 1s }
admin: { listen: 127.0.0.1:0 }
`
  })
  const service = spawn(process.execPath, ['--require', 'dd-trace/init', 'service.cjs'], {
    cwd: (node as { dir: string }).dir,
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, DD_AGENT_HOST: HOST, DD_SERVICE: 'projects', DD_ENV: 'prod', DD_RUNTIME_METRICS_ENABLED: 'true' }
  })
  t.after(() => service.kill('SIGKILL'))
  const [line] = await once(service.stdout, 'data')
  for (let i = 0; i < REQUESTS; i++) await (await fetch(`http://127.0.0.1:${Number(String(line))}/projects/${i}`)).arrayBuffer()

  const total = async (name: string, ...labels: string[]): Promise<number> => sumOf(await scrape(gateway, name), ...labels)
  await until(
    () => total('projects_opened_total', 'stage="tts"', 'team="dubbing"'),
    (count) => count === 3 * REQUESTS
  )
  strictEqual(await total('queue_waiting', 'stage="tts"'), 7)
  strictEqual(await total('render_seconds_count', 'stage="tts"'), REQUESTS)
  strictEqual(await total('render_seconds_sum', 'stage="tts"'), 0.25 * REQUESTS)
  strictEqual(await total('users'), REQUESTS)
  // The tracer tells its own every ten seconds.
  await until(
    () => total('runtime_node_mem_heap_used'),
    (bytes) => bytes > 1e6
  )
  ok((await total('runtime_node_mem_rss')) > 1e6)
  service.stdin.end()
  await once(service, 'exit')
  strictEqual(await gateway.end('SIGTERM'), 0)
})
