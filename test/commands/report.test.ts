import { deepStrictEqual, doesNotMatch, match, ok, rejects, strictEqual } from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { reportCommand } from '../../src/commands/report.ts'
import { makeCertificates, readPem } from '../support/certificates.ts'
import { type Answer, type Ask, startPrometheusDouble } from '../support/prometheus-double.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const NOW = Date.parse('2026-11-23T06:15:00Z')
const END = Date.parse('2026-11-23T00:00:00Z') / 1000
const BEFORE = END - 86_400

async function report(...args: string[]): Promise<{ code: number; said: string; complained: string }> {
  const said: string[] = []
  const complained: string[] = []
  const code = await reportCommand(args, {
    say: (text) => void said.push(text),
    complain: (text) => void complained.push(text),
    nowMs: NOW
  })
  return { code, said: said.join(''), complained: complained.join('') }
}

/** All that Prometheus scraped: it has every period whole, and nothing that rules keep. */
const whole: Ask = (query) => (/^count_over_time\(count\(up\)/.test(query) ? { '': 96 } : {})
const and =
  (ask: Ask, ...more: [RegExp, (atSeconds: number) => Answer | string][]): Ask =>
  (query, at) =>
    more.find(([pattern]) => pattern.test(query))?.[1](at) ?? ask(query, at)

const JOBS_BY_STAGE = /^sum by \(stage\) \(increase\(job_processing_duration_seconds_count\[/
const lines = (said: string, start: string): string[] => said.split('\n').filter((line) => line.startsWith(start))

test('a day is told with the day before, and what there is no data for is not 0', async (t) => {
  const { url, asked, violations } = await startPrometheusDouble(
    t,
    and(
      whole,
      [JOBS_BY_STAGE, (at): Answer => (at === END ? { 'stage="stt"': 120.2, 'stage="tts"': 300 } : { 'stage="stt"': 100 })],
      [/^\(sum by \(stage\)/, () => ({ 'stage="stt"': 0.05, 'stage="tts"': 'NaN' })]
    )
  )
  const { code, said, complained } = await report('--period', 'day', '--prometheus', url)
  deepStrictEqual([code, complained, violations], [0, '', []])
  match(said, /^# Daily processing summary\n\n2026-11-22, compared with 2026-11-21\. Times are UTC\.\n/)
  deepStrictEqual(lines(said, '| stt'), ['| stt | 120 (+20 %) | 5.0 % (±0 points) | no data | no data | no data | no data | no data |'])
  deepStrictEqual(lines(said, '| tts'), ['| tts | 300 | no data | no data | no data | no data | no data | no data |'])
  match(said, /\| Videos processed \| no data \|/)
  match(
    said,
    /No data for Processing, Jobs by stage \(Mean time; 95 % within; .*\), Inference by model, Requests by service, Errors by kind\./
  )
  match(
    said,
    /The platform must provide videos_processed_total, processing_minutes_total, projects_created_total, queue_depth, .* for that\./
  )
  deepStrictEqual([...new Set(asked.map(({ atSeconds }) => atSeconds))].sort(), [BEFORE, END])
  ok(asked.every(({ query }) => !query.includes('[604800s]')))
})

test('what rules keep is asked where it goes back farther, and only of all namespaces together', async (t) => {
  const kept = and(whole, [/^count_over_time\(count\(retained:/, () => ({ '': 96 })])
  const { url, asked } = await startPrometheusDouble(t, kept)
  const queries = async (...args: string[]): Promise<string[]> => {
    asked.length = 0
    await report('--period', 'week', '--prometheus', url, ...args)
    return asked.map(({ query }) => query).filter((query) => query.includes('gpu_seconds'))
  }
  // Minutes of video are kept by nobody, and what they cost has to be of the same past.
  const mixed = (query: string): boolean => query.includes('processing_minutes_total')
  ok((await queries()).every((query) => query.includes('retained:gpu_seconds:increase5m[604800s]') || mixed(query)))
  const chosen = await queries('--namespace', 'dubbing', '--namespace', 'staging')
  ok(chosen.length > 5 && chosen.every((query) => query.includes('gpu_seconds_total{namespace=~"dubbing|staging"}[604800s]')))
})

test('a past that Prometheus does not have is no measure', async (t) => {
  const { url, asked } = await startPrometheusDouble(
    t,
    and(
      whole,
      [/^count_over_time\(count\(up\)/, (at): Answer => (at === END ? { '': 48 } : {})],
      [JOBS_BY_STAGE, () => ({ 'stage="stt"': 60 })]
    )
  )
  const { said } = await report('--period', 'day', '--prometheus', url)
  deepStrictEqual(lines(said, '| stt')[0].split(' | ')[1], '60')
  match(said, /Prometheus has 50 % of this day of what it scrapes: totals are of those\./)
  match(said, /Nothing is compared of what it scrapes: Prometheus has 0 % of the day before\./)
  ok(asked.filter(({ atSeconds }) => atSeconds === BEFORE).every(({ query }) => query.startsWith('count_over_time')))
})

test('an empty Prometheus makes a report that says so', async (t) => {
  const { url } = await startPrometheusDouble(t, () => ({}))
  const { code, said } = await report('--period', 'month', '--prometheus', url)
  strictEqual(code, 0)
  match(said, /2026-10-01 to 2026-10-31, compared with 2026-09-01 to 2026-09-30/)
  match(said, /Prometheus has 0 % of this month/)
  doesNotMatch(said, /\b0 \|/)
})

test('prices, periods, warnings and paths are those that were asked for', async (t) => {
  const cost = /^sum\(increase\(gpu_seconds_total\[604800s\]\)\) \/ 3600 \* 3$/
  const { url, asked } = await startPrometheusDouble(t, and(whole, [cost, () => ({ '': 21 })]), {
    path: '/prom/x',
    warnings: ['a store was not there']
  })
  const args = ['--gpu-price', '3', '--energy-price', '0.2', '--currency', 'EUR', '--until', '2026-11-20T12:00+01:00']
  const { said } = await report('--period', 'week', '--prometheus', `${url}/`, ...args)
  match(said, /2026-11-13 11:00 to 2026-11-20 11:00/)
  match(said, /\| GPU cost \| 21\.00 EUR \|/)
  match(said, /Prices: 3 EUR for an hour of a GPU, 0\.2 EUR for a kWh\./)
  strictEqual(said.split('Prometheus says: a store was not there').length, 2)
  ok(asked.every(({ atSeconds }) => [0, 7].some((days) => atSeconds === Date.parse('2026-11-20T11:00Z') / 1000 - days * 86_400)))
})

test('what Prometheus refuses ends the report, with its words', async (t) => {
  const f = async (ask: Ask, said: RegExp, ...args: string[]): Promise<void> => {
    const { url } = await startPrometheusDouble(t, ask, { token: 'right' })
    const file = join(temporaryDirectory(), 'token')
    writeFileSync(file, 'right\n')
    const all = args.length > 0 ? args : ['--token-file', file]
    await rejects(report('--period', 'day', '--prometheus', url, ...all), { name: 'RefusedError', message: said })
  }
  await f(
    () => '422 execution: query processing would load too many samples',
    /^127\.0\.0\.1:\d+: execution: query processing .* asked for /
  )
  await f(() => '503 timeout: query timed out in right', /timeout: query timed out in …, asked/)
  await f(whole, /answered 401: it wants a token/, '--timeout', '10s')
})

test('over https, the authority can be named, and who answers must be of it', async (t) => {
  const certificates = makeCertificates()
  if (certificates === null) return t.skip('SKIPPED: there is no openssl here')
  const [cert, key] = readPem(certificates.serverCertFile, certificates.serverKeyFile)
  const { url } = await startPrometheusDouble(t, whole, { token: 'right', tls: { cert, key } })
  const file = join(certificates.dir, 'token')
  writeFileSync(file, 'right')
  const args = ['--period', 'day', '--prometheus', url, '--token-file', file]
  strictEqual((await report(...args, '--ca-file', certificates.caFile)).code, 0)
  await rejects(report(...args), { name: 'RefusedError', message: /certificate/ })
})

test('what is not Prometheus is told from it', async (t) => {
  const f = async (status: number, body: string, said: RegExp): Promise<void> => {
    const server = createServer((_, response) => response.writeHead(status).end(body))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    t.after(() => server.close())
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await rejects(report('--period', 'day', '--prometheus', url), { name: 'RefusedError', message: said })
  }
  await f(200, '<html>', /answered 200, but not as Prometheus does: is \/api\/v1\/query there\?/)
  await f(404, '404 page not found', /answered 404, but not as/)
  await f(302, '', /answered 302, but not as/)
  await f(200, '{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}', /expected a vector/)
  await f(200, 'null', /answered 200, but/)
  await f(200, `{"status":"success","data":"${'x'.repeat(5 * 2 ** 20)}"}`, /answered 200, but/)
})

test('a Prometheus that is silent costs as much time as it may, and no more', async (t) => {
  const server = createTcpServer((socket) => void socket.on('error', () => undefined))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const startedMs = Date.now()
  await rejects(report('--period', 'day', '--prometheus', url, '--timeout', '300ms'), { message: /no answer within \d+ ms/ })
  ok(Date.now() - startedMs < 60_000)
})

async function startSlack(t: TestContext, status: number, answer: string): Promise<{ file: string; got: string[] }> {
  const got: string[] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    got.push(`${request.method} ${request.headers['content-type']} ${text}`)
    response.writeHead(status).end(answer)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close())
  t.after(() => server.closeAllConnections())
  const file = join(temporaryDirectory(), 'webhook')
  writeFileSync(file, `http://127.0.0.1:${(server.address() as AddressInfo).port}/services/T0/B0/secret\n`)
  return { file, got }
}

test('the report is said, and posted to Slack', async (t) => {
  const { url } = await startPrometheusDouble(t, and(whole, [JOBS_BY_STAGE, () => ({ 'stage="stt"': 7 })]))
  const { file, got } = await startSlack(t, 200, 'ok')
  const { said, code } = await report('--period', 'day', '--prometheus', url, '--slack-webhook-file', file)
  strictEqual(code, 0)
  match(said, /^# Daily/)
  strictEqual(got.length, 1)
  match(got[0], /^POST application\/json \{"text":"Daily processing summary: 2026-11-22/)
})

test('Slack’s refusal is told without the secret', async (t) => {
  const { url } = await startPrometheusDouble(t, whole)
  const { file } = await startSlack(t, 403, 'invalid_token /services/T0/B0/secret')
  await rejects(report('--period', 'day', '--prometheus', url, '--slack-webhook-file', file), {
    name: 'RefusedError',
    message: /^127\.0\.0\.1:\d+: answered 403 to the report: invalid_token …$/
  })
})

test('nothing is posted when a part of it could not be asked', async (t) => {
  const { url } = await startPrometheusDouble(t, and(whole, [JOBS_BY_STAGE, () => '422 execution: no']))
  const { file, got } = await startSlack(t, 200, 'ok')
  await rejects(report('--period', 'day', '--prometheus', url, '--slack-webhook-file', file), { name: 'RefusedError' })
  deepStrictEqual(got, [])
})

test('wrong arguments are named, with what was expected', async () => {
  const file = join(temporaryDirectory(), 'secret')
  writeFileSync(file, 'secret')
  const f = async (said: RegExp, ...args: string[]): Promise<void> => {
    const { code, complained, said: out } = await report(...args)
    deepStrictEqual([code, out], [2, ''], args.join(' '))
    match(complained, said)
  }
  const good = ['--period', 'day', '--prometheus', 'http://p:9090']
  const mail = ['--mail-to', 'a@b.c', '--mail-from', 'x@y.z', '--smtp', 'smtp://mail']
  await f(/^--period: it is missing, expected day, week, month$/)
  await f(/^--period: came "year"/, '--period', 'year')
  await f(/^--prometheus: expected the URL/, '--period', 'day')
  await f(/^--prometheus: expected the URL/, '--period', 'day', '--prometheus', 'ftp://p')
  await f(/no user and no password.*--token-file/, '--period', 'day', '--prometheus', 'http://me:secret@p')
  await f(/^--prometheus: expected an https URL beside --token-file/, ...good, '--token-file', file)
  await f(/^--format: came "pdf", expected markdown, html, slack, json$/, ...good, '--format', 'pdf')
  await f(/^--format: came "toString"/, ...good, '--format', 'toString')
  await f(/^--cluster: came nothing/, ...good, '--cluster', '')
  await f(/^--namespace: came "a\\"b"/, ...good, '--namespace', 'a"b')
  await f(/^--until: came "yesterday"/, ...good, '--until', 'yesterday')
  await f(/^--until: came "2026-11-01T06:00"/, ...good, '--until', '2026-11-01T06:00')
  await f(/^--timeout: came "soon"/, ...good, '--timeout', 'soon')
  await f(/^--gpu-price: came "1e9"/, ...good, '--gpu-price', '1e9')
  await f(/^--energy-price: came "-1"/, ...good, '--energy-price=-1')
  await f(/^--currency: came "<b>"/, ...good, '--currency', '<b>')
  await f(/^--mail-to: it is missing/, ...good, '--smtp', 'smtp://mail')
  await f(/^--mail-from: it is missing/, ...good, '--mail-to', 'a@b.c', '--smtp', 'smtp://mail')
  await f(/^--mail-to: came "a@b, c@d"/, ...good, ...mail, '--mail-to', 'a@b, c@d')
  await f(/^--smtp: expected/, ...good, '--mail-to', 'a@b.c', '--mail-from', 'x@y.z')
  await f(/^--smtp: expected .* without a user/, ...good, ...mail, '--smtp', 'smtp://u:p@mail')
  await f(/^--smtp-user: expected it and/, ...good, ...mail, '--smtp-user', 'u')
  await rejects(report(...good, '--nothing'), { code: 'ERR_PARSE_ARGS_UNKNOWN_OPTION' })
})

test('files of secrets that are of no use are named by their option, not by what is in them', async () => {
  const file = join(temporaryDirectory(), 'secret')
  const f = async (content: string, option: string, said: RegExp): Promise<void> => {
    writeFileSync(file, content)
    const args = ['--period', 'day', '--prometheus', 'http://127.0.0.1:1', option, file]
    await rejects(report(...args), (error: Error) => {
      match(error.message, said)
      ok(content === '' || !error.message.includes(content))
      return error.name === 'RefusedError'
    })
  }
  await f('', '--token-file', /^--token-file: expected one line/)
  await f('two\nlines', '--token-file', /^--token-file: expected one line/)
  await f('hooks.slack.com/x', '--slack-webhook-file', /^--slack-webhook-file: expected an https URL/)
  await f('http://hooks.slack.com/x', '--slack-webhook-file', /^--slack-webhook-file: expected an https URL/)
  const missing = ['--period', 'day', '--prometheus', 'http://127.0.0.1:1', '--token-file', `${file}.none`]
  await rejects(report(...missing), { name: 'RefusedError', message: /^--token-file: ENOENT/ })
})

test('help and the page have every option', async () => {
  const { code, said } = await report('--help')
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'reports.md'), 'utf8')
  const options = new Set(said.match(/--[a-z]+[a-z-]*/g))
  strictEqual(code, 0)
  ok(options.size >= 17, `${options.size}`)
  for (const option of options) match(page, new RegExp(`${option}\\b`))
  deepStrictEqual((await report('-h')).said, said)
})
