import { parseBatch } from '../../batch.ts'
import type { Host, Push } from '../../component.ts'
import type { OtlpSignal } from '../../otlp/signal.ts'

/** Takes a request in as protobuf bytes, with the IP address of its sender. Resolves when it is durable or consumed; throws RefusedError when not. */
export type Intake = (bytes: Uint8Array, sender: string | undefined) => Promise<void>

export function intakeOf(signal: OtlpSignal, transport: string, push: Push, host: Host): Intake {
  const labels = { receiver: host.name, transport, signal }
  const requests = host.metrics.counter('sluice_receiver_requests_total', 'Requests that a receiver accepted.')
  const bodies = host.metrics.counter('sluice_receiver_bytes_total', 'Bytes of accepted requests, inflated, as protobuf.')
  return async (bytes, sender) => {
    const batch = parseBatch(signal, bytes, Date.now(), sender)
    if (batch.items > 0) await push(batch)
    requests.add(1, labels)
    bodies.add(bytes.length, labels)
  }
}
