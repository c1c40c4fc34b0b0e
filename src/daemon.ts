import { type CrashReporter, NO_CRASH_REPORTER } from './telemetry/crash.ts'
import { faultOf } from './telemetry/fault.ts'
import type { openLog } from './telemetry/log.ts'

const FAILED = 1
const FRAMES_MAX = 20

/** What a process that runs until it is told to stop has in common, whatever it serves. */
export interface Daemon {
  /** Resolves with the name of the signal that asks for the end. Who asks twice does not want to wait: that ends the process at once. */
  readonly stopAsked: Promise<string>
  /** From now on `work` is done at each SIGHUP. Before that one is heard, and means nothing: what runs is new. */
  onReload(work: () => void): void
}

/**
 * Hears signals from here on, so that a stop that is asked for during the start is done after it. A fault of ours ends the process: what was
 * acknowledged is durable, and a fresh start is a known state.
 */
export function becomeDaemon(log: ReturnType<typeof openLog>, crashes: CrashReporter = NO_CRASH_REPORTER): Daemon {
  const crash = (error: unknown): void => {
    log.fatal(faultOf(error, FRAMES_MAX), 'a fault ends the process')
    crashes.report(error)
    crashes.flush().finally(() => process.exit(FAILED))
  }
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
  const stopAsked = new Promise<string>((resolve) => {
    let isAsked = false
    for (const name of ['SIGTERM', 'SIGINT']) {
      process.on(name, () => {
        if (isAsked) process.exit(FAILED)
        isAsked = true
        resolve(name)
      })
    }
  })
  let reload = (): void => undefined
  process.on('SIGHUP', () => reload())
  return {
    stopAsked,
    onReload: (work) => {
      reload = work
    }
  }
}
