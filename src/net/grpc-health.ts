import { RefusedError } from '../errors.ts'
import type { UnaryMethod } from './grpc-call.ts'
import type { BodyLimits } from './limits.ts'
import { NOT_FOUND, StatusError } from './rpc-status.ts'

// HealthCheckResponse { status = 1 }, of which SERVING is 1: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
const SERVING = Buffer.from([1 << 3, 1])

/** grpc.health.v1.Health/Check for the named services and for the server as a whole (""). */
export function healthCheck(services: readonly string[], limits: BodyLimits, refuse: UnaryMethod['refuse']): UnaryMethod {
  return {
    path: '/grpc.health.v1.Health/Check',
    limits,
    refuse,
    handle(message) {
      const service = serviceOf(message)
      if (service === '' || services.includes(service)) return SERVING
      throw new StatusError(NOT_FOUND, 'not-found', 'this service is not known here')
    }
  }
}

// HealthCheckRequest { string service = 1 }. Names of 128 bytes and more, whose length takes two bytes, are nobody's.
function serviceOf(message: Buffer): string {
  if (message.length === 0) return ''
  if (message[0] !== 0x0a || message[1] !== message.length - 2) throw new RefusedError('invalid', 'the request is not a HealthCheckRequest')
  return message.toString('utf8', 2)
}
