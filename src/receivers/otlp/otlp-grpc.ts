import type { Host, Push } from '../../component.ts'
import { type GrpcListener, type GrpcSettings, healthCheck, listenGrpc, type UnaryMethod } from '../../net/grpc-server.ts'
import type { BodyLimits } from '../../net/limits.ts'
import type { OtlpSignal } from '../../otlp/signal.ts'
import type { Refusals } from '../../telemetry/refusals.ts'
import { intakeOf } from './intake.ts'
import type { ListenAt } from './listen-at.ts'

const SERVICES: Record<OtlpSignal, string> = {
  traces: 'opentelemetry.proto.collector.trace.v1.TraceService',
  metrics: 'opentelemetry.proto.collector.metrics.v1.MetricsService',
  logs: 'opentelemetry.proto.collector.logs.v1.LogsService',
  profiles: 'opentelemetry.proto.collector.profiles.v1development.ProfilesService'
}

// An Export<Signal>ServiceResponse without a partial success.
const ACCEPTED = new Uint8Array(0)

/** Serves the four Export services and the health service at one address. */
export function listenOtlpGrpc(
  { sockets, address, option, settings }: ListenAt<GrpcSettings>,
  limits: BodyLimits,
  push: Push,
  host: Host,
  refusals: Refusals
): Promise<GrpcListener> {
  const refuse = (error: unknown) => refusals.of(error)
  const methods = Object.entries(SERVICES).map(([signal, service]): UnaryMethod => {
    const take = intakeOf(signal as OtlpSignal, 'grpc', push, host)
    const handle = async (message: Buffer, remoteAddress: string | undefined): Promise<Uint8Array> => {
      await take(message, remoteAddress)
      return ACCEPTED
    }
    return { path: `/${service}/Export`, limits, handle, refuse }
  })
  return listenGrpc(sockets, address, option, [...methods, healthCheck(Object.values(SERVICES), limits, refuse)], settings)
}
