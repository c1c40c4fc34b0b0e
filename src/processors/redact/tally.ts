import type { Counter } from '../../telemetry/metrics.ts'

/** Adds up finds by rule, signal and place, and passes the sums on once a request, since counting by labels costs as much as a find. */
export class Tally {
  private readonly counter: Counter
  private readonly bySignal = new Map<string, Map<string, Map<string, number>>>()

  constructor(counter: Counter) {
    this.counter = counter
  }

  add(rule: string, signal: string, place: string): void {
    const byPlace = inner(this.bySignal, signal)
    const byRule = inner(byPlace, place)
    byRule.set(rule, (byRule.get(rule) ?? 0) + 1)
  }

  flush(): void {
    if (this.bySignal.size === 0) return
    for (const [signal, byPlace] of this.bySignal)
      for (const [place, byRule] of byPlace) for (const [rule, count] of byRule) this.counter.add(count, { rule, signal, place })
    this.bySignal.clear()
  }
}

function inner<T>(map: Map<string, Map<string, T>>, key: string): Map<string, T> {
  let found = map.get(key)
  if (found === undefined) {
    found = new Map()
    map.set(key, found)
  }
  return found
}
