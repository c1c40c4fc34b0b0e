import { defineReceiver } from '../../component.ts'
import { addresses, choice, integer, size } from '../../config/schema.ts'
import { messageOf, RefusedError } from '../../errors.ts'
import { type HttpListener, listenHttp } from '../../net/http-server.ts'
import { type BodyLimits, ByteBudget } from '../../net/limits.ts'
import { nameOf } from '../../net/sockets.ts'
import { Refusals } from '../../telemetry/refusals.ts'
import { agentRoutes, TRANSPORT } from './agent-api.ts'
import { type DogStatsDListener, dogstatsdOptions, listenDogStatsD } from './dogstatsd.ts'

/** A body may grow by nothing for so long, */
const STALL_MS = 10_000
/** and take so long in all. */
const BODY_MS = 60_000
const HEADER_MS = 10_000
const IDLE_MS = 60_000
/** What is inside when the receiver stops has so long to be answered. */
const STOP_WITHIN_MS = 5000

/**
 * Speaks to Datadog's tracers as an Agent does: their spans become spans of OpenTelemetry. A request is answered with success only after its spans
 * are durable, or consumed.
 */
export const datadog = defineReceiver({
  type: 'datadog',
  summary: 'Take what Datadog’s tracers and DogStatsD clients send to an Agent, so that a worker needs DD_AGENT_HOST and nothing else.',
  options: {
    agent: addresses({
      default: '127.0.0.1:8126',
      doc: 'Where to speak an Agent’s API for traces, over TCP or over a Unix socket as unix:/path; one address or several.'
    }),
    whenTaken: choice(['warn', 'fail'], {
      default: 'warn',
      doc: 'What to do where another program listens already, most likely an Agent: go on without the address, or do not start.'
    }),
    requestMax: size({ default: '20MiB', min: '1KiB', max: '200MiB', doc: 'The largest request, both as it comes and inflated.' }),
    inFlightMax: size({
      default: '128MiB',
      min: '1KiB',
      doc: 'How much all requests may hold together until they are answered; more are told to come back later.'
    }),
    connectionsMax: integer({ default: 1024, min: 1, doc: 'Open connections per address; more are closed at once.' }),
    ...dogstatsdOptions
  },
  create: (options, host) => {
    const { requestMax, inFlightMax, connectionsMax, whenTaken } = options
    const limits: BodyLimits = { bodyBytesMax: requestMax, stallMs: STALL_MS, bodyMs: BODY_MS, budget: new ByteBudget(inFlightMax) }
    const bound: string[] = []
    const everywhere: Record<string, readonly string[]> = { datadog: bound }
    let listeners: HttpListener[] = []
    let dogstatsd: DogStatsDListener | undefined
    const stop = async (): Promise<void> => {
      const [open, metrics] = [listeners, dogstatsd]
      listeners = []
      dogstatsd = undefined
      await Promise.all([...open.map((listener) => listener.close(STOP_WITHIN_MS)), metrics?.stop(STOP_WITHIN_MS)])
    }

    // Null where the address is another program's, and that is no reason to stop.
    const orWarn = async <T>(listening: Promise<T>): Promise<T | null> => {
      try {
        return await listening
      } catch (error) {
        if (whenTaken === 'fail' || !(error instanceof RefusedError) || error.code !== 'unavailable') throw error
        host.log.warn({ receiver: host.name, error: messageOf(error) }, 'what Datadog’s clients send to this address is not taken')
        return null
      }
    }

    return {
      addresses: everywhere,
      async start(push) {
        const refusals = new Refusals(host, TRANSPORT)
        const settings = { connectionsMax, headerMs: HEADER_MS, idleMs: IDLE_MS, count: (event: string) => refusals.count(event) }
        const routes = agentRoutes(limits, push, host, refusals)
        try {
          for (const [index, address] of options.agent.entries()) {
            const option = `receivers.${host.name}.agent${options.agent.length > 1 ? `[${index}]` : ''}`
            const listener = await orWarn(listenHttp(host.sockets, address, option, routes, settings))
            if (listener === null) continue
            listeners.push(listener)
            bound.push(nameOf(listener.address))
          }
          dogstatsd = await listenDogStatsD(options, { connectionsMax, attempt: orWarn }, push, host)
          if (dogstatsd.addresses.length > 0) everywhere.dogstatsd = dogstatsd.addresses
        } catch (error) {
          await stop()
          throw error
        }
      },
      stop
    }
  }
})
