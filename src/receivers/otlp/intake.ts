import { parseBatch } from '../../batch.ts'
import type { Host, Push } from '../../component.ts'
import type { OtlpSignal } from '../../otlp/signal.ts'

/** Takes one signal's requests in as protobuf bytes. Resolves when they are durable or consumed; throws RefusedError when not. */
export function intakeOf(signal: OtlpSignal, transport: string, push: Push, host: Host): (bytes: Uint8Array) => Promise<void> {
  const labels = { receiver: host.name, transport, signal }
  const requests = host.metrics.counter('sluice_receiver_requests_total', 'Requests that a receiver accepted.')
  const bodies = host.metrics.counter('sluice_receiver_bytes_total', 'Bytes of accepted requests, inflated, as protobuf.')
  return async (bytes) => {
    const batch = parseBatch(signal, bytes)
    if (batch.items > 0) await push(batch)
    requests.add(1, labels)
    bodies.add(bytes.length, labels)
  }
}
