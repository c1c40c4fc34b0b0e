import { BYTES, Fields, VARINT } from '../../otlp/wire.ts'
import { type Attribute, readAttributes } from './attributes.ts'
import { keepExemplars } from './exemplars.ts'
import { resourceAttributes } from './identity.ts'
import { Point, type Shape } from './point.ts'
import type { Registry } from './registry.ts'
import { type DropReason, type Kind, type Metric, type Scope, type Stream, settle, type Target } from './series.ts'
import { faultOf } from './values.ts'

// The wire, outermost first: request { ResourceMetrics = 1 { Resource resource = 1 { attributes = 1 }, ScopeMetrics = 2 { scope = 1
// { name = 1, version = 2, attributes = 3 }, Metric metrics = 2, schema_url = 3 } } }
// Metric { name = 1, description = 2, unit = 3, oneof: gauge = 5, sum = 7, histogram = 9, exponential_histogram = 10, summary = 11,
// metadata = 12 }, each of the five { data_points = 1, aggregation_temporality = 2, and for sums is_monotonic = 3 }
const SHAPE: Readonly<Record<number, Shape>> = { 5: 'number', 7: 'number', 9: 'histogram', 10: 'exponential', 11: 'summary' }
const GAUGE = 5
const SUM = 7
const SUMMARY = 11
const DELTA = 1
const CUMULATIVE = 2

/** Folds metric batches into a registry, in place: a series is decoded when it is first met, and found by its bytes from then on. */
export class Folding {
  private readonly registry: Registry
  private readonly drop: (reason: DropReason, metric: Metric) => void
  private readonly exemplars: boolean
  private bytes: Buffer = Buffer.alloc(0)
  private nowMs = 0
  private readonly point = new Point()
  private readonly request = new Fields()
  private readonly entry = new Fields()
  private readonly scopeEntry = new Fields()
  private readonly metricFields = new Fields()
  private readonly data = new Fields()

  constructor(registry: Registry, exemplars: boolean, drop: (reason: DropReason, metric: Metric) => void) {
    this.registry = registry
    this.exemplars = exemplars
    this.drop = drop
  }

  fold(bytes: Uint8Array, nowMs: number): void {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.nowMs = nowMs
    this.point.open(this.bytes)
    const { request } = this
    request.open(bytes, 0, bytes.length)
    while (request.next()) if (request.number === 1 && request.type === BYTES) this.foldResource(request.start, request.end)
  }

  private foldResource(start: number, end: number): void {
    const { entry, registry } = this
    const key = this.contentOf(1, start, end)
    const target = registry.targets.get(key) ?? registry.addTarget(key, resourceAttributes(key))
    entry.open(this.bytes, start, end)
    while (entry.next()) if (entry.number === 2 && entry.type === BYTES) this.foldScope(target, entry.start, entry.end)
    registry.tidy()
    registry.pruneTarget(target)
  }

  // The content of all fields of this number. Messages that come twice are one message.
  private contentOf(number: number, start: number, end: number): string {
    const { scopeEntry: fields } = this
    let content = ''
    fields.open(this.bytes, start, end)
    while (fields.next()) {
      if (fields.number === number && fields.type === BYTES) content += this.bytes.toString('latin1', fields.start, fields.end)
    }
    return content
  }

  private foldScope(target: Target, start: number, end: number): void {
    const { scopeEntry } = this
    const schemaUrl = this.contentOf(3, start, end)
    const key = `${schemaUrl}\0${this.contentOf(1, start, end)}`
    const scope = target.scopes.get(key) ?? this.addScope(target, key, schemaUrl)
    scopeEntry.open(this.bytes, start, end)
    while (scopeEntry.next())
      if (scopeEntry.number === 2 && scopeEntry.type === BYTES) this.foldMetric(scope, scopeEntry.start, scopeEntry.end)
    this.registry.pruneScope(scope)
  }

  private addScope(target: Target, key: string, schemaUrl: string): Scope {
    const bytes = Buffer.from(key.slice(schemaUrl.length + 1), 'latin1')
    const fields = new Fields().open(bytes, 0, bytes.length)
    const named: Attribute[] = []
    while (fields.next()) {
      if (fields.type !== BYTES || fields.number > 2) continue
      named.push([fields.number === 1 ? 'otel_scope_name' : 'otel_scope_version', bytes.toString('utf8', fields.start, fields.end)])
    }
    if (schemaUrl !== '') named.push(['otel_scope_schema_url', Buffer.from(schemaUrl, 'latin1').toString()])
    return this.registry.addScope(target, key, named, readAttributes(bytes, 0, bytes.length, 3))
  }

