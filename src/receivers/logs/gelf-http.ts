import { RefusedError } from '../../errors.ts'
import { type HttpAnswer, plainAnswer } from '../../net/http-server.ts'
import { readGelf } from './gelf-message.ts'
import { type HttpIntake, objectIn } from './http-intake.ts'
import { JsonValues } from './json-values.ts'

const ACCEPTED: HttpAnswer = { status: 202, headers: {}, body: '' }

/** GELF over HTTP: a message, or several one after the other, whatever the content type says. */
export const gelfOverHttp: HttpIntake = {
  transport: 'gelf-http',
  paths: ['/gelf'],
  read({ body }, records) {
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
