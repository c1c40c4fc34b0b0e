import type { Family as OwnFamily } from '../../telemetry/metrics.ts'
import { type Exemplar, exemplarText, sampleNumber } from './exemplars.ts'
import { OctaveRange, type Shown, showHistogram } from './histogram-lines.ts'
import { escapeLabels, escapeText, labelsText } from './labels.ts'
import { type Escaping, escapeMetric, type FamilyType, isClassicMetric, type Translation } from './names.ts'
import type { Format } from './negotiate.ts'
import type { Registry } from './registry.ts'
import { type Family, type Series, sampleNames } from './series.ts'
import { NumberValue, newValue, SummaryValue, type Value } from './values.ts'

export const OMIT_REASONS = ['name_conflict', 'duplicate', 'page_full'] as const
export type OmitReason = (typeof OMIT_REASONS)[number]

/** Tells how many series could not be written on a page, and why. */
export type Omit = (reason: OmitReason, series: number) => void

/**
 * One whole page: the gateway's own families, target_info, and what was folded. A family whose name is taken, as names are written in this
 * format and escaping, and a series that is there already are left out and told to `omit`, so that the page as a whole is always one that a
 * strict parser takes.
 *
 * Text 0.0.4 and 1.0.0: https://prometheus.io/docs/instrumenting/exposition_formats/
 * OpenMetrics: https://prometheus.io/docs/specs/om/open_metrics_spec/
 */
export function writePage(registry: Registry, own: readonly OwnFamily[], format: Format, omit: Omit): string {
  const infos = new Set<string>()
  for (const { info } of registry.targets.values()) if (info !== '') infos.add(info)
  const page = new Page(registry.naming.translation, format, omit)
  page.plan(infos.size > 0, [...own, ...registry.families.values()])
  for (const family of own) page.writeOwn(family, registry.families.get(family.name))
  if (infos.size > 0) page.writeTargets(infos)
  for (const family of registry.families.values()) page.writeFolded(family)
  return page.end()
}

interface Head {
  readonly name: string
  readonly type: FamilyType
  readonly help: string
  readonly unit?: string
}

class Page {
  private readonly openMetrics: boolean
  private readonly escaping: Escaping
  /** Labels are written as they are stored. */
  private readonly asStored: boolean
  private readonly omit: Omit
  private text = ''
  private readonly chunks: string[] = []
  private chars = 0
  /** Names of samples, and in OpenMetrics of families, by the family that has them. */
  private readonly taken = new Map<string, string>()
  private readonly admitted = new Set<string>()
  private readonly written = new Set<string>()
  private readonly bounds = new Map<number, string>()
  // Of the family that is being written:
  private name = ''
  private isClassic = true
  private type: FamilyType = 'unknown'
  private seen: Set<string> | null = null

  constructor(translation: Translation, { openMetrics, escaping }: Format, omit: Omit) {
    this.openMetrics = openMetrics
    this.escaping = escaping
    this.asStored = escaping === 'allow-utf-8' || (translation.startsWith('underscores') && escaping !== 'dots')
    this.omit = omit
  }

  /** Gives the names out; who comes first has them. */
  plan(hasTargets: boolean, families: readonly Head[]): void {
    if (hasTargets) this.taken.set(escapeMetric('target_info', this.escaping), TARGETS)
    for (const { name, type } of families) {
      const claims = sampleNames(escapeMetric(name, this.escaping), type)
      if (!claims.every((claim) => (this.taken.get(claim) ?? name) === name)) continue
      for (const claim of claims) this.taken.set(claim, name)
      this.admitted.add(name)
    }
  }

