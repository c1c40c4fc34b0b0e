import { ok, strictEqual } from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { scrape, startGateway, until } from '../../support/gateway-process.ts'

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'dogstatsd.md'), 'utf8')
const skip = spawnSync('bash', ['-c', 'true']).status !== 0 && 'SKIPPED: there is no bash, whose /dev/udp the example uses'

test('the example of the page amounts to what it says', { skip }, async (t) => {
  const [, script] = /<!-- run by .*dogstatsd-docs.test.ts -->\n```sh\n([\s\S]*?)```/.exec(PAGE) ?? []
  const [, shown] = /`\/metrics` has\n\n```\n([\s\S]*?)\n```/.exec(PAGE) ?? []
  ok(script !== undefined && shown !== undefined, 'the example is marked')
  // An address of its own, since ports are those of an Agent.
  const address = '127.0.0.79'
  const gateway = await startGateway(t, {
    yaml: `
receivers:
  logs: off
  otlp: { http: 127.0.0.1:0, grpc: off }
  datadog: { agent: off, dogstatsd: '${address}:8125', flushInterval: 200ms, whenTaken: fail }
admin: { listen: 127.0.0.1:0 }
`
  })
  await promisify(execFile)('bash', ['-c', script.replace('127.0.0.1', address)])
  for (const line of shown.split('\n')) {
    const [, name, value] = /^(\w+)\{.*\} (\d+)$/.exec(line) ?? []
    ok(name !== undefined, line)
    const samples = await until(
      () => scrape(gateway, name),
      (found) => found.size > 0
    )
    strictEqual(samples.get(line.slice(name.length, line.lastIndexOf(' '))), Number(value), `${line}, and there is ${[...samples.keys()]}`)
  }
})
