import { deepStrictEqual, match, rejects, strictEqual } from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import shipped from '../../config/sentry-alerts.json' with { type: 'json' }
import { sentryCommand } from '../../src/commands/sentry.ts'

const RULES = '/api/0/projects/acme/workers/rules/'
const ALERTS = '/api/0/organizations/acme/alert-rules/'

type Rule = Record<string, unknown>

/** Answers as Sentry's API does: rules get numbers and more fields, lists come in pages of one. */
class SentryApi {
  readonly stored = new Map<string, Rule[]>([
    [RULES, []],
    [ALERTS, [{ id: '1', name: shipped.metricAlerts[0].name, projects: ['others'] }]]
  ])
  readonly asked: string[] = []
  url = ''

  static async start(t: TestContext): Promise<SentryApi> {
    const api = new SentryApi()
    const server = createServer(async (request, response) => {
      let text = ''
      for await (const chunk of request) text += chunk
      const { pathname, searchParams } = new URL(request.url!, 'http://localhost')
      const answer = (status: number, body: unknown, headers = {}): void =>
        void response.writeHead(status, headers).end(JSON.stringify(body))
      if (request.headers.authorization !== 'Bearer sntrys_right') return answer(401, { detail: 'Invalid token' })
      const id = /(\d+)\/$/.exec(pathname)?.[1]
      const list = api.stored.get(pathname.replace(/\d+\/$/, ''))
      if (list === undefined) return answer(404, { detail: 'The requested resource does not exist' })
      if (request.method === 'GET') {
        const at = Number(searchParams.get('cursor')?.split(':')[1] ?? 0)
        const more = at + 1 < list.length
        return answer(200, list.slice(at, at + 1), { link: `<x>; rel="next"; results="${more}"; cursor="0:${at + 1}:0"` })
      }
      const rule = JSON.parse(text) as Rule
      api.asked.push(`${request.method} ${rule.name}`)
      if (pathname.startsWith(ALERTS) && rule.projects === undefined) return answer(400, { projects: ['This field is required.'] })
      const stored = { ...rule, id: id ?? String(list.length + 7), dateCreated: '2026-01-01T00:00:00Z' }
      if (id === undefined) list.push(stored)
      else list[list.findIndex((each) => each.id === id)] = stored
      return answer(200, stored)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    api.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return api
  }
}

async function run(
  api: SentryApi,
  args: string[],
  env: Record<string, string> = { SENTRY_AUTH_TOKEN: 'sntrys_right' }
): Promise<[number, string]> {
  const said: string[] = []
  const all = ['apply', '--org', 'acme', '--project', 'workers', '--url', api.url, ...args]
  const code = await sentryCommand(all, { env, say: (text) => void said.push(text) })
  return [code, said.join('')]
}

test('rules are created once, and changed only where they differ', async (t) => {
  const api = await SentryApi.start(t)
  const names = [...shipped.issueAlerts, ...shipped.metricAlerts].map(({ name }) => name)
  const [code, dry] = await run(api, ['--dry-run'])
  deepStrictEqual([code, api.asked], [0, []])
  deepStrictEqual(
    dry.split('\n').filter((line) => line.startsWith('+')),
    names.map((name) => `+ create  ${name}`)
  )
  match(dry, /nothing was changed/)
  await run(api, [])
  deepStrictEqual(
    api.asked,
    names.map((name) => `POST ${name}`)
  )
  const [, again] = await run(api, [])
  strictEqual(again, names.map((name) => `= keep    ${name}\n`).join(''))
  const failed = api.stored.get(ALERTS)!.at(-1)!
  failed.triggers = [{ label: 'critical', alertThreshold: 50, actions: [] }]
  const [, changed] = await run(api, [])
  match(changed, /~ change {2}Failed jobs.*\n {4}triggers\[0\]\.alertThreshold: 50 -> 5\n/)
  deepStrictEqual(api.asked.slice(names.length), [`PUT ${names.at(-1)}`])
})

test('what is wrong is said', async (t) => {
  const api = await SentryApi.start(t)
  await rejects(run(api, [], { SENTRY_AUTH_TOKEN: 'wrong' }), /answered 401: the token is not known/)
  await rejects(run(api, ['--project', 'nothing']), /answered 404: there is no such organisation or project/)
  await rejects(run(api, ['--url', 'http://sentry.example']), /expected an https URL/)
  await rejects(run(api, ['--url', 'http://127.0.0.1:1']), /ECONNREFUSED|127.0.0.1/)
  await rejects(run(api, ['--rules', '/nowhere.json']), /\/nowhere.json: ENOENT/)
  deepStrictEqual((await run(api, [], {}))[0], 2)
  strictEqual(await sentryCommand(['apply'], { env: {}, say: () => undefined }), 2)
  strictEqual(await sentryCommand([], { env: {}, say: () => undefined }), 0)
})
