import { defineReceiver } from '../../component.ts'
import { choice, flag, list, size, text } from '../../config/schema.ts'
import { RefusedError } from '../../errors.ts'
import { ByteBudget } from '../../net/limits.ts'
import { routesOf } from './intake.ts'

/** A body may grow by nothing for so long, */
const STALL_MS = 10_000
/** and take so long in all. */
const BODY_MS = 60_000
/** What is inside when the receiver stops has so long to be answered. */
const STOP_WITHIN_MS = 5000

/**
 * Takes what Sentry SDKs send: each item of an envelope becomes a record of the signal `envelopes`. A request is answered with 200 when all that it
 * brought is durable.
 */
export const sentry = defineReceiver({
  type: 'sentry',
  summary: 'Take what Sentry SDKs send, so that a worker needs another DSN and nothing else.',
  options: {
    http: flag({
      default: true,
      doc: 'Take envelopes and events on the ports of receivers.otlp.http, with a DSN such as http://key@127.0.0.1:4318/42.'
    }),
    tunnel: text({ default: '/sentry-tunnel', doc: 'The path of the tunnel for SDKs in browsers; none without.' }),
    origins: list(text({ default: '', doc: 'An origin, as https://app.example.com; `*` stands for all.' }), {
      doc: 'Pages whose SDKs may send from a browser.',
      default: ['*']
    }),
    keys: list(text({ default: '', doc: 'The public key of a DSN.' }), { doc: 'Keys that are let in; none means all.' }),
    attachments: choice(['text', 'all', 'off'], {
      default: 'text',
      doc: 'Which attachments and replays pass: those that redaction can look into, all, or none.'
    }),
    attachmentMax: size({ default: '1MiB', max: '200MiB', doc: 'The largest attachment.' }),
    requestMax: size({ default: '20MiB', min: '1KiB', max: '200MiB', doc: 'The largest request, both as it comes and inflated.' }),
    inFlightMax: size({
      default: '64MiB',
      min: '1KiB',
      doc: 'How much all requests may hold together until they are answered; more are told to come back later.'
    })
  },
  guestBy: ({ http }) => (http ? 'http' : null),
  create: (options, host) => {
    const limits = { bodyBytesMax: options.requestMax, stallMs: STALL_MS, bodyMs: BODY_MS, budget: new ByteBudget(options.inFlightMax) }
    const { keys, origins, tunnel, attachments, attachmentMax: attachmentBytesMax } = options
    let loan: { close(withinMs: number): Promise<void> } | undefined
    return {
      addresses: {},
      async start(push) {
        if (!options.http) return
        if (!/^(\/[\w./~-]*)?$/.test(tunnel))
          throw new RefusedError('invalid', `receivers.${host.name}.tunnel: this is no path, expected one as /sentry-tunnel`)
        const routes = routesOf({ keys, origins, tunnel, attachments, attachmentBytesMax, limits, redact: host.redactText }, push, host)
        loan = await host.sockets.guests.lend(`receivers.${host.name}.http`, routes)
      },
      async stop() {
        await loan?.close(STOP_WITHIN_MS)
        loan = undefined
      }
    }
  }
})
