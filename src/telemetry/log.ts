import { pino } from 'pino'

/** The gateway's log: JSON lines on stderr, written at once, so that the last words of a process are not lost. */
export function openLog(level: string) {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    pino.destination({ fd: 2, sync: true })
  )
}
