import { deepStrictEqual, match, ok, rejects, strictEqual } from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { RefusedError } from '../../../src/errors.ts'
import { endpointsOf, mayCarryKey } from '../../../src/exporters/datadog/endpoints.ts'
import { Intake } from '../../../src/exporters/datadog/intake.ts'
import { ApiKey } from '../../../src/exporters/datadog/keys.ts'
import { HttpClient } from '../../../src/net/http-client.ts'
import { host } from '../../support/host.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const never = new AbortController().signal
const KEY = 'k'.repeat(32)

interface Answer {
  readonly status: number
  readonly headers?: Record<string, string>
  readonly body?: string
}

async function made(t: TestContext, key = new ApiKey(KEY, undefined, 'exporters.datadog')) {
  const answers: Answer[] = []
  const requests: { headers: IncomingHttpHeaders; body: Buffer }[] = []
  const errors: string[] = []
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      requests.push({ headers: request.headers, body: Buffer.concat(chunks) })
      const { status, headers = {}, body = '{}' } = answers.shift() ?? { status: 202 }
      response.writeHead(status, headers).end(body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  await key.read()
  const silent = (): void => undefined
  const log = { debug: silent, info: silent, warn: silent, error: (_: object, message: string) => void errors.push(message) }
  const direct = new HttpClient({ proxy: 'off' })
  // A proxy that is not there: whatever goes to it fails.
  const client = new HttpClient({ proxy: 'http://127.0.0.1:1' })
  const settings = { compression: 'gzip', timeoutMs: 60_000, site: 'datadoghq.eu' } as const
  const intake = new Intake(settings, host({ name: 'datadog', log }), client, key, direct)
  t.after(async () => {
    await client.close()
    await direct.close()
    server.close()
  })
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v2/logs`)
  const post = (body = 'x') => intake.post({ signal: 'logs', url, contentType: 'application/json', body: Buffer.from(body) }, never)
  return { intake, answers, requests, errors, post }
}

test('each answer means one thing', async (t) => {
  const { answers, post } = await made(t)
  const f = async (answer: Answer, code: string | null, retryAfterMs?: number): Promise<void> => {
    answers.push(answer)
    const thrown = await post().then(
      () => null,
      (error: RefusedError) => error
    )
    strictEqual(thrown?.code ?? null, code, `${answer.status}`)
    strictEqual(thrown?.retryAfterMs, retryAfterMs)
    ok(!thrown?.message.includes(KEY))
  }
  for (const status of [200, 202, 204]) await f({ status }, null)
  for (const status of [408, 500, 502, 503]) await f({ status }, 'unavailable')
  await f({ status: 503, headers: { 'retry-after': '3' } }, 'unavailable', 3000)
  await f({ status: 413 }, 'too-large')
  for (const status of [400, 415, 422]) await f({ status }, 'invalid')
  // Nothing that is sent there arrives: it waits.
  for (const status of [401, 403, 404, 301]) await f({ status }, 'unavailable', 60_000)
  await f({ status: 429, headers: { 'retry-after': '7' } }, 'busy', 7000)
})

test('what asks to wait is left alone, whichever signal is next', async (t) => {
  const { answers, requests, post } = await made(t)
  answers.push({ status: 429, headers: { 'retry-after': '7' } })
  for (let i = 0; i < 3; i++) await rejects(post(), ({ code, retryAfterMs }: RefusedError) => code === 'busy' && retryAfterMs! > 6000)
  strictEqual(requests.length, 1)
})

test('a refused key is said once, and shown until it is taken', async (t) => {
  const { intake, answers, errors, post } = await made(t)
  answers.push({ status: 403, body: '{"errors":["Forbidden"]}' }, { status: 403 })
  await rejects(post(), /wrong key or wrong site/)
  await rejects(post(), RefusedError)
  strictEqual(errors.length, 1)
  match(errors[0], /403.*wrong key or wrong site.*datadoghq\.eu is the site/)
  match(intake.trouble!.message, /wrong key or wrong site/)
  await post()
  strictEqual(intake.trouble, null)
})

test('a key that changes in its file is taken up', async (t) => {
  const dir = temporaryDirectory()
  const file = join(dir, 'key')
  await writeFile(file, 'old\n')
  const { answers, requests, post } = await made(t, new ApiKey(undefined, file, 'exporters.datadog'))
  await writeFile(file, 'new\n')
  answers.push({ status: 403 })
  await post()
  deepStrictEqual(
    requests.map(({ headers }) => headers['dd-api-key']),
    ['old', 'new']
  )
  await writeFile(file, 'not a key')
  answers.push({ status: 403 })
  await rejects(post(), /wrong key/)
  const unusable = (key: ApiKey): Promise<void> => rejects(key.read(), (error: Error) => !error.message.includes('secret'))
  await unusable(new ApiKey('secret\nsecret', undefined, 'exporters.datadog'))
  await unusable(new ApiKey(undefined, undefined, 'exporters.datadog'))
  await unusable(new ApiKey(undefined, join(dir, 'none'), 'exporters.datadog'))
})

test('a body is compressed when it is larger than a packet', async (t) => {
  const { requests, post } = await made(t)
  await post('short')
  await post('long '.repeat(1000))
  deepStrictEqual(
    requests.map(({ headers }) => headers['content-encoding']),
    [undefined, 'gzip']
  )
  strictEqual(gunzipSync(requests[1].body).length, 5000)
})

test('the key goes in clear to this machine alone, and each site has its intakes', () => {
  const f = (url: string, expected: boolean): void => strictEqual(mayCarryKey(new URL(url)), expected, url)
  f('https://http-intake.logs.datadoghq.com', true)
  f('http://127.0.0.1:8080', true)
  f('http://localhost', true)
  f('http://[::1]:1', true)
  f('http://10.0.0.1', false)
  f('http://localhost.example', false)
  const { logs, metrics, series } = endpointsOf({ site: 'us5.datadoghq.com', endpoints: {} }, 'exporters.datadog')
  deepStrictEqual([logs, metrics, series].map(String), [
    'https://http-intake.logs.us5.datadoghq.com/api/v2/logs',
    'https://otlp.us5.datadoghq.com/v1/metrics',
    'https://api.us5.datadoghq.com/api/v2/series'
  ])
})