  writeOwn(own: OwnFamily, folded: Family | undefined): void {
    if (folded !== undefined && folded.type !== own.type) this.omit('name_conflict', folded.series.size)
    if (!this.open(own)) {
      this.omit('name_conflict', own.samples.length)
      return
    }
    const values = new Map<string, number>()
    for (const { labels, value } of own.samples) {
      const text = labelsText(
        Object.entries(labels)
          .filter(([, text]) => text !== '')
          .sort()
      )
      values.set(text, (values.get(text) ?? 0) + value)
    }
    for (const [labels, value] of values) this.sample('', this.labelsOf(labels) ?? labels, value)
    if (folded?.type !== own.type) return
    // Another gateway's numbers of the same name, with its job and instance among their labels.
    for (const series of folded.series.values()) {
      if (values.has(series.labels)) this.omit('duplicate', 1)
      else this.writeSeries(series, null)
    }
  }

  writeTargets(infos: ReadonlySet<string>): void {
    const isInfo = this.openMetrics && !this.taken.has(escapeMetric('target', this.escaping))
    if (isInfo) this.taken.set(escapeMetric('target', this.escaping), TARGETS)
    this.start(escapeMetric(isInfo ? 'target' : 'target_info', this.escaping), isInfo ? 'info' : 'gauge', TARGET_HELP, '')
    for (const info of infos) {
      const labels = this.labelsOf(info)
      if (labels === null) this.omit('duplicate', 1)
      else this.sample(isInfo ? '_info' : '', labels, 1)
    }
  }

  writeFolded(family: Family): void {
    if (this.written.has(family.name) || family.series.size === 0) return
    if (!this.open(family)) {
      this.omit('name_conflict', family.series.size)
      return
    }
    const range = family.type === 'histogram' ? new OctaveRange(family) : null
    for (const series of family.series.values()) this.writeSeries(series, range)
  }

  end(): string {
    this.chunks.push(this.text, this.openMetrics ? '# EOF\n' : '')
    return this.chunks.join('')
  }

  private open({ name, type, help, unit = '' }: Head): boolean {
    if (!this.admitted.has(name)) return false
    this.written.add(name)
    const escaped = escapeMetric(name, this.escaping)
    this.start(escaped, type, help, unit)
    return true
  }

  // In OpenMetrics a counter's family has the name without `_total`. Where that name is taken, or the counter has no such suffix, its type is
  // left unknown, rather than its numbers left out.
  private start(name: string, type: FamilyType | 'info', help: string, unit: string): void {
    let family = name
    let shown: string = type
    if (this.openMetrics && type === 'counter') {
      family = name.replace(/_total$/, '')
      const claims = [family, `${family}_created`]
      if (family !== name && family !== '' && !claims.some((claim) => this.taken.has(claim)))
        for (const claim of claims) this.taken.set(claim, name)
      else {
        family = name
        shown = 'unknown'
      }
    }
    this.name = name
    this.isClassic = isClassicMetric(name)
    this.type = shown === 'info' ? 'unknown' : (shown as FamilyType)
    this.seen = this.asStored ? null : new Set()
    if (!this.openMetrics && shown === 'unknown') shown = 'untyped'
    const quoted = isClassicMetric(family) ? family : `"${escapeText(family)}"`
    if (help.trim() !== '') this.write(`# HELP ${quoted} ${this.openMetrics ? escapeText(help) : escapeHelp(help)}\n`)
    this.write(`# TYPE ${quoted} ${shown}\n`)
    if (this.openMetrics && unit !== '' && family.endsWith(`_${unit}`)) this.write(`# UNIT ${quoted} ${unit}\n`)
  }

  private labelsOf(stored: string): string | null {
    if (this.seen === null) return stored
    const labels = escapeLabels(stored, this.escaping)
    if (this.seen.has(labels)) return null
    this.seen.add(labels)
    return labels
  }

  private writeSeries(series: Series, range: OctaveRange | null): void {
    if (this.chars > PAGE_CHARS_MAX) {
      this.omit('page_full', 1)
      return
    }
    const labels = this.labelsOf(series.labels)
    if (labels === null) {
      this.omit('duplicate', 1)
      return
    }
    const value = valueOfSeries(series)
    if (value instanceof NumberValue) {
      const exemplar = this.openMetrics && this.type === 'counter' ? latestExemplar(series) : undefined
      this.sample('', labels, value.value, exemplar)
    } else if (value instanceof SummaryValue) this.summary(labels, value)
    else this.histogram(labels, showHistogram(value, series, range))
  }

