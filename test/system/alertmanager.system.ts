import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { INHIBITIONS } from '../../src/monitoring/inhibitions.ts'
import type { Alert } from '../../src/monitoring/rule.ts'
import { RUNBOOKS } from '../../src/monitoring/rule-files.ts'
import { GROUPS } from '../../src/monitoring/rules.ts'
import { CASES } from '../monitoring/cases.ts'
import { type AlertDoubles, startAlertDoubles, type Told } from '../support/alert-doubles.ts'
import { until } from '../support/gateway-process.ts'
import { ALERTMANAGER, configurationFor, startAlertmanager } from './alertmanager.ts'
import { isHere } from './clients.ts'

const FILE = 'config/monitoring/alertmanager.yaml'
const ALERTS: readonly Alert[] = GROUPS.flatMap(({ alerts = [] }) => alerts)
const skip = ALERTMANAGER !== null ? false : 'SKIPPED: there is no alertmanager here'
const skipTool = isHere('amtool', '--version') ? false : 'SKIPPED: there is no amtool here'
/** A minute is a second. */
const FACTOR = 60

const amtool = (...args: string[]) => spawnSync('amtool', args, { encoding: 'utf8' })

test('amtool check-config has nothing to say', { skip: skipTool }, () => {
  const { status, stdout, stderr } = amtool('check-config', FILE)
  strictEqual(status, 0, stdout + stderr)
  ok(
    stdout.includes(` - ${INHIBITIONS.length} inhibit rules`) && stdout.includes(' - 3 receivers') && stdout.includes(' - 1 templates'),
    stdout
  )
})

test('amtool config routes test: every severity of every component goes where it belongs', { skip: skipTool }, () => {
  const f = (labels: string[], expected: string): void =>
    strictEqual(amtool('config', 'routes', 'test', `--config.file=${FILE}`, ...labels).stdout.trim(), expected, labels.join(' '))
  const kinds = new Set(ALERTS.map(({ severity, component }) => `${severity} ${component}`))
  ok(kinds.size >= 15)
  for (const kind of kinds) {
    const [severity, component] = kind.split(' ')
    f([`severity=${severity}`, `component=${component}`, 'cluster=a'], severity)
  }
  f(['alertname=SomebodyElses'], 'warning')
  f(['alertname=SomebodyElses', 'severity=page'], 'warning')
})

interface Posted {
  readonly labels: Record<string, string>
  readonly annotations?: Record<string, string>
  readonly endsAt?: string
}

test('critical pages and writes to Slack, warning mails and writes to Slack, info mails', { skip, timeout: 240_000 }, async (t) => {
  const { doubles, post } = await stage(t)
  const of = (alertname: string, severity: string, more: Record<string, string> = {}): Posted => ({
    labels: { alertname, severity, ...more },
    annotations: { summary: `${alertname} of ${severity}`, description: 'What is known.', runbook_url: `${RUNBOOKS}${alertname}.md` }
  })
  const page = of('Page', 'critical', { component: 'gpu' })
  await post([page, of('Warn', 'warning'), of('Tell', 'info'), of('Foreign', 'nobody-knows')])
  const expected = [
    'mail [info] Tell: Tell of info',
    'mail [nobody-knows] Foreign: Foreign of nobody-knows',
    'mail [warning] Warn: Warn of warning',
    'pagerduty [critical] Page: Page of critical',
    'slack [critical] Page',
    'slack [nobody-knows] Foreign',
    'slack [warning] Warn'
  ]
  await until(
    () => doubles.told.length,
    (told) => told >= expected.length
  )
  deepStrictEqual(doubles.told.map(({ by, text }) => `${by} ${text}`).sort(), expected)
  for (const { text, links, body } of doubles.told) {
    const name = /\] (\w+)/.exec(text)?.[1] ?? ''
    ok(links.includes(`${RUNBOOKS}${name}.md`), `${text}: ${links}`)
    ok(body.includes('What is known.') && body.includes(`${name} of `), body)
  }
  deepStrictEqual(
    doubles.told
      .filter(({ by }) => by === 'mail')
      .map(({ to, text }) => `${to} ${text.split(' ')[1]}`)
      .sort(),
    ['oncall@example.com Foreign:', 'oncall@example.com Warn:', 'operations@example.com Tell:']
  )

  const ended = new Date().toISOString()
  await post([
    { ...page, endsAt: ended },
    { ...of('Warn', 'warning'), endsAt: ended },
    { ...of('Tell', 'info'), endsAt: ended }
  ])
  const resolved = (): string[] =>
    doubles.told
      .filter((each) => each.resolved)
      .map(({ by, text }) => `${by} ${/\] (\w+)/.exec(text)?.[1]}`)
      .sort()
  await until(resolved, (told) => told.length >= 4)
  deepStrictEqual(resolved(), ['mail Warn', 'pagerduty Page', 'slack Page', 'slack Warn'])
  deepStrictEqual(doubles.violations, [])
})

