import type { Metrics } from '../../telemetry/metrics.ts'
import { GPU_STATES, type GpuFacts } from '../facts.ts'
import type { Look } from './nvidia-smi.ts'

/** Counts one look: how long it took, what it gave, and what of it was turned away. */
export type CountPoll = (kind: 'fast' | 'slow', look: Look, refusedDevices: number, durationMs: number) => void

// Who asks is not off.
const STATES = GPU_STATES.filter((state) => state !== 'off')

/** Shows how asking for the GPUs goes, among the gateway's own numbers. */
export function countPolls(metrics: Metrics, state: () => GpuFacts['state'], newestMs: () => number | undefined): CountPoll {
  const polls = metrics.counter('sluice_gpu_polls_total', 'Looks at the GPUs, by kind (fast, slow) and what came of them.')
  const seconds = metrics.counter(
    'sluice_gpu_poll_duration_seconds_total',
    'Time that looks at the GPUs took, by kind; sluice_gpu_polls_total is their number.'
  )
  const refused = metrics.counter('sluice_gpu_refused_total', 'Rows that could not be read (row), and GPUs there was no room for (device).')
  const absent = metrics.counter(
    'sluice_gpu_values_absent_total',
    'Values that were asked for and not given, by reason: lost, reset required and unknown error tell of a GPU in trouble.'
  )
  metrics.observe('sluice_gpu_state', 'Whether GPU facts are in this state.', 'gauge', () => {
    const now = state()
    return STATES.map((each) => ({ labels: { state: each, source: now.source }, value: each === now.state ? 1 : 0 }))
  })
  metrics.observe('sluice_gpu_sample_age_seconds', 'Age of the newest sample of a GPU; absent before the first.', 'gauge', () => {
    const atMs = newestMs()
    return atMs === undefined ? [] : [{ labels: {}, value: (Date.now() - atMs) / 1_000 }]
  })
  return (kind, look, refusedDevices, durationMs) => {
    polls.add(1, { kind, outcome: look.verdict.state })
    seconds.add(durationMs / 1_000, { kind })
    refused.add(look.refusedRows, { what: 'row' })
    refused.add(refusedDevices, { what: 'device' })
    for (const reading of look.readings) for (const reason of Object.values(reading.absent)) absent.add(1, { reason })
  }
}
