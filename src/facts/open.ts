import type { Facts } from './facts.ts'
import { gpuFactsOff, podFactsOff } from './off.ts'

/** What a configuration says about facts; the section `facts` of the file is made to fit. */
export interface FactsOptions {
  readonly gpu: {
    readonly source: 'auto' | 'nvidia-smi' | 'node' | 'off'
    readonly command: string
    readonly interval: number
    readonly slowInterval: number
    readonly timeout: number
    readonly node?: string | undefined
  }
  readonly pod: { readonly source: 'auto' | 'downward' | 'kubelet' | 'off' }
}

interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export interface OpenFacts extends Facts {
  /** Ends what keeps the facts fresh: timers, children, connections. */
  stop(): Promise<void>
}

/** Starts to watch what the configuration asks for. Never waits for the outside: what is not known yet is absent. */
export async function openFacts(_options: FactsOptions, _log: Log, _metrics: unknown): Promise<OpenFacts> {
  return { gpu: gpuFactsOff(), pod: podFactsOff(), stop: async () => undefined }
}
