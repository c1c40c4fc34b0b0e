import { RefusedError } from '../../errors.ts'
import { type HttpAnswer, type HttpRequest, plainAnswer } from '../../net/http-server.ts'
import { JsonFault } from '../../otlp/json-scanner.ts'
import { WireError } from '../../otlp/wire.ts'
import { type HttpIntake, mediaTypeOf, type Records } from './http-intake.ts'
import { readLokiJson } from './loki-json.ts'
import { LabelFault } from './loki-labels.ts'
import { readLokiProtobuf } from './loki-protobuf.ts'
import { LokiRecords } from './loki-records.ts'
import { snappySize, uncompressSnappy } from './snappy.ts'

const ACCEPTED: HttpAnswer = { status: 204, headers: {}, body: '' }

/** Loki’s push, as Promtail, Alloy, Fluent Bit, Vector and the log drivers of Docker and many languages speak it. */
export const loki: HttpIntake = {
  transport: 'loki',
  paths: ['/loki/api/v1/push', '/api/prom/push'],
  // Some name the compression that is part of the protocol, some do not.
  ownCoding: 'snappy',
  admit(headers) {
    if (formOf(mediaTypeOf(headers)) === undefined)
      throw new RefusedError('unsupported', 'this content type is not spoken here, expected application/x-protobuf or application/json')
  },
  read(request, records) {
    try {
      readPush(request, records)
    } catch (error) {
      if (error instanceof JsonFault || error instanceof WireError || error instanceof LabelFault)
        throw new RefusedError('invalid', `loki: ${error.message}`)
      throw error
    }
    return ACCEPTED
  },
  refuse: ({ message }, status, headers) => plainAnswer(status, message, headers)
}

function formOf(mediaType: string): 'json' | 'protobuf' | undefined {
  if (mediaType === 'application/json') return 'json'
  // Without a type it is protobuf, as for Loki.
  return mediaType === 'application/x-protobuf' || mediaType === 'application/protobuf' || mediaType === '' ? 'protobuf' : undefined
}

function readPush({ headers, body }: HttpRequest, records: Records): void {
  const taken = new LokiRecords(records)
  if (formOf(mediaTypeOf(headers)) === 'json') {
    readLokiJson(body, taken)
    return
  }
  const size = snappySize(body)
  if (size <= records.bodyBytesMax) records.hold(size)
  readLokiProtobuf(uncompressSnappy(body, records.bodyBytesMax), taken)
}
