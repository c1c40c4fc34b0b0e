import type { Host } from '../../src/component.ts'
import { gpuFactsOff, podFactsOff } from '../../src/facts/off.ts'
import { Sockets } from '../../src/net/sockets.ts'
import { Metrics } from '../../src/telemetry/metrics.ts'

/** What a component is lent, for a test of one component by itself. */
export function host(parts: Partial<Host> = {}): Host {
  const silent = (): void => undefined
  return {
    name: 'test',
    log: { debug: silent, info: silent, warn: silent, error: silent },
    metrics: new Metrics(),
    sockets: new Sockets(),
    facts: { gpu: gpuFactsOff(), pod: podFactsOff() },
    stateDir: undefined,
    redactText: (value) => value,
    version: '0.0.0',
    books: () => [],
    ...parts
  }
}
