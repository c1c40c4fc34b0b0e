import { FieldReader } from './field-reader.ts'
import { readInlineIds } from './inline-ids.ts'
import { JsonLine } from './json-line.ts'
import type { LogEntry, LogValue } from './log-entry.ts'
import type { LogFormat } from './log-source.ts'
import { LogfmtLine, unquote } from './logfmt.ts'
import { quotedMessage, readText } from './text-line.ts'
import { trailingObject } from './trailing-json.ts'

const OPEN_BRACE = 123
const RETURN = 13

type Fields = { readonly [key: string]: LogValue }

// Lines are understood one after the other, so one of each is enough.
const fields = new FieldReader()
const json = new JsonLine()
const logfmt = new LogfmtLine()
const put = (key: string, value: LogValue): void => fields.attributes.put(key, value)

/**
 * Fills into `entry` what a line says of itself: time, severity, message, trace context, exception, attributes. What the entry says already, from
 * the way it came, stays where the line says nothing. Where not all of the line is in the entry, the line is too, as `log.record.original`.
 */
export function understandLine(text: string, format: LogFormat, entry: LogEntry): void {
  const line = text.charCodeAt(text.length - 1) === RETURN ? text.slice(0, -1) : text
  if (readLine(line, format, entry, 0)) entry.add('log.record.original', line)
}

/** The same for what came as a structure already. */
export function understandObject(value: Fields, entry: LogEntry): void {
  readFields(value, '', entry, 0)
}

// True where something of the line was lost. `depth` counts lines inside of lines.
function readLine(line: string, format: LogFormat, entry: LogEntry, depth: number): boolean {
  const start = firstOf(line)
  if (format !== 'text' && format !== 'logfmt' && line.charCodeAt(start) === OPEN_BRACE && json.read(line)) {
    const { value } = json
    return readFields(value as Fields, line, entry, depth)
  }
  if (format === 'json' && json.read(line)) {
    entry.body = json.value
    return json.lossy
  }
  if (format === 'logfmt' || (format === 'auto' && isPair(line, start))) {
    if (logfmt.read(line, 0, format === 'logfmt')) return readPairs(line, entry)
  }
  fields.open(entry, line)
  let isTimeLeft = false
  if (format === 'json' || format === 'logfmt') entry.body = line
  else isTimeLeft = readPlain(line, entry)
  return isTimeLeft || fields.attributes.lossy
}

function readFields(said: Fields, line: string, entry: LogEntry, depth: number): boolean {
  const value = line.startsWith(ZAP_SHORT) ? withLongNames(said) : said
  fields.open(entry, line)
  for (const key in value) fields.property(key, value[key])
  if (!fields.hasBody) {
    fields.reopen()
    for (const key in value) fields.property(key, value[key])
  }
  fields.close(value)
  let isLost = fields.attributes.lossy || (line !== '' && json.lossy)
  const { body } = entry
  const { messageKey } = fields
  if (depth === 0 && typeof body === 'string' && messageKey !== '' && isLineInside(messageKey, body)) {
    const inside = body.endsWith('\n') ? body.slice(0, -1) : body
    isLost = readLine(inside, 'auto', entry, depth + 1) || isLost
  }
  return isLost
}

// zap's development encoder has names of one letter; its level always comes first.
const ZAP_SHORT = '{"L":"'
const ZAP_NAMES: Readonly<Record<string, string>> = {
  L: 'level',
  T: 'ts',
  N: 'logger',
  C: 'caller',
  F: 'funcName',
  M: 'msg',
  S: 'stacktrace'
}

function withLongNames(value: Fields): Fields {
  if (typeof value.M !== 'string') return value
  const named: Record<string, LogValue> = Object.create(null)
  for (const key in value) {
    const name = Object.hasOwn(ZAP_NAMES, key) ? ZAP_NAMES[key] : key
    named[Object.hasOwn(value, name) ? key : name] = value[key]
  }
  return named
}

// What runs containers puts their lines into `log`; others write JSON as their message.
function isLineInside(key: string, body: string): boolean {
  return key === 'log' || (body.charCodeAt(0) === OPEN_BRACE && body.charCodeAt(body.trimEnd().length - 1) === 125)
}

function readPairs(line: string, entry: LogEntry): boolean {
  fields.open(entry, line)
  const { keys, values } = logfmt
  for (let i = 0; i < keys.length; i++) fields.field(keys[i], values[i])
  fields.close(line)
  return fields.attributes.lossy
}

function readPlain(line: string, entry: LogEntry): boolean {
  const isTimeLeft = readText(line, entry, put)
  const { body } = entry
  if (typeof body !== 'string') return isTimeLeft
  const quoted = quotedMessage(body)
  if (quoted > 0 && logfmt.read(body, quoted, true)) {
    const { keys, values } = logfmt
    for (let i = 0; i < keys.length; i++) fields.field(keys[i], values[i])
    fields.keepBody(unquote(body.slice(1, quoted - 2)))
  } else if (entry.severityText !== '') {
    const trailing = trailingObject(body)
    if (trailing !== null) {
      for (const key in trailing.value) fields.field(key, trailing.value[key])
      fields.keepBody(body.slice(0, trailing.at).trimEnd())
    }
  }
  // Ids stand in the head too, which has left the message.
  readInlineIds(line.includes('\u001b') ? body : line, fields)
  return isTimeLeft
}

function firstOf(line: string): number {
  let at = 0
  while (at < line.length && line.charCodeAt(at) <= 32) at++
  return at
}

// Cheap, and wrong only for lines that are looked at in full anyway: the first word has an equals sign.
function isPair(line: string, start: number): boolean {
  const equals = line.indexOf('=', start)
  if (equals <= start || equals - start > 64) return false
  for (let at = start; at < equals; at++) if (line.charCodeAt(at) <= 32) return false
  return true
}
