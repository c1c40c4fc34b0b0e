import { RefusedError } from '../../errors.ts'
import type { LogEntry, LogValue } from '../../logs/log-entry.ts'
import { understandObject } from '../../logs/understand.ts'
import { type HttpIntake, jsonAnswer, lineIn, mediaTypeOf, objectIn, type Records } from './http-intake.ts'
import { JsonValues } from './json-values.ts'

// https://docs.datadoghq.com/api/latest/logs/#send-logs
const BODY_BYTES_MAX = 5 * 1024 * 1024
const ENTRIES_MAX = 1000
const TAGS_MAX = 100
const TAG_LENGTH_MAX = 200

type Entry = Record<string, LogValue>

/**
 * Datadog’s intake of logs, version 2 and the one before: whoever logs to Datadog over HTTP can send here instead. The API key may come, and is
 * neither needed nor kept.
 */
export const datadogLogs: HttpIntake = {
  transport: 'datadog',
  paths: ['/api/v2/logs', '/v1/input', '/v1/input/:key'],
  bodyBytesMax: BODY_BYTES_MAX,
  read({ headers, query, body }, records) {
    const parameters = parametersOf(query)
    if (mediaTypeOf(headers) === 'text/plain') readLines(body, records, parameters)
    else readEntries(body, records, parameters)
    return jsonAnswer(202, {})
  },
  refuse: ({ message }, status, headers) =>
    jsonAnswer(status, { errors: [{ status: String(status), title: TITLES[status] ?? 'Error', detail: message }] }, headers)
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable'
}

/** What the URL may say for all entries that do not say it themselves. */
const PARAMETERS = ['ddsource', 'ddtags', 'hostname', 'service'] as const

function parametersOf(query: string): Entry {
  const given = new URLSearchParams(query)
  const parameters: Entry = {}
  for (const name of PARAMETERS) {
    const value = given.get(name)
    if (value !== null && value !== '') parameters[name] = value
  }
  return parameters
}

function readLines(body: Buffer, records: Records, parameters: Entry): void {
  for (const line of body.toString('utf8').split('\n', ENTRIES_MAX + 1)) {
    const message = line.endsWith('\r') ? line.slice(0, -1) : line
    if (message === '') continue
    if (records.lines >= ENTRIES_MAX) throw tooMany()
    addEntry({ message }, records, parameters)
  }
}

function readEntries(body: Buffer, records: Records, parameters: Entry): void {
  const values = new JsonValues(body)
  while (values.next()) {
    if (records.lines >= ENTRIES_MAX) throw tooMany()
    const text = body.toString('utf8', values.start, values.end)
    const value = objectIn(text, values)
    if (value === undefined && !text.startsWith('"')) records.malformed++
    addEntry(value ?? { message: lineIn(text) }, records, parameters)
  }
  if (records.lines > 0 && records.malformed === records.lines)
    throw new RefusedError('invalid', 'the body is not JSON, expected an array of logs')
}

function tooMany(): RefusedError {
  return new RefusedError('too-large', `more than ${ENTRIES_MAX} logs in one request`)
}

function addEntry(value: Entry, records: Records, parameters: Entry): void {
  const { entry, receivedMs } = records
  entry.reset(receivedMs)
  const { ddtags, ddsource, ...said } = { ...parameters, ...value }
  understandObject(said, entry)
  if (typeof ddsource === 'string' && ddsource !== '') put(entry, 'datadog.log.source', ddsource)
  if (typeof parameters.ddtags === 'string') addTags(parameters.ddtags, entry)
  if (ddtags !== parameters.ddtags) addTags(ddtags, entry)
  // What a log agent has read is a line of its own.
  if (typeof said.message === 'string' && entry.body === said.message) records.line(entry)
  else records.record(entry)
}

const TAG_NAMES: Readonly<Record<string, string>> = { env: 'deployment.environment.name', version: 'service.version' }

// `name:value,name:value`; a tag without a value is one that is so. A name that comes again has several values.
function addTags(tags: LogValue | undefined, entry: LogEntry): void {
  const texts = typeof tags === 'string' ? tags.split(',', TAGS_MAX) : Array.isArray(tags) ? tags.slice(0, TAGS_MAX) : []
  for (const one of texts) {
    if (typeof one !== 'string') continue
    const tag = one.trim().slice(0, TAG_LENGTH_MAX)
    const colon = tag.indexOf(':')
    const name = colon === -1 ? tag : tag.slice(0, colon)
    const value = colon === -1 ? true : tag.slice(colon + 1)
    if (name === '') continue
    if (name === 'service') {
      if (entry.serviceName === '') entry.serviceName = String(value)
    } else put(entry, Object.hasOwn(TAG_NAMES, name) ? TAG_NAMES[name] : name, value)
  }
}

function put(entry: LogEntry, key: string, value: LogValue): void {
  const at = entry.keys.indexOf(key)
  if (at === -1) {
    entry.add(key, value)
    return
  }
  const before = entry.values[at]
  const all = Array.isArray(before) ? before : [before]
  if (!all.includes(value)) entry.values[at] = [...all, value]
}
