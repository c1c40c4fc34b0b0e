import { RefusedError } from '../../errors.ts'
import { type HttpAnswer, plainAnswer } from '../../net/http-server.ts'
import { type HttpIntake, jsonAnswer, lineIn, mediaTypeOf, type Records } from './http-intake.ts'
import { JsonValues } from './json-values.ts'

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const OPEN_ARRAY = 0x5b
const OPEN_OBJECT = 0x7b

const EXPECTED = 'expected application/json, application/x-ndjson or text/plain'

/**
 * Lines of JSON or of text, a JSON object, or an array of them, at /logs; and at /, where Winston’s Http transport posts. Winston takes no other
 * status than 200 for success. What is no JSON where JSON was announced is kept as text.
 */
export const lines: HttpIntake = {
  transport: 'http',
  paths: ['/logs', '/'],
  admit(headers) {
    if (formOf(mediaTypeOf(headers)) === undefined)
      throw new RefusedError('unsupported', `this content type is not spoken here, ${EXPECTED}`)
  },
  read({ headers, body }, records) {
    const form = formOf(mediaTypeOf(headers))
    if (form === 'json' || (form === 'any' && startsWithArray(body))) readValues(body, records)
    else readLines(body, records, form === 'json-lines')
    const { lines, malformed } = records
    return jsonAnswer(200, malformed === 0 ? { lines } : { lines, malformed })
  },
  refuse: ({ message }, status, headers): HttpAnswer =>
    status === 415 ? plainAnswer(status, message, headers) : jsonAnswer(status, { error: message }, headers)
}

type Form = 'json' | 'json-lines' | 'lines' | 'any'

const FORMS: Readonly<Record<string, Form>> = {
  '': 'any',
  'application/json': 'json',
  'application/x-ndjson': 'json-lines',
  'application/ndjson': 'json-lines',
  'application/jsonl': 'json-lines',
  'application/x-jsonl': 'json-lines',
  'application/jsonlines': 'json-lines',
  'application/json-lines': 'json-lines',
  'application/x-jsonlines': 'json-lines',
  'application/octet-stream': 'any',
  // What curl says of its --data unless it is told otherwise.
  'application/x-www-form-urlencoded': 'any',
  'application/logplex-1': 'lines'
}

function formOf(mediaType: string): Form | undefined {
  if (Object.hasOwn(FORMS, mediaType)) return FORMS[mediaType]
  if (/^text\/(json|.*\+json)$|^application\/.*\+json$/.test(mediaType)) return 'json'
  return mediaType.startsWith('text/') ? 'lines' : undefined
}

function startsWithArray(body: Uint8Array): boolean {
  let at = 0
  while (at < body.length && body[at] <= 0x20) at++
  if (body[at] !== OPEN_ARRAY) return false
  for (at++; at < body.length && body[at] <= 0x20; ) at++
  return body[at] === OPEN_OBJECT
}

function readValues(body: Buffer, records: Records): void {
  const values = new JsonValues(body)
  while (values.next()) takeLine(lineIn(body.toString('utf8', values.start, values.end)), records, true)
}

function readLines(body: Buffer, records: Records, isJson: boolean): void {
  const { length } = body
  let start = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0
  while (start < length) {
    const feed = body.indexOf(LINE_FEED, start)
    const next = feed === -1 ? length : feed
    const end = next > start && body[next - 1] === CARRIAGE_RETURN ? next - 1 : next
    if (end > start) takeLine(body.toString('utf8', start, end), records, isJson)
    start = next + 1
  }
}

function takeLine(text: string, records: Records, isJson: boolean): void {
  const { entry } = records
  entry.reset(records.receivedMs)
  entry.body = text
  records.line(entry)
  // A line that was JSON has a body of its own now.
  if (isJson && entry.body === text) records.malformed++
}