  private foldMetric(scope: Scope, start: number, end: number): void {
    const { bytes, data } = this
    const fields = this.metricFields.open(bytes, start, end)
    let name = ''
    let unit = ''
    let holds = 0
    let temporality = 0
    let monotonic = false
    while (fields.next()) {
      const { number } = fields
      if (fields.type !== BYTES) continue
      if (number === 1) name = bytes.toString('latin1', fields.start, fields.end)
      else if (number === 3) unit = bytes.toString('latin1', fields.start, fields.end)
      else if (number >= GAUGE && number <= SUMMARY && SHAPE[number] !== undefined) {
        holds = number
        data.open(bytes, fields.start, fields.end)
        while (data.next()) {
          if (data.type !== VARINT) continue
          if (data.number === 2) temporality = data.low
          else if (data.number === 3) monotonic = data.low !== 0
        }
      }
    }
    if (holds === 0) return
    const key = `${name}\0${unit}\0${holds}${temporality}${monotonic}`
    const metric = scope.metrics.get(key) ?? this.addMetric(scope, key, start, end, kindOf(holds, temporality, monotonic))
    fields.open(bytes, start, end)
    while (fields.next()) if (fields.number === holds && fields.type === BYTES) this.foldPoints(metric, fields.start, fields.end)
  }

  private addMetric(scope: Scope, key: string, start: number, end: number, kind: Kind): Metric {
    const otlp = { name: '', unit: '', help: '' }
    const fields = new Fields().open(this.bytes, start, end)
    while (fields.next()) {
      if (fields.type !== BYTES || fields.number > 3) continue
      otlp[fields.number === 1 ? 'name' : fields.number === 2 ? 'help' : 'unit'] = this.bytes.toString('utf8', fields.start, fields.end)
    }
    const isUnknown = readAttributes(this.bytes, start, end, 12).some(([name, value]) => name === 'prometheus.type' && value === 'unknown')
    return this.registry.addMetric(scope, key, isUnknown && kind.type === 'gauge' ? { ...kind, type: 'unknown' } : kind, otlp)
  }

  private foldPoints(metric: Metric, start: number, end: number): void {
    const { data, point, registry } = this
    const { kind, streams } = metric
    data.open(this.bytes, start, end)
    while (data.next()) {
      if (data.number !== 1 || data.type !== BYTES) continue
      point.read(kind.shape, data.start, data.end)
      const known = streams.get(point.key)
      if (point.absent) {
        if (known !== undefined) registry.remove(known)
        continue
      }
      const fault = faultOf(point, kind)
      const found = fault === '' ? (known ?? registry.addStream(metric, point, this.nowMs)) : fault
      const refusal = typeof found === 'string' ? found : this.take(found, kind)
      if (refusal !== '') this.drop(refusal, metric)
    }
  }

  private take(stream: Stream, kind: Kind): DropReason | '' {
    const { point } = this
    const { value, series } = stream
    if (isBehind(point, stream, kind)) return 'out_of_order'
    if (kind.delta) value.add(point)
    else {
      if (kind.together === 'total' && (series.streams.length > 1 || series.departed !== null) && isRestarted(point, stream))
        settle(series, stream)
      value.replace(point)
    }
    if (this.exemplars && point.exemplars > 0 && kind.together === 'total') {
      stream.exemplars = keepExemplars(point, kind.shape, stream.exemplars)
    }
    stream.seenMs = this.nowMs
    stream.startNs = point.startNs
    stream.timeNs = point.timeNs
    return ''
  }
}

// What was sent twice, or was overtaken. The overflow series has many sources, whose times say nothing about one another.
function isBehind({ timeNs, startNs }: Point, stream: Stream, { delta }: Kind): boolean {
  if (!delta) return timeNs < stream.timeNs && timeNs !== 0 && startNs <= stream.startNs
  return timeNs <= stream.timeNs && timeNs !== 0 && stream.metric.family?.overflow !== stream
}

// A start that only wobbles is no restart.
function isRestarted(point: Point, { timeNs, value }: Stream): boolean {
  return timeNs !== 0 && (point.startNs >= timeNs || value.totalOf(point) < value.total)
}

function kindOf(holds: number, temporality: number, monotonic: boolean): Kind {
  const shape = SHAPE[holds]
  if (holds === GAUGE) return { shape, type: 'gauge', delta: false, together: 'latest', refusal: '' }
  if (holds === SUMMARY) return { shape, type: 'summary', delta: false, together: 'latest', refusal: '' }
  const refusal = temporality === DELTA || temporality === CUMULATIVE ? '' : 'temporality'
  const delta = temporality === DELTA
  if (holds === SUM && !monotonic) return { shape, type: 'gauge', delta, together: 'sum', refusal }
  return { shape, type: holds === SUM ? 'counter' : 'histogram', delta, together: 'total', refusal }
}
