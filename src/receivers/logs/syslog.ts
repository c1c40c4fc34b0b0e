import { LogEntry } from '../../logs/log-entry.ts'
import type { TakeText } from './line-reader.ts'
import { readSyslog } from './syslog-message.ts'

/** Each message says how it ends: by its count, by a newline or by a zero. */
export const SYSLOG_FRAMING = { newline: true, nul: true, octets: true } as const

// One for all: whoever takes a record has read it when the call returns.
const entry = new LogEntry()

/** A syslog message in either form. */
export const takeSyslog: TakeText = (stream, text, isCut, nowMs) => {
  if (text === '') return
  entry.reset(nowMs)
  readSyslog(text, entry)
  if (isCut) entry.add('log.truncated', true)
  stream.entry(entry)
}