test('a fleet is one message, services are one each, and names cannot call people', { skip, timeout: 240_000 }, async (t) => {
  const { doubles, post } = await stage(t)
  const fleet = Array.from({ length: 60 }, (_, i) => ({
    labels: { alertname: 'GpuThermalSlowdown', severity: 'warning', instance: `node-${i}` },
    annotations: { summary: `GPU 0 of node-${i} is too hot`, description: 'The hardware holds the clocks down.' }
  }))
  const services = ['<!channel>', 'a & b'].map((service) => ({
    labels: { alertname: 'HighErrorRate', severity: 'critical', service },
    annotations: { summary: `5% of GET /<!everyone> of ${service} fail`, description: `<@U012AB3CD> ${'long '.repeat(400)}` }
  }))
  await post([...fleet, ...services])
  await until(
    () => doubles.told.length,
    (told) => told >= 6
  )
  const by = (name: Told['by'], start: string): Told[] => doubles.told.filter((each) => each.by === name && each.text.includes(start))
  deepStrictEqual(
    [by('slack', 'Thermal').length, by('mail', 'Thermal').length, by('slack', 'High').length, by('pagerduty', 'High').length],
    [1, 1, 2, 2]
  )
  ok(by('slack', 'Thermal')[0].text.endsWith('(60 alerts)'))
  ok(by('slack', 'Thermal')[0].body.includes('10 of 60') && by('mail', 'Thermal')[0].body.includes('20 of 60'))
  ok(by('slack', 'High').every(({ body }) => body.includes('&lt;!everyone&gt;')))
  ok(by('slack', 'High').some(({ body }) => body.includes('a &amp; b')))
  deepStrictEqual(doubles.violations, [])
})

test('where it is stands in the title, for those who have more than one cluster or namespace', { skip, timeout: 240_000 }, async (t) => {
  const { doubles, post } = await stage(t)
  const places = [{ cluster: 'eu & <us>', namespace: 'dubbing' }, { cluster: 'asia' }, { namespace: 'staging' }, {}]
  await post(
    places.map((place, i) => ({
      labels: { alertname: 'QueueDepthHigh', severity: 'warning', stage: `tts-${i}`, ...place } as Record<string, string>,
      annotations: { summary: `${i} jobs wait`, description: 'Too many.' }
    }))
  )
  await until(
    () => doubles.told.length,
    (told) => told >= 8
  )
  const titles = (by: Told['by']): string[] =>
    doubles.told
      .filter((each) => each.by === by)
      .map(({ text }) => text)
      .sort()
  deepStrictEqual(titles('mail'), [
    '[warning] QueueDepthHigh in asia: 1 jobs wait',
    '[warning] QueueDepthHigh in eu & <us>/dubbing: 0 jobs wait',
    '[warning] QueueDepthHigh in staging: 2 jobs wait',
    '[warning] QueueDepthHigh: 3 jobs wait'
  ])
  deepStrictEqual(titles('slack'), [
    '[warning] QueueDepthHigh',
    '[warning] QueueDepthHigh in asia',
    '[warning] QueueDepthHigh in eu &amp; &lt;us&gt;/dubbing',
    '[warning] QueueDepthHigh in staging'
  ])
})

test('what another alert says already, or is the reason of, is not told', { skip, timeout: 240_000 }, async (t) => {
  const { address, post, alerts } = await stage(t)
  ok(address)
  const posted: Posted[] = []
  const expected: string[] = []
  for (const { while: sources, silence, equal, having } of INHIBITIONS) {
    for (const source of sources) {
      for (const target of silence) {
        // Labels as the rules make them. Each pair is a cluster of its own; in a second one, a label that must be equal is another.
        const cluster = `${source} ${target}`
        const own = { ...labelsOf(source), cluster }
        posted.push({ labels: own }, { labels: { ...labelsOf(target, own, equal), ...having, cluster } })
        expected.push(cluster)
        const [first = 'cluster'] = equal
        const other = { ...labelsOf(source), cluster: `other ${cluster}` }
        posted.push(
          { labels: other },
          { labels: { ...labelsOf(target, other, equal), ...having, cluster: `other ${cluster}`, [first]: `another ${cluster}` } }
        )
      }
    }
  }
  await post(posted)
  const found = await until(alerts, (all) => all.length === posted.length)
  const silenced = found.filter(({ status }) => status.inhibitedBy.length > 0)
  deepStrictEqual(silenced.map(({ labels }) => labels.cluster).sort(), expected.sort())
  for (const { labels } of silenced) ok(labels.cluster.endsWith(` ${labels.alertname}`))
})

/** The labels with which an alert fires in its case, but that those named are as on the other one; they must be there on both. */
function labelsOf(alert: string, other: Record<string, string> = {}, equal: readonly string[] = []): Record<string, string> {
  // Their scrape has a namespace where it has one.
  const own: Record<string, string> = { namespace: 'dubbing', ...CASES.find((each) => each.alert === alert)?.fires.labels[0] }
  for (const label of equal) ok(own[label] !== undefined && other[label] !== undefined, `${alert}: ${label}`)
  const { severity, component } = ALERTS.find((each) => each.alert === alert)!
  return { ...own, ...Object.fromEntries(equal.map((label) => [label, other[label]])), alertname: alert, severity, component }
}

interface Seen {
  readonly labels: Record<string, string>
  readonly status: { readonly inhibitedBy: string[] }
}

async function stage(t: TestContext): Promise<{
  readonly doubles: AlertDoubles
  readonly address: string
  readonly post: (alerts: readonly Posted[]) => Promise<void>
  readonly alerts: () => Promise<Seen[]>
}> {
  const doubles = await startAlertDoubles(t)
  const address = await startAlertmanager(t, configurationFor(doubles, FACTOR))
  const url = `http://${address}/api/v2/alerts`
  return {
    ...{ doubles, address },
    post: async (alerts) => {
      const body = JSON.stringify(alerts.map((each) => ({ generatorURL: 'http://prometheus.example/graph', ...each })))
      const answer = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
      ok(answer.ok, await answer.text())
    },
    alerts: async () => (await (await fetch(url)).json()) as Seen[]
  }
}
