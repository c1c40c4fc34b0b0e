/** One series of one of the gateway's own metrics, as it is shown on `/metrics`. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  /** Full name; counters end in `_total`. */
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  readonly samples: readonly Sample[]
}

type Labels = Readonly<Record<string, string>>

/** A number that only grows, one per set of labels. */
export interface Counter {
  add(value: number, labels?: Labels): void
}

/**
 * The gateway's own numbers: plain counters in memory, and gauges that are read when somebody looks. Asking twice for a name gives the same
 * metric. Labels come from configuration and code, never from telemetry, so their number is bounded by design.
 */
export class Metrics {
  private readonly counters = new Map<string, { help: string; series: Map<string, { labels: Labels; value: number }> }>()
  private readonly gauges = new Map<string, { help: string; type: Family['type']; read: () => readonly Sample[] }>()

  counter(name: string, help: string): Counter {
    let found = this.counters.get(name)
    if (found === undefined) {
      found = { help, series: new Map() }
      this.counters.set(name, found)
    }
    const { series } = found
    return {
      add(value, labels = {}) {
        let key = ''
        for (const name in labels) key += `${name}\0${labels[name]}\0`
        const known = series.get(key)
        if (known !== undefined) known.value += value
        else series.set(key, { labels, value })
      }
    }
  }

  /** Registers numbers that somebody else keeps; the last registration of a name counts, so that a reloaded component takes over. */
  observe(name: string, help: string, type: Family['type'], read: () => readonly Sample[]): void {
    this.gauges.set(name, { help, type, read })
  }

  families(): Family[] {
    const counters = Array.from(
      this.counters,
      ([name, { help, series }]): Family => ({ name, help, type: 'counter', samples: [...series.values()] })
    )
    const observed = Array.from(this.gauges, ([name, { help, type, read }]): Family => ({ name, help, type, samples: read() }))
    return [...counters, ...observed].sort((a, b) => (a.name < b.name ? -1 : 1))
  }
}
