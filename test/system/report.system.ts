import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MAIL_USER, startAlertDoubles } from '../support/alert-doubles.ts'
import { DubbingLoad, STAGES, TIERS } from '../support/dubbing-load.ts'
import { startGateway } from '../support/gateway-process.ts'
import { skipWithoutRecordings } from '../support/nvidia-smi-recordings.ts'
import { replayMachine } from '../support/nvidia-smi-replay.ts'
import { openStandIn } from '../support/nvidia-smi-stand-in.ts'
import { sendPlatformMetrics } from '../support/platform-metrics.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { isHere } from './clients.ts'
import { type Prometheus, startPrometheus } from './prometheus.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
const ROUNDS = 24
const ROUND_MS = 500

const noPrometheus = isHere('prometheus', '--version') ? false : 'SKIPPED: there is no prometheus here'

/** What is looked at every 5 minutes or every hour, and a month ago: some seconds have none of it. */
const SAMPLED = /GPUs|busy|Waiting|Of their time|^Users: (Active|Ended, of)/

interface Cell {
  readonly value: number | null
  readonly before: number | null
}

interface Table {
  readonly title: string
  readonly columns: readonly { readonly title: string }[]
  readonly rows: readonly { readonly labels: Readonly<Record<string, string>>; readonly cells: readonly Cell[] }[]
}

interface Report {
  readonly tables: readonly Table[]
  readonly notes: readonly string[]
}

function sluice(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) =>
    execFile(process.execPath, [MAIN, 'report', ...args], (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    )
  )
}

async function reportOf({ url }: Prometheus, period: string, until: string, ...more: string[]): Promise<Report> {
  const { code, stdout, stderr } = await sluice('--period', period, '--prometheus', url, '--until', until, '--format', 'json', ...more)
  deepStrictEqual([code, stderr], [0, ''])
  return JSON.parse(stdout) as Report
}

/** A cell, by the titles of its table and column and by the labels of its row. */
function cellOf({ tables }: Report, table: string, column: string, labels: Readonly<Record<string, string>> = {}): Cell {
  const { columns, rows } = tables.find(({ title }) => title === table)!
  const row = rows.find((each) => JSON.stringify(each.labels) === JSON.stringify(labels))
  return row?.cells[columns.findIndex(({ title }) => title === column)] ?? { value: null, before: null }
}

