import type { z } from 'zod'
import { type Batch, parseBatch } from '../../batch.ts'
import type { Host, Processor } from '../../component.ts'
import { BatchWriter, headsOf } from './batch-writer.ts'
import { DEFAULT_RULES } from './default-rules.ts'
import { Duplicates } from './duplicates.ts'
import { EarlyErrors } from './early.ts'
import { Finder } from './finder.ts'
import { type Group, Grouping, likenessOf, type Subject } from './grouping.ts'
import { type GroupState, Limits } from './limits.ts'
import type { options } from './options.ts'
import { ErrorReader } from './reader.ts'
import { errorRecord, withAdditions } from './record.ts'
import type { Place, Sighting } from './sighting.ts'
import { Trail } from './trail.ts'
import { type Waiting, WaitingRoom } from './waiting.ts'

/** Errors of one batch are gathered up to this size; more of them are over the limit. */
const SPAWNED_BYTES_MAX = 4 * 1024 * 1024

/** The kind of errors that no rule fits. */
const OTHER = 'other'

type Heads = ReturnType<typeof headsOf>

/** An error on its way out. What is dear to make is made when it is needed. */
interface Outgoing {
  readonly group: Group | null
  readonly traceId: string
  readonly correlationId: string
  readonly atNano: number
  readonly sender: string | undefined
  /** The log record that it came in; null for a span. */
  readonly log: Uint8Array | null
  /** Roughly, in bytes. */
  readonly size: number
  readonly heads: () => Heads
  readonly record: () => Uint8Array
}

/** What the processor does, with one set of options. */
export class ErrorMaker implements Processor {
  private readonly finder: Finder
  private readonly duplicates: Duplicates
  private readonly grouping: Grouping
  private readonly limits: Limits
  private readonly trail: Trail
  private readonly waiting = new WaitingRoom()
  private readonly early: EarlyErrors
  private readonly waitMs: number
  private readonly reader: ErrorReader
  private readonly seen = { span_event: 0, log: 0 }
  private readonly outcomes = { sent: 0, duplicate: 0, limited: 0 }
  private readonly kinds = new Map([[OTHER, 0]])
  private spawned: Batch | null = null
  // Of the batch that passes.
  private batch: Batch = NO_BATCH
  private writer = new BatchWriter()
  private nowMs = 0
  private place: Place | null = null
  private service = ''
  private heads: Heads | null = null

  constructor(given: z.output<z.ZodObject<typeof options>>, host: Host) {
    const { sources, dedupe, wait, grouping, limit, trail } = given
    // What is forgotten cannot be known again.
    this.waitMs = sources.spans ? Math.min(wait, dedupe) : 0
    this.duplicates = new Duplicates(dedupe, sources.statusErrors)
    this.grouping = new Grouping([...grouping.rules, ...(grouping.defaults ? DEFAULT_RULES : [])])
    // From 0 on, so that the first of its kind is seen as an increase.
    for (const kind of this.grouping.kinds) this.kinds.set(kind, 0)
    this.limits = new Limits(limit, performance.now())
    this.trail = new Trail({ max: trail.max, bytes: trail.size, windowMs: trail.window })
    this.early = new EarlyErrors(trail.max === 0 ? 0 : trail.wait)
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
    this.endWaits(batch.sender, false)
    if (this.writer.items > 0) this.spawned = this.close(batch.receivedAtMs, batch.sender)
    return batch
  }

  spawn(): Batch | null {
    const { spawned } = this
    this.spawned = null
    return spawned
  }

  /** What waited long enough, and what was held back of groups that are quiet now, of one sender at a time. */
  flush(isLast = false): Batch | null {
    const { limits, writer } = this
    this.nowMs = performance.now()
    const untilMs = isLast ? Number.POSITIVE_INFINITY : this.nowMs
    const senders = new Set([...this.waiting.dueSenders(untilMs), ...this.early.senders(untilMs)])
    for (const { held } of limits.holding()) senders.add(held?.sender)
    // A batch has one sender.
    for (const sender of senders) {
      this.endWaits(sender, isLast)
      this.sendEarly(sender, untilMs)
      this.release(sender, isLast)
      if (writer.items > 0) return this.close(Date.now(), sender)
    }
    return null
  }

  private release(sender: string | undefined, isLast: boolean): void {
    const { limits, writer } = this
    for (const group of [...limits.holding()]) {
      if (group.held?.sender !== sender) continue
      if (!isLast && (writer.bytes > SPAWNED_BYTES_MAX || !limits.take(group, this.nowMs))) continue
      const held = limits.release(group)
      if (held === null) continue
      this.write(held, withAdditions(held.record, { group: null, count: group.untold, breadcrumbs: [] }))
      group.untold = 0
      this.outcomes.sent++
    }
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
    let log: Uint8Array | null = null
    const isKnown = this.duplicates.isKnown(sighting, this.service, nowMs)
    if (isKnown) {
      outcomes.duplicate++
      const waiting = origin === 'span_event' ? this.duplicates.takeWaiting() : null
      if (waiting === null || !this.waiting.leave(waiting)) return
      // The span takes the place of the log record.
      log = waiting.log
    }
    const subject = this.subjectOf(sighting)
    const found = this.grouping.groupOf(subject)
    if (!isKnown) this.countKind(found?.kind ?? OTHER)
    const likeness = found === null ? likenessOf(subject) : found.fingerprint.join('\n')
    if (this.mayWait(sighting)) this.letWait(sighting, found, likeness)
    else this.decide(limits.group(likeness, nowMs), this.outgoing(sighting, found, log))
  }

