import { gunzipSync, inflateSync } from 'node:zlib'
import { RefusedError } from '../../errors.ts'
import { type HttpAnswer, plainAnswer } from '../../net/http-server.ts'
import { GELF_BYTES_MAX } from './gelf.ts'
import { readGelf } from './gelf-message.ts'
import { type HttpIntake, objectIn, type Records } from './http-intake.ts'
import { JsonValues } from './json-values.ts'

const ACCEPTED: HttpAnswer = { status: 202, headers: {}, body: '' }

/** GELF over HTTP: a message, or several one after the other, whatever the content type says; gzip and zlib are told by their first bytes. */
export const gelfOverHttp: HttpIntake = {
  transport: 'gelf-http',
  paths: ['/gelf'],
  // What clients of Python say of zlib.
  ownCoding: 'gzip,deflate',
  read(request, records) {
    const body = inflated(request.body, records)
    const values = new JsonValues(body)
    while (values.next()) {
      const text = body.toString('utf8', values.start, values.end)
      const message = objectIn(text, values)
      const { entry } = records
      entry.reset(records.receivedMs)
      if (message !== undefined) readGelf(message, text, entry)
      else {
        entry.body = text
        records.malformed++
      }
      records.line(entry)
    }
    if (records.lines > 0 && records.malformed === records.lines) throw new RefusedError('invalid', 'gelf: the body is no JSON object')
    return ACCEPTED
  },
  refuse: ({ message }, status, headers) => plainAnswer(status, message, headers)
}

function inflated(body: Buffer, records: Records): Buffer {
  const isGzip = body[0] === 0x1f && body[1] === 0x8b
  if (!isGzip && body[0] !== 0x78) return body
  const options = { maxOutputLength: Math.min(GELF_BYTES_MAX, records.bodyBytesMax) }
  let message: Buffer
  try {
    message = isGzip ? gunzipSync(body, options) : inflateSync(body, options)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new RefusedError('too-large', `gelf: the body is larger than ${options.maxOutputLength} bytes`)
    throw new RefusedError('invalid', 'gelf: the compressed body is damaged')
  }
  records.hold(message.length)
  return message
}
