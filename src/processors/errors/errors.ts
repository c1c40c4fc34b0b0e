import type { z } from 'zod'
import { type Batch, parseBatch } from '../../batch.ts'
import { defineProcessor, type Host, type Processor } from '../../component.ts'
import { BatchWriter, headsOf } from './batch-writer.ts'
import { DEFAULT_RULES } from './default-rules.ts'
import { Duplicates } from './duplicates.ts'
import { Finder } from './finder.ts'
import { type Group, Grouping, likenessOf, type Subject } from './grouping.ts'
import { type GroupState, Limits } from './limits.ts'
import { options } from './options.ts'
import { ErrorReader } from './reader.ts'
import { errorRecord, withCount } from './record.ts'
import type { Place, Sighting } from './sighting.ts'
import { Trail } from './trail.ts'

/** Errors of one batch are gathered up to this size; more of them are over the limit. */
const SPAWNED_BYTES_MAX = 4 * 1024 * 1024

/**
 * Makes an error of its own of every exception that a span or a log record tells of, before sampling: each once, with its group and with what led to
 * it. What passes is unchanged.
 */
export const errors = defineProcessor({
  type: 'errors',
  summary: 'Find every exception in spans and logs before sampling, each once, grouped, limited, with the trail that led to it.',
  outcome: 'dropped',
  spawns: 'errors',
  options,
  create: (options, host) => new Errors(options, host)
})

class Errors implements Processor {
  private readonly finder: Finder
  private readonly duplicates: Duplicates
  private readonly grouping: Grouping
  private readonly limits: Limits
  private readonly trail: Trail
  private readonly reader: ErrorReader
  private readonly seen = { span_event: 0, log: 0 }
  private readonly outcomes = { sent: 0, duplicate: 0, limited: 0 }
  private spawned: Batch | null = null
  private isLast = false
  // Of the batch that passes.
  private batch: Batch = NO_BATCH
  private writer = new BatchWriter()
  private nowMs = 0
  private place: Place | null = null
  private service = ''
  private heads: ReturnType<typeof headsOf> | null = null

  constructor(given: z.output<z.ZodObject<typeof options>>, host: Host) {
    const { sources, dedupe, grouping, limit, trail } = given
    this.duplicates = new Duplicates(dedupe, sources.statusErrors)
    this.grouping = new Grouping([...grouping.rules, ...(grouping.defaults ? DEFAULT_RULES : [])])
    this.limits = new Limits(limit, performance.now())
    this.trail = new Trail({ max: trail.max, bytes: trail.size, windowMs: trail.window })
    this.reader = new ErrorReader(this.grouping.attributes)
    this.finder = new Finder(sources, (sightings) => this.take(sightings))
    this.observe(host)
  }

  process(batch: Batch): Batch {
    this.spawned = null
    if (batch.signal !== 'traces' && batch.signal !== 'logs') return batch
    this.nowMs = performance.now()
    this.batch = batch
    this.place = null
    this.trail.add(batch.signal, batch.bytes, this.nowMs)
    this.finder.find(batch)
    this.batch = NO_BATCH
    if (this.writer.items > 0) this.spawned = this.close(batch.receivedAtMs, batch.sender)
    return batch
  }

  spawn(): Batch | null {
    const { spawned } = this
    this.spawned = null
    return spawned
  }

  collect(isLast = false): null {
    this.isLast ||= isLast
    return null
  }

  /** What was held back of groups that are quiet now; at the stop, of all. */
  flush(): Batch | null {
    const { limits, writer, outcomes, isLast } = this
    const nowMs = performance.now()
    for (const group of [...limits.holding()]) {
      if (!isLast && (writer.bytes > SPAWNED_BYTES_MAX || !limits.take(group, nowMs))) continue
      const held = limits.release(group)
      if (held === null) continue
      const { resource, scope, record } = held
      writer.add(keyOfBytes(resource), resource, keyOfBytes(scope), scope, withCount(record, group.untold))
      group.untold = 0
      outcomes.sent++
    }
    return writer.items === 0 ? null : this.close(Date.now(), undefined)
  }

  private close(receivedAtMs: number, sender: string | undefined): Batch {
    const { writer } = this
    this.writer = new BatchWriter()
    return parseBatch('errors', writer.finish(), receivedAtMs, sender)
  }

  private take(sightings: readonly Sighting[]): void {
    const { reader, batch } = this
    reader.open(batch.bytes)
    for (const sighting of sightings) this.takeOne(sighting)
    reader.close()
    // What has been read of a resource lies in bytes that are opened anew.
    this.place = null
  }

