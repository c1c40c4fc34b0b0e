import type { GpuFacts } from '../facts.ts'
import { gpuFactsOff } from '../off.ts'
import { firstWorking } from './first-working.ts'
import { Poller, type PollerOptions, type PollerParts } from './poller.ts'

export interface GpuOptions extends PollerOptions {
  readonly source: 'auto' | 'nvidia-smi' | 'node' | 'off'
}

export interface GpuParts extends PollerParts {
  /** The facts of the node's gateway, where one is named. */
  readonly node?: GpuFacts & { stop(): Promise<void> | void }
}

export interface OpenGpuFacts {
  readonly facts: GpuFacts
  /** Resolves after the first look at this machine's own GPUs, whatever it gave; at once where there is none. */
  readonly firstLook: Promise<void>
  stop(): Promise<void>
}

/** Starts to watch GPUs. Returns at once: what is not known yet is absent. Stops `node` too. */
export function openGpuFacts(options: GpuOptions, { node, ...parts }: GpuParts): OpenGpuFacts {
  const { source } = options
  if (source === 'off' || (source === 'node' && node === undefined))
    return { facts: gpuFactsOff(), firstLook: Promise.resolve(), stop: async () => node?.stop() }
  if (source === 'node') return { facts: node!, firstLook: Promise.resolve(), stop: async () => node!.stop() }
  const own = new Poller(options, parts)
  return {
    facts: source === 'auto' && node !== undefined ? firstWorking(own, node) : own,
    firstLook: own.firstLook,
    stop: async () => {
      await Promise.all([own.stop(), node?.stop()])
    }
  }
}