test('what a gateway saw of a platform is told by each report, on the terminal, in Slack and by mail', {
  skip: noPrometheus || skipWithoutRecordings,
  timeout: 180_000
}, async (t) => {
  const prometheus = await watchedPlatform(t)
  for (const period of ['day', 'week', 'month']) {
    const report = await reportOf(prometheus, period, 'now')
    const empty = report.tables.flatMap(({ title, columns, rows }) =>
      columns.filter((_, i) => !rows.some(({ cells }) => cells[i].value !== null)).map((column) => `${title}: ${column.title}`)
    )
    deepStrictEqual(
      empty.filter((each) => !SAMPLED.test(each)),
      [],
      period
    )
    ok(
      report.notes.some((note) => /^Prometheus has \d %/.test(note)),
      `${report.notes}`
    )
    for (const { rows } of report.tables) for (const { cells } of rows) for (const { before } of cells) strictEqual(before, null)
  }
  const daily = await reportOf(prometheus, 'day', 'now')
  for (const { stage, model, seconds } of STAGES) {
    ok(cellOf(daily, 'Jobs by stage', 'Jobs', { stage }).value! > 0, stage)
    const mean = cellOf(daily, 'Jobs by stage', 'Mean time', { stage }).value!
    ok(mean > seconds * 0.6 && mean < seconds * 1.4, `${stage} took ${mean} s`)
    if (model !== undefined) ok(cellOf(daily, 'Inference by model', 'Calls', { model }).value! > 0, model)
  }
  const weekly = await reportOf(prometheus, 'week', 'now', '--gpu-price', '10')
  const costs = TIERS.map((tier) => cellOf(weekly, 'By tier', 'GPU cost', { tier }).value!)
  const hours = cellOf(weekly, 'Cost', 'GPU hours').value!
  ok(Math.abs(costs.reduce((sum, cost) => sum + cost, 0) - 10 * hours) < 0.02 * 10 * hours, `${costs} of ${hours} hours`)

  const doubles = await startAlertDoubles(t)
  const dir = temporaryDirectory()
  writeFileSync(join(dir, 'slack'), `${doubles.slackUrl}\n`)
  writeFileSync(join(dir, 'password'), `${MAIL_USER.password}\n`)
  const mail = ['--mail-to', 'ops@example.com', '--mail-to', 'cto@example.com', '--mail-from', 'sluice@example.com']
  const server = ['--smtp', `smtp://${doubles.smtp}`, '--smtp-user', MAIL_USER.username, '--smtp-password-file', join(dir, 'password')]
  const asked = ['--period', 'day', '--prometheus', prometheus.url, '--until', 'now']
  const { code, stdout, stderr } = await sluice(...asked, '--slack-webhook-file', join(dir, 'slack'), ...mail, ...server)
  deepStrictEqual([code, stderr, doubles.violations], [0, '', []])
  match(stdout, /^# Daily processing summary/)
  deepStrictEqual(doubles.told.map(({ by, to }) => `${by} ${to ?? ''}`.trim()).sort(), [
    'mail cto@example.com',
    'mail ops@example.com',
    'slack'
  ])
  for (const { text, by, body } of doubles.told) {
    match(text, /^Daily processing summary/)
    if (by === 'mail') match(body, /lip-sync/)
  }
})

/** A platform at work for some seconds, its gateway, and a Prometheus that has seen it. */
async function watchedPlatform(t: TestContext): Promise<Prometheus> {
  const smi = openStandIn()
  replayMachine(smi).show('load', 'load')
  const gateway = await startGateway(t, {
    yaml: `
receivers: { logs: off, datadog: off, otlp: { http: 127.0.0.1:0, grpc: off } }
facts: { gpu: { source: nvidia-smi, command: ${smi.command}, interval: 1s } }
processors: { cost: { horizon: 3s } }
admin: { listen: 127.0.0.1:0 }
exporters: { sentry: { dsn: "http://key@127.0.0.1:9/1" } }
`
  })
  const prometheus = await startPrometheus(t, [
    { job_name: 'sluice', honor_labels: true, static_configs: [{ targets: [gateway.admin.replace('http://', '')] }] }
  ])
  const stopMetrics = sendPlatformMetrics(gateway.http)
  const load = new DubbingLoad(gateway.http)
  for (let nth = 0; nth < ROUNDS; nth++) {
    await load.round({ errorEvery: 15 })
    await sleep(ROUND_MS)
  }
  // What was spent on GPUs is known when the horizon is over, and on the page with the scrape after that.
  await sleep(6000)
  await stopMetrics()
  return prometheus
}

const HOUR = 3600
const DAY = 24 * HOUR
const STEP = 300

test('a week is told as it was counted, from rules that keep it for longer than what was scraped', {
  skip: noPrometheus,
  timeout: 120_000
}, async (t) => {
  const end = Math.floor(Date.now() / 1000 / STEP) * STEP
  const dir = temporaryDirectory()
  // 15 days of what rules keep, 5 of what was scraped; before a week ago half as much was done.
  const busy = (at: number): number => (at > end - 7 * DAY ? 1 : 0.5)
  backfill(dir, {
    'retained:items:increase5m': { days: 15, end, value: () => 1 },
    'retained:gpus:count': { days: 15, end, value: () => 4 },
    'retained:gpu_seconds:increase5m{model="xtts-v2",stage="tts",tier="pro"}': { days: 15, end, value: (at) => 600 * busy(at) },
    'retained:gpu_seconds:increase5m{model="whisper",stage="stt",tier="free"}': { days: 15, end, value: (at) => 150 * busy(at) },
    'retained:gpu_joules:increase5m{model="xtts-v2",stage="tts",tier="pro"}': { days: 15, end, value: (at) => 90_000 * busy(at) },
    'retained:jobs:increase5m{stage="tts",outcome="ok"}': { days: 15, end, value: () => 6 },
    up: { days: 5, end, value: () => 1 },
    'gpu_info{hw_id="a",hw_parent=""}': { days: 5, end, value: () => 1 },
    'gpu_info{hw_id="b",hw_parent="a"}': { days: 5, end, value: () => 1 },
    'hw_gpu_utilization_ratio{hw_id="a",hw_gpu_task="general"}': { days: 5, end, value: (at) => (at % (2 * STEP) === 0 ? 0.2 : 0.6) },
    'queue_depth{stage="tts",instance="a"}': { days: 5, end, value: (at) => (at === end - 2 * STEP ? 100 : 4) },
    'queue_depth{stage="tts",instance="b"}': { days: 5, end, value: () => 2 },
    'worker_busy{stage="tts"}': { days: 5, end, value: () => 3 },
    'worker_count{stage="tts"}': { days: 5, end, value: () => 4 },
    'active_users{period="day",instance="a"}': { days: 5, end, value: (at) => (at > end - 12 * HOUR ? 500 : 300) },
    'active_users{period="day",instance="b"}': { days: 5, end, value: () => 300 },
    'active_users{period="month"}': { days: 5, end, value: () => 900 },
    'subscriptions_active{tier="pro",instance="a"}': { days: 5, end, value: () => 60 },
    'subscriptions_active{tier="pro",instance="b"}': { days: 5, end, value: () => 60 },
    'subscriptions_active{tier="free"}': { days: 5, end, value: () => 1 }
  })
  const prometheus = await startPrometheus(t, [], {}, dir)
  const until = new Date((end + 60) * 1000).toISOString()
  type Check = (
    table: string,
    column: string,
    labels: Readonly<Record<string, string>>,
    value: number | null,
    before: number | null
  ) => void
  const checkOf =
    (report: Report): Check =>
    (table, column, labels, value, before) => {
      const cell = cellOf(report, table, column, labels)
      const rounded = [cell.value, cell.before].map((each) => (each === null ? null : Math.round(each * 1000) / 1000))
      deepStrictEqual(rounded, [value, before], `${table}, ${column}, ${JSON.stringify(labels)}`)
    }
  const report = await reportOf(prometheus, 'week', until, '--gpu-price', '3', '--energy-price', '0.2')
  const f = checkOf(report)
  // 2016 steps of 750 s are 420 hours.
  f('Cost', 'GPU hours', {}, 420, 210)
  f('Cost', 'GPU cost', {}, 1260, 630)
  f('Cost', 'Energy', {}, 50.4, 25.2)
  f('Cost', 'Energy cost', {}, 10.08, 5.04)
  f('Cost', 'GPUs that there were', {}, 4, 4)
  f('Cost', 'Of their time, used by jobs', {}, 0.625, 0.313)
  f('Cost', 'All GPUs at that price, idle ones too', {}, 2016, 2016)
  f('By model', 'GPU hours', { model: 'xtts-v2' }, 336, 168)
  f('By tier', 'GPU cost', { tier: 'free' }, 252, 126)
  f('By tier', 'Minutes of video', { tier: 'free' }, null, null)
  f('By stage', 'Cost of a job', { stage: 'tts' }, 0.083, 0.042)
  f('By stage', 'Cost of a job', { stage: 'stt' }, null, null)
  f('By model and tier', 'Energy', { model: 'xtts-v2', tier: 'pro' }, 50.4, 25.2)
  match(report.notes[1], /^Prometheus has 7[01] % of this week of what it scrapes: totals are of those\.$/)
  deepStrictEqual(report.notes.slice(2), [
    'Nothing is compared of what it scrapes: Prometheus has 0 % of the week before.',
    'No data for By tier (Minutes of video; Cost of a minute).',
    'The platform must provide processing_minutes_total for that.'
  ])

  const day = checkOf(await reportOf(prometheus, 'day', until))
  day('Processing', 'GPU hours', {}, 60, 60)
  day('Processing', 'Jobs ended', {}, 1728, 1728)
  day('Processing', 'How busy GPUs were', {}, 0.4, 0.4)
  day('Jobs by stage', 'Waiting, mean', { stage: 'tts' }, 6.333, 6)
  day('Jobs by stage', 'Waiting, most', { stage: 'tts' }, 102, 6)
  day('Jobs by stage', 'Workers busy', { stage: 'tts' }, 0.75, 0.75)
  const month = checkOf(await reportOf(prometheus, 'month', until))
  month('Users', 'Active within a day, most', {}, 500, null)
  month('Users', 'Active within a month, most', {}, 900, null)
  month('Users', 'Subscriptions, at the end', {}, 61, null)
  month('By tier', 'Subscriptions, at the end', { tier: 'pro' }, 60, null)

  const { code, stderr } = await sluice('--period', 'week', '--prometheus', prometheus.url.replace(/\d+$/, '1'))
  strictEqual(code, 1)
  match(stderr, /^127\.0\.0\.1:1: connection refused/)
})

interface Past {
  readonly days: number
  readonly end: number
  readonly value: (at: number) => number
}

/** Writes series into blocks of a Prometheus' database, by what of them was at each step. */
function backfill(dir: string, series: Readonly<Record<string, Past>>): void {
  const families = new Map<string, string[]>()
  for (const [selector, { days, end, value }] of Object.entries(series)) {
    const [name] = selector.split('{')
    const lines = families.get(name) ?? [`# TYPE ${name} gauge`]
    for (let at = end - days * DAY; at <= end; at += STEP) lines.push(`${selector} ${value(at)} ${at}`)
    families.set(name, lines)
  }
  writeFileSync(join(dir, 'past.om'), `${[...families.values()].flat().join('\n')}\n# EOF\n`)
  mkdirSync(join(dir, 'data'))
  const { status, stderr } = spawnSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', join(dir, 'past.om'), join(dir, 'data')], {
    encoding: 'utf8'
  })
  strictEqual(status, 0, stderr)
}