  private takeOne(sighting: Sighting): void {
    const { outcomes, limits, nowMs } = this
    const { origin, place } = sighting
    this.seen[origin]++
    if (this.place !== place) this.enter(place)
    if (this.duplicates.isKnown(sighting, this.service, nowMs)) {
      outcomes.duplicate++
      return
    }
    const subject = this.subjectOf(sighting)
    const found = this.grouping.groupOf(subject)
    const group = limits.group(found === null ? likenessOf(subject) : found.fingerprint.join('\n'), nowMs)
    if (this.writer.bytes < SPAWNED_BYTES_MAX && limits.take(group, nowMs)) this.send(sighting, found, group)
    else this.holdBack(sighting, found, group)
  }

  private send(sighting: Sighting, found: Group | null, group: GroupState): void {
    const { batch, outcomes, writer, trail, nowMs } = this
    if (this.limits.release(group) !== null) this.limit(group)
    const breadcrumbs = trail.leadingTo(
      {
        traceId: sighting.traceId,
        correlationId: this.reader.text(this.reader.correlation) ?? '',
        atNano: sighting.atNano,
        record: sighting.origin === 'log' ? batch.bytes.subarray(sighting.start, sighting.end) : null
      },
      nowMs
    )
    const record = errorRecord(batch.bytes, sighting, { group: found, count: group.untold, breadcrumbs })
    group.untold = 0
    const { resource, scope } = this.headsHere(sighting.place)
    const { resourceNumber, scopes } = sighting.place
    writer.add(`${resourceNumber}`, resource, `${scopes.join(' ')}`, scope, record)
    outcomes.sent++
  }

  private holdBack(sighting: Sighting, found: Group | null, group: GroupState): void {
    const { limits, batch, nowMs } = this
    const { start, end, place } = sighting
    const resourceBytes = place.resources.reduce((sum, offset, i) => sum + (i % 2 === 0 ? -offset : offset), 0)
    if (!limits.mayHold(group, end - start + resourceBytes, nowMs)) {
      this.limit(group)
      return
    }
    const record = errorRecord(batch.bytes, sighting, { group: found, count: 0, breadcrumbs: [] })
    limits.hold(group, { ...this.headsHere(place), record })
  }

  private limit(group: GroupState): void {
    group.untold++
    this.outcomes.limited++
  }

  private headsHere(place: Place): ReturnType<typeof headsOf> {
    this.heads ??= headsOf(this.batch.bytes, place)
    return this.heads
  }

  private enter(place: Place): void {
    const { reader } = this
    this.place = place
    this.heads = null
    reader.resourceEntry()
    for (let i = 0; i < place.resources.length; i += 2) reader.resource(place.resources[i], place.resources[i + 1])
    this.service = reader.serviceName
  }

  private subjectOf({ origin, start, end, eventStart, eventEnd, type, message, stacktrace }: Sighting): Subject {
    const { reader, service } = this
    if (origin === 'log') reader.readLog(start, end)
    else reader.readSpan(start, end, eventStart, eventEnd)
    const { spanName, spanKind } = reader
    return { service, origin, type, message, stacktrace, spanName, spanKind, attribute: (number) => reader.attributeText(number) }
  }

  private observe({ metrics }: Host): void {
    const { seen, outcomes, limits, duplicates, trail, finder } = this
    const series = (label: string, read: () => Readonly<Record<string, number>>) => () =>
      Object.entries(read()).map(([name, value]) => ({ labels: { [label]: name }, value }))
    metrics.observe(
      'sluice_errors_seen_total',
      'Errors found in spans and logs before sampling, by where.',
      'counter',
      series('origin', () => ({ ...seen, span_event: seen.span_event + finder.crowded }))
    )
    metrics.observe(
      'sluice_errors_total',
      'Errors found in spans and logs, by what became of them: sent, duplicate, limited, or dropped since their span had too many.',
      'counter',
      series('outcome', () => ({ ...outcomes, limited: outcomes.limited + limits.limitedLate, dropped: finder.crowded }))
    )
    metrics.observe('sluice_errors_held', 'Errors over their limit that are sent when their group is quiet.', 'gauge', () => [
      { labels: {}, value: limits.heldErrors }
    ])
    metrics.observe('sluice_errors_groups', 'Groups of errors that are told apart for limits.', 'gauge', () => [
      { labels: {}, value: limits.size }
    ])
    metrics.observe(
      'sluice_errors_forgotten_total',
      'What was forgotten early to make room: errors known for duplicates, groups, and requests too large for the trail.',
      'counter',
      series('what', () => ({ error: duplicates.forgotten, group: limits.forgotten, request: trail.ring.tooLarge }))
    )
    metrics.observe(
      'sluice_errors_trails_total',
      'Searches for the trail of an error that was sent, by what came of them.',
      'counter',
      series('outcome', () => trail.outcomes)
    )
  }
}

const NO_BATCH: Batch = { signal: 'logs', bytes: new Uint8Array(0), items: 0, receivedAtMs: 0 }

function keyOfBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