  private outgoing(sighting: Sighting, group: Group | null, log: Uint8Array | null): Outgoing {
    const { bytes } = this.batch
    const { start, end, place, origin, traceId, atNano } = sighting
    const resourceBytes = place.resources.reduce((sum, offset, i) => sum + (i % 2 === 0 ? -offset : offset), 0)
    return {
      ...{ group, traceId, atNano, size: end - start + resourceBytes, sender: this.batch.sender },
      correlationId: this.reader.text(this.reader.correlation) ?? '',
      log: origin === 'log' ? bytes.subarray(start, end) : null,
      heads: () => this.headsHere(place),
      record: () => errorRecord(bytes, sighting, log)
    }
  }

  // Sends it, or holds it back, or counts it.
  private decide(state: GroupState, { group, log, size, sender, heads, record, ...end }: Outgoing): void {
    const { limits, nowMs, writer } = this
    if (writer.bytes < SPAWNED_BYTES_MAX && limits.take(state, nowMs)) {
      if (limits.release(state) !== null) this.limit(state)
      const count = state.untold
      state.untold = 0
      if (log === null && this.early.hasRoom(size) && !this.trail.hasLogs(end.traceId, nowMs)) {
        this.early.enter({ ...end, ...heads(), sender, group, count, record: record() }, nowMs)
        return
      }
      const breadcrumbs = this.trail.leadingTo({ ...end, record: log }, nowMs)
      this.write(heads(), withAdditions(record(), { group, count, breadcrumbs }))
      this.outcomes.sent++
    } else if (limits.mayHold(state, size, nowMs)) {
      limits.hold(state, { sender, ...heads(), record: withAdditions(record(), { group, count: 0, breadcrumbs: [] }) })
    } else this.limit(state)
  }

  // By now the log records of its trace should be here, too.
  private sendEarly(sender: string | undefined, untilMs: number): void {
    for (const { resource, scope, record, group, count, ...end } of this.early.take(untilMs, sender)) {
      const breadcrumbs = this.trail.leadingTo({ ...end, record: null }, this.nowMs)
      this.write({ resource, scope }, withAdditions(record, { group, count, breadcrumbs }))
      this.outcomes.sent++
    }
  }

  private mayWait({ origin, start, end }: Sighting): boolean {
    return origin === 'log' && this.waitMs > 0 && this.waiting.hasRoom(2 * (end - start))
  }

  private letWait(sighting: Sighting, group: Group | null, likeness: string): void {
    const { traceId, atNano, start, end, place } = sighting
    const { bytes, sender } = this.batch
    const waiting: Waiting = {
      ...{ traceId, atNano, group, likeness, sender, ...this.headsHere(place) },
      untilMs: this.nowMs + this.waitMs,
      correlationId: this.reader.text(this.reader.correlation) ?? '',
      log: Uint8Array.prototype.slice.call(bytes, start, end),
      record: errorRecord(bytes, sighting, null)
    }
    this.waiting.enter(waiting)
    this.duplicates.letWait(waiting)
  }

  private endWaits(sender: string | undefined, all: boolean): void {
    for (const one of this.waiting.take(all ? Number.POSITIVE_INFINITY : this.nowMs, sender)) {
      const { resource, scope, record, likeness } = one
      const size = resource.length + record.length
      this.decide(this.limits.group(likeness, this.nowMs), { ...one, size, heads: () => ({ resource, scope }), record: () => record })
    }
  }

  private write({ resource, scope }: Heads, record: Uint8Array): void {
    this.writer.add(resource, scope, record)
  }

  private limit(group: GroupState): void {
    group.untold++
    this.outcomes.limited++
  }

  private countKind(kind: string): void {
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1)
  }

  private headsHere(place: Place): Heads {
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
    const { seen, outcomes, kinds, limits, duplicates, trail, finder, waiting, early } = this
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
    metrics.observe(
      'sluice_errors_grouped_total',
      'Errors found in spans and logs, each once, by the texts with which the fingerprint of their rule begins.',
      'counter',
      series('kind', () => Object.fromEntries(kinds))
    )
    metrics.observe(
      'sluice_errors_held',
      'Errors that are not sent yet: over their limit until their group is quiet, or waiting for their span, or for their trail.',
      'gauge',
      series('why', () => ({ limit: limits.heldErrors, wait: waiting.size, trail: early.size }))
    )
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
