// GELF 1.1: a JSON object with version, host, short_message, full_message, timestamp in seconds, level from 0 to 7 as syslog has them, and fields of the
// sender's own, whose names begin with `_`.
import type { LogEntry, LogValue } from '../../logs/log-entry.ts'
import { severityOfSyslog } from '../../logs/severity.ts'
import { TimeReader } from '../../logs/timestamp.ts'
import { understandObject } from '../../logs/understand.ts'

/** Fields of the sender's own that have a name in OpenTelemetry: those of Docker's log driver. */
const OWN_NAMES: Readonly<Record<string, string>> = {
  _container_id: 'container.id',
  _container_name: 'container.name',
  _image_name: 'container.image.name'
}
const NAMES: Readonly<Record<string, string>> = {
  host: 'gelf.host',
  facility: 'gelf.facility',
  file: 'code.file.path',
  line: 'code.line.number'
}
/** What is read here, and what says nothing. */
const READ = new Set(['version', 'short_message', 'full_message', 'timestamp', 'level', '_id'])

const time = new TimeReader()

/** Reads a GELF object into an entry that has been reset; `text` is what it was parsed from. Whatever is missing is left out. */
export function readGelf(value: { readonly [key: string]: LogValue }, text: string, entry: LogEntry): void {
  const fields: Record<string, LogValue> = Object.create(null)
  for (const key of Object.keys(value)) {
    if (READ.has(key)) continue
    const own = OWN_NAMES[key] ?? NAMES[key] ?? (key.charCodeAt(0) === 95 && key !== '_' ? key.slice(1) : key)
    // Two may come to the same name, and the message has one too. A name that an object has from the start is one like all others here.
    fields[own in fields || own === 'message' ? key : own] = value[key]
  }
  fields.message = bodyOf(value)
  const { level, timestamp } = value
  const hasLevel = isLevel(level)
  const hasTime = timestamp !== undefined && time.value(timestamp, entry.observedMs, text)
  if (!hasLevel && level != null) fields['gelf.level'] = level
  if (!hasTime && timestamp != null) fields['gelf.timestamp'] = timestamp
  understandObject(fields, entry)
  if (hasLevel) {
    const [number, word] = severityOfSyslog(Number(level))
    entry.severityNumber = number
    entry.severityText = word
  }
  if (hasTime) {
    entry.timeMs = time.ms
    entry.timeNanos = time.nanos
  }
}

function isLevel(level: LogValue | undefined): boolean {
  const number = typeof level === 'number' || (typeof level === 'string' && level !== '') ? Number(level) : Number.NaN
  return Number.isInteger(number) && number >= 0 && number <= 7
}

// The long text where it says all that the short one says, as senders of stack traces have it; else both.
function bodyOf({ short_message: short, full_message: full }: { readonly [key: string]: LogValue }): LogValue {
  if (full === undefined || full === null || full === '') return short ?? ''
  if (short === undefined || short === null || short === '') return full
  const [head, all] = [String(short), String(full)]
  return all.includes(head) ? all : `${head}\n${all}`
}
