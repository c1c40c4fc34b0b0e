import { SIGNALS } from './batch.ts'
import type { Deliveries } from './deliveries.ts'
import type { Ledger } from './ledger.ts'
import type { Queue } from './queue/queue.ts'
import type { Metrics } from './telemetry/metrics.ts'

/** Shows on `/metrics` what became of every item, and how the queue is. */
export function showBooks(metrics: Metrics, ledger: Ledger, queue: Queue, deliveries: Deliveries): void {
  metrics.observe('sluice_items_total', 'What became of every item, by place and outcome.', 'counter', () => [
    ...ledger.samples(),
    ...deliveries.samples()
  ])
  metrics.observe('sluice_items_held', 'Items that wait for an exporter.', 'gauge', () =>
    deliveries.state().map(({ exporter, signal, held }) => ({ labels: { exporter, signal }, value: held }))
  )
  metrics.observe(
    'sluice_ledger_residue',
    'Items that came in and are accounted for nowhere; anything but 0 is a fault of the gateway.',
    'gauge',
    () => SIGNALS.map((signal) => ({ labels: { signal }, value: ledger.residue(signal) }))
  )
  metrics.observe('sluice_exporter_failing', '1 while every attempt of an exporter fails.', 'gauge', () =>
    deliveries.state().map(({ exporter, signal, failing }) => ({ labels: { exporter, signal }, value: failing === null ? 0 : 1 }))
  )
  const show = (name: string, help: string, read: () => number): void =>
    metrics.observe(name, help, 'gauge', () => [{ labels: {}, value: read() }])
  show('sluice_queue_bytes', 'Bytes that wait in the queue.', () => queue.state().bytes)
  show('sluice_queue_bytes_max', 'Bytes that may wait in the queue.', () => queue.state().bytesMax)
  show('sluice_queue_oldest_seconds', 'Age of what has waited longest in the queue, in seconds.', () => queue.state().oldestMs / 1000)
  show('sluice_queue_degraded', '1 while the queue is kept in memory because the disk fails or is full.', () =>
    queue.state().degraded === null ? 0 : 1
  )
}
