import description from '../../package.json' with { type: 'json' }
import { messageOf } from '../errors.ts'
import { faultOf } from '../telemetry/fault.ts'
import { openLog } from '../telemetry/log.ts'
import { startPlainly, trimSoon } from '../trim.ts'
import { Injector } from './injector.ts'
import type { InjectSettings } from './settings.ts'

export interface ServeOptions {
  readonly file: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** Looks whether sidecars could run with these settings; throws ConfigError. */
  readonly check: (settings: InjectSettings) => Promise<void>
}

const OK = 0
const FAILED = 1
const FRAMES_MAX = 20

/** Runs the admission webhook until it is told to stop; resolves to the code to exit with. Throws ConfigError or RefusedError if it cannot start. */
export async function serve({ file, env, check }: ServeOptions): Promise<number> {
  startPlainly()
  const { version } = description
  const log = openLog('info')
  // A fault outside of an answer: nothing is lost by a fresh start, and a known state is worth more than going on.
  const crash = (error: unknown): void => {
    log.fatal(faultOf(error, FRAMES_MAX), 'a fault ends the process')
    process.exit(FAILED)
  }
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
  const stopAsked = new Promise<string>((resolve) => {
    let isAsked = false
    for (const name of ['SIGTERM', 'SIGINT']) {
      process.on(name, () => {
        // Who asks twice does not want to wait.
        if (isAsked) process.exit(FAILED)
        isAsked = true
        resolve(name)
      })
    }
  })
  let reload = (): void => undefined
  process.on('SIGHUP', () => reload())
  const starting = Injector.start({ file, env, log, version, check })
  // While it waits for an API server that does not answer, there is nothing to finish.
  const injector = await Promise.race([starting, stopAsked.then(() => null)])
  if (injector === null) process.exit(OK)
  log.info({ version, file, listening: injector.addresses(), startedInMs: Math.round(process.uptime() * 1000) }, 'ready')
  trimSoon()
  reload = () => void injector.reload().catch((error) => log.error({}, messageOf(error)))
  const reason = await stopAsked
  log.info({ reason }, 'stopping')
  // Nobody but a cluster needs to be told first.
  await injector.stop(reason === 'SIGTERM' ? injector.drainDelayMs : 0)
  log.info({}, 'stopped')
  return OK
}
