import { deepStrictEqual, match, rejects, strictEqual, throws } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { KubernetesApi, KubernetesRefusal } from '../../src/inject/kubernetes-api.ts'
import { emptySecret, KubeApi, LEAST_RIGHTS, SECRET_PATH } from '../support/kube-api.ts'

async function setUp(t: TestContext, timeoutMs = 60_000) {
  const api = await KubeApi.start(t)
  api.put(SECRET_PATH, emptySecret())
  const counted: string[] = []
  const count = (verb: string, resource: string, status: number) => void counted.push(`${verb} ${resource} ${status}`)
  const client = new KubernetesApi({ ...api.settings, timeoutMs, env: {}, count })
  t.after(() => client.close())
  return { api, client, counted }
}

test('the token is read for each request, and the authorities as they change', async (t) => {
  const { api, client, counted } = await setUp(t)
  strictEqual(await client.version(), 'v1.33.2')
  strictEqual((await client.get(SECRET_PATH)).kind, 'Secret')
  api.renewToken('token-2', LEAST_RIGHTS)
  strictEqual((await client.get(SECRET_PATH)).kind, 'Secret')
  await api.renewAuthority()
  strictEqual((await client.get(SECRET_PATH)).kind, 'Secret')
  deepStrictEqual(counted, ['get version 200', 'get secrets 200', 'get secrets 200', 'get secrets 200'])
})

test('each failure names verb, path and status, and neither token nor what was sent', async (t) => {
  const { api, client, counted } = await setUp(t, 3_000)
  const f = async (asked: Promise<unknown>, words: RegExp, status?: number): Promise<void> => {
    await rejects(asked, (error: Error) => {
      match(error.message, words)
      strictEqual(error instanceof KubernetesRefusal ? error.status : undefined, status)
      return !/token-|hunter2/.test(error.message)
    })
  }
  const secret = { ...(await client.get(SECRET_PATH)), data: { password: 'hunter2' } }
  await f(
    client.replace(SECRET_PATH, secret),
    /^PUT \/api\/v1\/namespaces\/sluice\/secrets\/sluice-injector-tls: answered 400 \(BadRequest\)$/,
    400
  )
  await f(
    client.replace(SECRET_PATH, { ...secret, data: {}, metadata: { name: 'sluice-injector-tls', resourceVersion: '1' } }),
    /answered 409 \(Conflict\)/,
    409
  )
  await f(client.get(`${SECRET_PATH}-2`), /^GET .*-2: answered 403: secrets "sluice-injector-tls-2" is forbidden: User .* cannot get/, 403)
  await f(client.create('/api/v1/namespaces/sluice/secrets', secret), /^POST .*answered 403/, 403)
  api.rights.clear()
  await f(client.get(SECRET_PATH), /answered 401 \(Unauthorized\)/, 401)
  api.intercept = async () => 500
  await f(client.get(SECRET_PATH), /answered 500/, 500)
  api.intercept = () => new Promise((resolve) => setTimeout(resolve, 60_000, 500).unref())
  await f(client.get(SECRET_PATH), /^GET .*: 127\.0\.0\.1:\d+: no answer within 3000 ms/)
  api.intercept = async () => undefined
  writeFileSync(join(api.dir, 'ca.crt'), '')
  await f(client.get(SECRET_PATH), /^GET .*certificate/)
  strictEqual(counted.at(-1), 'get secrets 0')
})

test('an answer that is not what was asked for is an error; a token is not sent where others can read it', async (t) => {
  const { api } = await setUp(t)
  let answer: string = ''
  const authorized: unknown[] = []
  const server = createServer((request, response) => {
    authorized.push(request.headers.authorization)
    response.end(answer)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = new KubernetesApi({ ...api.settings, url, timeoutMs: 60_000, env: {} })
  t.after(() => client.close())
  for (const text of ['', '<html>', '[]', 'null', '7', `{"a":"${'x'.repeat(4 * 1024 * 1024)}"}`]) {
    answer = text
    await rejects(client.get('/x'), /^RefusedError: GET \/x: the answer is not a JSON object/)
  }
  answer = '{"gitVersion":"latest"}'
  await rejects(client.version(), /GET \/version: the answer says no version/)
  answer = JSON.stringify({ gitVersion: 'v1.29.3-gke.1', padding: 'x'.repeat(200_000) })
  strictEqual(await client.version(), 'v1.29.3-gke.1')
  deepStrictEqual([...new Set(authorized)], [undefined])
})

test('without a URL, the environment of the pod says where', () => {
  const f = (env: Record<string, string>) => new KubernetesApi({ url: undefined, tokenFile: '', caFile: '', timeoutMs: 1, env })
  throws(() => f({}), /KUBERNETES_SERVICE_HOST is not set, so this is no pod/)
  f({ KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' })
  f({ KUBERNETES_SERVICE_HOST: 'fd00::1' })
})