  private histogram(labels: string, { bounds, counts, count, sum, exemplars }: Shown): void {
    const start = labels === '' ? 'le="' : `${labels},le="`
    for (let i = 0; i < bounds.length; i++) this.sample('_bucket', `${start}${this.bound(bounds[i])}"`, counts[i], exemplars[i])
    this.sample('_bucket', `${start}+Inf"`, count, exemplars[bounds.length])
    // OpenMetrics: no sum where values may be negative, and no count without a sum.
    const hasSum = this.openMetrics ? sum >= 0 && !(bounds[0] < 0) : !Number.isNaN(sum)
    if (hasSum) this.sample('_sum', labels, sum)
    if (hasSum || !this.openMetrics) this.sample('_count', labels, count)
  }

  private summary(labels: string, { quantiles, sum, count }: SummaryValue): void {
    const start = labels === '' ? 'quantile="' : `${labels},quantile="`
    for (const [quantile, value] of quantiles) {
      if (this.openMetrics && value < 0) continue
      this.sample('', `${start}${this.bound(quantile)}"`, value)
    }
    if (!this.openMetrics || sum >= 0) this.sample('_sum', labels, sum)
    this.sample('_count', labels, count)
  }

  private sample(suffix: string, labels: string, value: number, exemplar?: Exemplar): void {
    const number = sampleNumber(value)
    const after = this.openMetrics && exemplar !== undefined ? exemplarText(exemplar) : ''
    if (this.isClassic)
      this.write(labels === '' ? `${this.name}${suffix} ${number}${after}\n` : `${this.name}${suffix}{${labels}} ${number}${after}\n`)
    else this.write(`{"${escapeText(this.name + suffix)}"${labels === '' ? '' : `,${labels}`}} ${number}${after}\n`)
  }

  private write(text: string): void {
    this.text += text
    if (this.text.length < CHUNK_CHARS) return
    this.chunks.push(this.text)
    this.chars += this.text.length
    this.text = ''
  }

  private bound(value: number): string {
    let text = this.bounds.get(value)
    if (text === undefined) {
      text = canonicalNumber(value, this.openMetrics)
      this.bounds.set(value, text)
    }
    return text
  }
}

/** No scraper reads a larger page with joy, and a JavaScript text ends at 2^29. */
const PAGE_CHARS_MAX = 256 * 1024 * 1024
const CHUNK_CHARS = 65_536
const TARGETS = ''
const TARGET_HELP = 'The resource that the telemetry of this job and instance comes from.'

function valueOfSeries({ streams, departed }: Series): Value {
  const { kind } = streams[0].metric
  if (streams.length === 1 && departed === null) return streams[0].value
  if (kind.together === 'latest') return streams.reduce((latest, stream) => (stream.timeNs >= latest.timeNs ? stream : latest)).value
  const total = newValue(kind.shape)
  if (departed !== null) total.merge(departed as never)
  for (const { value } of streams) total.merge(value as never)
  return total
}

function latestExemplar({ streams }: Series): Exemplar | undefined {
  let latest: Exemplar | undefined
  for (const { exemplars } of streams) {
    for (const exemplar of exemplars?.values() ?? []) if (latest === undefined || exemplar.timeNs > latest.timeNs) latest = exemplar
  }
  return latest
}

const HELP_ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\0': '\uFFFD' }
const escapeHelp = (help: string): string => help.replace(/[\\\n\0]/g, (char) => HELP_ESCAPES[char])

// The value of a label, so its text decides which series it is: as Go writes it, like everybody else, so that buckets of several sources meet.
function canonicalNumber(value: number, openMetrics: boolean): string {
  const [digits, power] = value.toExponential().split('e')
  const isLong = Number(power) < -4 || Number(power) >= 6
  const text = isLong ? `${digits}e${power[0]}${power.slice(1).padStart(2, '0')}` : String(value)
  return openMetrics && !/[.e]/.test(text) ? `${text}.0` : text
}
