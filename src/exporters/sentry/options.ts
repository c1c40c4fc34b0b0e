import type { z } from 'zod'
import type { Signal } from '../../batch.ts'
import { clientTls, proxyChoice, requestTimeout } from '../../config/client-options.ts'
import { choice, duration, flag, group, list, maybe, secret, size, text } from '../../config/schema.ts'
import { messageOf } from '../../errors.ts'
import { parseDsn } from '../../sentry/dsn.ts'

export const SEVERITIES = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const

/** A DSN is looked at when the file is read, so that `sluice check` finds a wrong one. */
const dsn = (given: { readonly doc: string }) =>
  secret(given).superRefine((value, context) => {
    try {
      parseDsn(value)
    } catch (error) {
      context.addIssue({ code: 'custom', message: `https://key@host/project: ${messageOf(error).replace(/, expected .*/, '')}` })
    }
  })

export const options = {
  dsn: dsn({ doc: 'The DSN of the project that everything goes to which no rule of `dsns` sends elsewhere.' }),
  dsns: list(
    group(
      {
        services: list(text({ default: '', doc: 'A service by service.name; `*` stands for any characters.' }), {
          doc: 'Whose telemetry goes there.'
        }),
        projects: list(text({ default: '', doc: 'A number, or a public key.' }), {
          doc: 'Projects to whose DSN Sentry SDKs send at this gateway, and whose envelopes go there.'
        }),
        dsn: dsn({ doc: 'The DSN of the project.' })
      },
      { doc: 'One project.' }
    ),
    { doc: 'Other projects; the first that fits is taken.' }
  ),
  errors: flag({ default: true, doc: 'Send every error as an event, with its trail.' }),
  envelopes: flag({ default: true, doc: 'Send on what Sentry SDKs send to this gateway.' }),
  spans: choice(['spans', 'transactions', 'otlp', 'off'], {
    default: 'spans',
    doc: 'How kept traces are sent: as spans, as transactions for Sentry before spans, or as OTLP, from which Sentry cannot tell the sample rate.'
  }),
  logs: choice(['logs', 'otlp', 'off'], { default: 'logs', doc: 'How log records are sent: as logs of Sentry, or as OTLP.' }),
  minSeverity: choice(SEVERITIES, {
    default: 'trace',
    doc: 'The least severe log records to send. Those that do not say their severity are sent.'
  }),
  environment: maybe(text({ doc: 'The environment in place of what deployment.environment.name says; without either it is production.' })),
  release: maybe(text({ doc: 'The release in place of service.name@service.version.' })),
  sendEmail: flag({
    default: true,
    doc: 'Show a user’s e-mail address with the user of an error; it passes redaction there, and nowhere else.'
  }),
  tags: list(text({ default: '', doc: 'An attribute by its name.' }), {
    doc: 'Attributes that become tags of errors, beside those that always do.'
  }),
  clientReports: flag({ default: true, doc: 'Tell Sentry what was sampled away or dropped, so that its statistics are right.' }),
  limitWaitMax: duration({
    default: '10m',
    doc: 'How long items wait while Sentry takes no more of their category; after that they are dropped until it does.'
  }),
  holdMax: duration({
    default: '1m',
    doc: 'With several DSNs: how long one that is limited or cannot be reached may hold up the others; then its items are given up.'
  }),
  compression: choice(['gzip', 'zstd', 'none'], { default: 'gzip', doc: 'How bodies are compressed.' }),
  timeout: requestTimeout('15s'),
  batchMax: size({ default: '1MiB', min: '1KiB', max: '16MiB', doc: 'Neighbours in the queue are taken together up to this size.' }),
  proxy: proxyChoice(),
  tls: clientTls({ doc: 'For https DSNs.', asker: 'a proxy or a Relay', exposed: 'the telemetry' })
}

export type SentryOptions = z.output<z.ZodObject<typeof options>>

/** What is sent there. */
export function signalsOf({ errors, envelopes, spans, logs }: SentryOptions): Signal[] {
  const signals: [Signal, boolean][] = [
    ['errors', errors],
    ['envelopes', envelopes],
    ['traces', spans !== 'off'],
    ['logs', logs !== 'off']
  ]
  return signals.filter(([, isOn]) => isOn).map(([signal]) => signal)
}
