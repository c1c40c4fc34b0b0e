// Series, version 2: {"series":[{metric, type, points:[{timestamp, value}], interval, resources:[{type, name}], tags, unit}]}.
// https://docs.datadoghq.com/api/latest/metrics/#submit-metrics
import type { KeyValue } from '../../otlp/objects.ts'
import type { Cell, Family } from './cells.ts'
import type { MetricsFormat } from './metrics.ts'
import type { DatadogOptions } from './options.ts'
import { type Sender, senderOf, tagOf, textOf } from './tags.ts'
import { numberIn } from './totals.ts'

const COUNT = 1
const GAUGE = 3
/** The intake takes points from an hour ago to ten minutes ahead. */
const AGE_MAX_SECONDS = 3600
const AHEAD_MAX_SECONDS = 600
const TAGS_MAX = 200
const NAME_CHARACTERS_MAX = 200

type Settings = Pick<DatadogOptions, 'histograms' | 'resourceTags' | 'scopeTags' | 'hostname'>

export function seriesMetrics(url: URL, settings: Settings): MetricsFormat {
  return {
    request: { url, contentType: 'application/json' },
    refuses({ timeNano }, nowMs) {
      const ageSeconds = nowMs / 1000 - Number(timeNano / 1_000_000_000n)
      if (ageSeconds > AGE_MAX_SECONDS) return 'too-old'
      return ageSeconds < -AHEAD_MAX_SECONDS ? 'in-the-future' : null
    },
    write(cells) {
      const series: object[] = []
      let last: Family | undefined
      let common: Common | undefined
      for (const cell of cells) {
        if (common === undefined || last?.resource !== cell.family.resource || last?.scope !== cell.family.scope)
          common = commonOf(cell.family, settings)
        last = cell.family
        seriesOf(cell, common, settings, series)
      }
      return Buffer.from(JSON.stringify({ series }))
    }
  }
}

// Letters, digits, _ and dots, beginning with a letter.
function nameOf(name: string, suffix: string): string {
  const plain = name.replace(/[^A-Za-z0-9_.]/g, '_').replace(/^[^A-Za-z]+/, '')
  return `${plain.slice(0, NAME_CHARACTERS_MAX - suffix.length) || 'unnamed'}${suffix}`
}

interface Common {
  readonly host: string | undefined
  readonly tags: readonly string[]
}

function commonOf({ resource, scope }: Family, { resourceTags, scopeTags, hostname }: Settings): Common {
  const sender: Sender = senderOf(resource.attributes, hostname)
  const tags = [...(sender.service === undefined ? [] : [tagOf('service', sender.service)]), ...sender.tags]
  if (resourceTags) tags.push(...tagsOf(resource.attributes))
  else tags.push(...tagsOf(resource.attributes?.filter(({ key }) => key === 'service.instance.id')))
  if (scopeTags && scope?.name) tags.push(tagOf('otel.scope.name', scope.name))
  if (scopeTags && scope?.version) tags.push(tagOf('otel.scope.version', scope.version))
  return { host: sender.host, tags }
}

function tagsOf(attributes: readonly KeyValue[] | undefined): string[] {
  const tags: string[] = []
  for (const { key, value } of attributes ?? []) {
    const text = textOf(value)
    if (key && text?.trim()) tags.push(tagOf(key, text))
  }
  return tags
}

function seriesOf(cell: Cell, { host, tags }: Common, { histograms }: Settings, series: object[]): void {
  const { family, attributes, point, total, startNano, timeNano, min, max } = cell
  const { name = '', unit } = family.metric
  const timestamp = Number(timeNano / 1_000_000_000n)
  const interval = startNano === 0n ? 1 : Math.max(1, Math.round(Number(timeNano - startNano) / 1e9))
  const own = [...new Set([...tags, ...tagsOf(attributes)])].slice(0, TAGS_MAX)
  const resources = host === undefined ? [] : [{ type: 'host', name: host }]
  const add = (suffix: string, type: number, value: number, more: readonly string[] = []): void => {
    series.push({
      metric: nameOf(name, suffix),
      type,
      points: [{ timestamp, value }],
      ...(type === COUNT && { interval }),
      resources,
      tags: more.length === 0 ? own : [...own, ...more],
      ...(unit && /^[a-zA-Z/]+$/.test(unit) && { unit })
    })
  }
  if (total === null) {
    add('', GAUGE, numberIn(point ?? {}))
    return
  }
  if (total.kind === 'sum') {
    add('', COUNT, total.value)
    return
  }
  add('.count', COUNT, total.count)
  if (total.sum !== null) add('.sum', COUNT, total.sum)
  if (min !== undefined) add('.min', GAUGE, min)
  if (max !== undefined) add('.max', GAUGE, max)
  for (const { quantile = 0, value = 0 } of cell.quantiles ?? [])
    if (Number.isFinite(value)) add('.quantile', GAUGE, value, [`quantile:${quantile}`])
  if (total.kind !== 'histogram' || histograms !== 'counters') return
  for (let i = 0; i < total.buckets.length; i++) {
    const lower = i === 0 ? '-inf' : String(total.bounds[i - 1])
    const upper = i === total.bounds.length ? 'inf' : String(total.bounds[i])
    add('.bucket', COUNT, total.buckets[i], [`lower_bound:${lower}`, `upper_bound:${upper}`])
  }
}
