import type { Family } from '../telemetry/metrics.ts'

/** Counts durations by upper bounds, in seconds. */
export class Histogram {
  readonly name: string
  readonly help: string
  private readonly bounds: readonly number[]
  private readonly counts: number[]
  private sum = 0

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.name = name
    this.help = help
    this.bounds = bounds
    this.counts = new Array(bounds.length + 1).fill(0)
  }

  observe(seconds: number): void {
    const at = this.bounds.findIndex((bound) => seconds <= bound)
    this.counts[at === -1 ? this.bounds.length : at]++
    this.sum += seconds
  }

  /** In Prometheus' text format. */
  page(): string {
    let total = 0
    const buckets = this.counts.map((count, i) => {
      total += count
      return `${this.name}_bucket{le="${this.bounds[i] ?? '+Inf'}"} ${total}\n`
    })
    return `${headOf(this.name, this.help, 'histogram')}${buckets.join('')}${this.name}_sum ${this.sum}\n${this.name}_count ${total}\n`
  }
}

export const TEXT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Plain families and histograms as a page for Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/ */
export function textPage(families: readonly Family[], histograms: readonly Histogram[]): string {
  const plain = families.map(({ name, help, type, samples }) => {
    const lines = samples.map(({ labels, value }) => `${name}${labelsOf(labels)} ${value}\n`)
    return `${headOf(name, help, type)}${lines.join('')}`
  })
  return [...plain, ...histograms.map((histogram) => histogram.page())].join('')
}

function headOf(name: string, help: string, type: string): string {
  return `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n`
}

function labelsOf(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
