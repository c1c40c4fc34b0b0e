import description from '../../package.json' with { type: 'json' }
import { becomeDaemon } from '../daemon.ts'
import { messageOf } from '../errors.ts'
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

/** Runs the admission webhook until it is told to stop; resolves to the code to exit with. Throws ConfigError or RefusedError if it cannot start. */
export async function serve({ file, env, check }: ServeOptions): Promise<number> {
  startPlainly()
  const { version } = description
  const log = openLog('info')
  const { stopAsked, onReload } = becomeDaemon(log)
  const starting = Injector.start({ file, env, log, version, check })
  // While it waits for an API server that does not answer, there is nothing to finish.
  const injector = await Promise.race([starting, stopAsked.then(() => null)])
  if (injector === null) process.exit(OK)
  log.info({ version, file, listening: injector.addresses(), startedInMs: Math.round(process.uptime() * 1000) }, 'ready')
  trimSoon()
  onReload(() => void injector.reload().catch((error) => log.error({}, messageOf(error))))
  const reason = await stopAsked
  log.info({ reason }, 'stopping')
  // Nobody but a cluster needs to be told first.
  await injector.stop(reason === 'SIGTERM' ? injector.drainDelayMs : 0)
  log.info({}, 'stopped')
  return OK
}
