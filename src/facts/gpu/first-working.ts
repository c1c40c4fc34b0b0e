import type { GpuFacts } from '../facts.ts'
import { GOOD_STATES } from './states.ts'

/**
 * The facts of this machine where they can be had, else those of the node's gateway. Each question is answered by the one that works at that time; one
 * that has seen GPUs keeps being asked, for it remembers them.
 */
export function firstWorking(own: GpuFacts, node: GpuFacts): GpuFacts {
  const ownWorks = (): boolean => own.devices().length > 0 || GOOD_STATES.includes(own.state.state)
  const source = (): GpuFacts => (ownWorks() || node.state.state !== 'ok' ? own : node)
  return {
    get state() {
      return source().state
    },
    devices: () => source().devices(),
    lost: () => source().lost(),
    at: (uuid, atMs) => source().at(uuid, atMs),
    latest: (uuid) => source().latest(uuid),
    over: (uuid, startMs, endMs) => source().over(uuid, startMs, endMs),
    owners: (uuid) => source().owners(uuid),
    onSample: (listener) => {
      const stops = [own, node].map((each) => each.onSample(() => each === source() && listener()))
      return () => {
        for (const stop of stops) stop()
      }
    }
  }
}
