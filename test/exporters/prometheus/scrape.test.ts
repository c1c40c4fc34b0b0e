import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { attributes, Bench, counter, gauge, histogram, type Metric, requestOf, upDown } from './worker.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const EXEMPLAR = { asDouble: 0.7, traceId: TRACE, spanId: 'b7ad6b7169203331', filteredAttributes: attributes({ say: 'é' }) }
const NASTY = 'a"b\\c\nd\0e\r\té😀\u2028}{,='

function bench(): Bench {
  const exponential = { timeUnixNano: 1n, count: 3n, sum: 5, scale: 0, zeroCount: 1n, positive: { offset: -1, bucketCounts: [1n, 1n] } }
  const made = new Bench().fold(
    requestOf(
      [
        {
          ...counter('http_requests_total', { value: 42, labels: { method: 'GET', nasty: NASTY }, exemplars: [EXEMPLAR] }),
          description: NASTY
        } as Metric,
        {
          ...histogram('http_request_duration_seconds', 2, { counts: [1, 2, 0], bounds: [0.5, 1], sum: 2, exemplars: [EXEMPLAR] }),
          unit: 's'
        } as Metric,
        { name: 'exp', exponentialHistogram: { aggregationTemporality: 2, dataPoints: [exponential] } } as Metric,
        { name: 'sum', summary: { dataPoints: [{ count: 2n, sum: 3, quantileValues: [{ quantile: 1, value: Number.NaN }] }] } } as Metric,
        gauge('hw.gpu.temperature', { value: Number.NaN }, { value: -1.5, labels: { id: '0' } }),
        upDown('clash', { value: 3 }),
        counter('clash', { value: 4 })
      ],
      { 'service.name': 'tts', 'service.namespace': 'dub', 'service.instance.id': 'pod-1', nasty: NASTY }
    )
  )
  made.metrics.counter('sluice_items_total', 'Items.').add(1, { signal: 'traces' })
  return made
}

/** The parts of the API's answers that are looked at. */
interface Answer {
  readonly result: readonly { readonly metric: Readonly<Record<string, string>>; readonly value: readonly [number, string] }[]
  readonly activeTargets: readonly { readonly health: string; readonly lastError: string }[]
}

type Exemplars = readonly { readonly exemplars: readonly { readonly labels: Readonly<Record<string, string>> }[] }[]

const isThere = (command: string): boolean => spawnSync(command, ['--version']).status === 0

test('promtool takes the page, and finds nothing to say about our own names', (t) => {
  if (!isThere('promtool')) return t.skip('NOT CHECKED: there is no promtool on the PATH')
  const page = bench().folder.page('').body
  const whole = spawnSync('promtool', ['check', 'metrics'], { input: page, encoding: 'utf8' })
  ok(whole.status === 0 || whole.status === 3, whole.stderr)
  const own = page.split('\n').filter((line) => /^(?:# (?:HELP|TYPE) )?sluice_/.test(line))
  ok(own.includes('sluice_items_total{signal="traces"} 1'))
  const ours = spawnSync('promtool', ['check', 'metrics'], { input: `${own.join('\n')}\n`, encoding: 'utf8' })
  deepStrictEqual([ours.status, ours.stdout, ours.stderr], [0, '', ''])
})

test('Prometheus scrapes OpenMetrics and text, with exemplars, and sees the same numbers', { timeout: 240_000 }, async (t) => {
  if (!isThere('prometheus')) return t.skip('NOT CHECKED: there is no prometheus on the PATH')
  const { folder } = bench()
  const asked: string[] = []
  const server = createServer((request, response) => {
    const { contentType, body } = folder.page(request.url === '/text' ? '' : (request.headers.accept ?? ''))
    asked.push(contentType)
    response.writeHead(200, { 'content-type': contentType }).end(body)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const dir = temporaryDirectory()
  const target = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const job = (name: string): object => ({
    job_name: name,
    honor_labels: true,
    metrics_path: `/${name}`,
    static_configs: [{ targets: [target], labels: { format: name } }]
  })
  // JSON is YAML.
  writeFileSync(
    join(dir, 'prometheus.yml'),
    JSON.stringify({ global: { scrape_interval: '1s', scrape_timeout: '1s' }, scrape_configs: [job('open'), job('text')] })
  )
  const child = spawn(
    'prometheus',
    [
      `--config.file=${dir}/prometheus.yml`,
      `--storage.tsdb.path=${dir}/data`,
      '--web.listen-address=127.0.0.1:0',
      '--enable-feature=exemplar-storage'
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] }
  )
  t.after(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    server.close()
  })
  const api = await addressOf(child)
  while ((await fetch(`http://${api}/-/ready`)).status !== 200) await setTimeout(50)
  const get = async (path: string) => ((await (await fetch(`http://${api}/api/v1/${path}`)).json()) as { data: Answer }).data
  const query = async (promql: string) => (await get(`query?query=${encodeURIComponent(promql)}`)).result

  while ((await query('count(up == 1)'))[0]?.value[1] !== '2') {
    const { activeTargets } = await get('targets')
    for (const { health, lastError } of activeTargets) ok(health !== 'down', lastError)
    await setTimeout(50)
  }
  ok(asked.includes('application/openmetrics-text; version=1.0.0; escaping=underscores; charset=utf-8'), asked[0])
  const values = async (promql: string): Promise<string[]> =>
    (await query(promql)).map(({ metric, value }) => `${metric.format} ${metric.le ?? ''} ${value[1]}`).sort()
  const both = (...lines: string[]): string[] => ['open', 'text'].flatMap((format) => lines.map((line) => `${format} ${line}`)).sort()
  deepStrictEqual(await values('http_requests_total{job="dub/tts",instance="pod-1",method="GET"}'), both(' 42'))
  deepStrictEqual(await values('{__name__=~"clash|clash_total"}'), both(' 3', ' 4'))
  deepStrictEqual(await values('hw_gpu_temperature{id="0"}'), both(' -1.5'))
  deepStrictEqual(await values('http_request_duration_seconds_count'), both(' 3'))
  deepStrictEqual(await values('exp_count'), both(' 3'))
  deepStrictEqual(await values('target_info'), both(' 1'))
  deepStrictEqual(await values('sluice_items_total'), both(' 1'))
  deepStrictEqual(
    await values('{__name__="exp_bucket",format="text"}'),
    ['text 0 1', 'text 0.5 1', 'text 1 2', 'text 2 3', 'text +Inf 3'].sort()
  )
  const [{ metric }] = await query('http_requests_total')
  strictEqual(metric.nasty, NASTY.replace('\0', '\uFFFD'))
  const exemplars = (await get('query_exemplars?query=http_requests_total&start=0&end=9999999999')) as unknown as Exemplars
  deepStrictEqual(exemplars[0]?.exemplars[0].labels, { trace_id: TRACE, span_id: 'b7ad6b7169203331', say: 'é' })
})

async function addressOf(child: ChildProcess): Promise<string> {
  const said: string[] = []
  for await (const line of createInterface({ input: child.stderr! })) {
    said.push(line)
    const [, address] = /Listening on.*address=([\d.]+:\d+)/.exec(line) ?? []
    if (address !== undefined) {
      child.stderr!.resume()
      return address
    }
  }
  throw new Error(`prometheus did not start:\n${said.join('\n')}`)
}
