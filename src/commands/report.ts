// The command `sluice report`: what happened in a day, a week or a month, asked of Prometheus.

import { REPORTS } from '../monitoring/reports.ts'
import { HttpClient } from '../net/http-client.ts'
import { Misuse, readArguments, USAGE } from './report/arguments.ts'
import { composeReport } from './report/compose.ts'
import { postToSlack, sendMail } from './report/deliver.ts'
import { FORMATS, slackMessage } from './report/formats.ts'
import { PrometheusApi } from './report/prometheus.ts'
import { calendarSpans, spansUntil } from './report/span.ts'

const OK = 0
const MISUSED = 2

/** To Prometheus at once: it shares its time among all who ask. */
const CONNECTIONS_MAX = 4

export interface Surroundings {
  readonly say: (text: string) => void
  readonly complain: (text: string) => void
  readonly nowMs?: number
}

/**
 * Makes a report, says it, and delivers it where that is asked for, which is what it does last. Resolves to the exit code. Throws RefusedError when a
 * file cannot be read, or when Prometheus, Slack or the mail server refuse.
 */
export async function reportCommand(args: readonly string[], { say, complain, nowMs = Date.now() }: Surroundings): Promise<number> {
  const asked = await readArguments(args, nowMs)
  if (asked === 'help') {
    say(USAGE)
    return OK
  }
  if (asked instanceof Misuse) {
    complain(asked.message)
    return MISUSED
  }
  const { period, prometheus, untilMs, format, clusters, namespaces, prices, currency, token, ca, timeoutMs, slack, mail } = asked
  const deadlineMs = Date.now() + timeoutMs
  const client = new HttpClient({ tls: { ca }, connectionsMax: CONNECTIONS_MAX })
  try {
    const api = new PrometheusApi({ client, url: prometheus, token, deadlineMs })
    const spans = untilMs === null ? calendarSpans(period, nowMs) : spansUntil(period, untilMs)
    const report = await composeReport(api, { plan: REPORTS[period], ...spans, clusters, namespaces, prices, currency })
    say(FORMATS[format](report, currency))
    const leftMs = Math.max(1, deadlineMs - Date.now())
    const deliveries: Promise<void>[] = []
    if (slack !== null) deliveries.push(postToSlack(slack, slackMessage(report, currency), leftMs))
    if (mail !== null) {
      const { server, from, to } = mail
      const subject = `${report.title}, ${period} until ${endOf(spans.span.toMs)}`
      const [text, html] = [FORMATS.markdown(report, currency), FORMATS.html(report, currency)]
      deliveries.push(sendMail(server, { from, to, subject, text, html }, leftMs))
    }
    // One that fails keeps none from the others.
    const failed = (await Promise.allSettled(deliveries)).find(({ status }) => status === 'rejected')
    if (failed !== undefined) throw (failed as PromiseRejectedResult).reason
    return OK
  } finally {
    await client.close()
  }
}

const endOf = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ')
