import { Generations } from './generations.ts'
import { crashSite, keyOf, type Sighting, shortType } from './sighting.ts'
import { WAITING_MAX, type Waiting } from './waiting.ts'

/** Errors that are remembered; with more, the oldest are forgotten. */
const REMEMBERED_MAX = 16_384
/** Errors of one trace with one message that are told apart. */
const VARIANTS_MAX = 8
/** How far the times of a log record outside of a trace and of an exception on a span may lie apart, if they are the same. */
const APART_NANO_MAX = 2e9

interface Variant {
  readonly type: string
  readonly site: string
  /** An error that waits for its span; whoever waits holds it, and it is gone with them. */
  waiting: WeakRef<Waiting> | null
}

interface Since {
  readonly sinceMs: number
}

interface Remembered extends Since {
  readonly variants: Variant[]
}

/** Errors outside of traces, and on spans, of which the other half has not been seen. */
interface Halves extends Since {
  logs: number
  logNano: number
  events: number
  eventNano: number
  /** Of the log records, the errors that wait for their spans; the oldest first. */
  readonly waiting: WeakRef<Waiting>[]
}

/**
 * Knows an error again that is told more than once: on a span and in a log record, or on each of the spans that it passed through. Within a trace
 * it is the same when message and crash site are, or the type where no site is known. Outside of one, an error in the logs and one on a span of
 * the same service make a pair when they are two seconds apart at most.
 */
export class Duplicates {
  /** What was asked for last, within its trace; null outside of one. */
  private last: Variant | null = null
  /** The same outside of a trace, of a log record; and of an exception on a span, the error that was waiting for it. */
  private lastHalves: Halves | null = null
  private paired: WeakRef<Waiting> | null = null
  /** Remembered errors that made room for others before their time. */
  forgotten = 0
  private readonly windowMs: number
  private nowMs = 0
  private agedMs = 0
  private readonly byTrace = this.remembering<Remembered>()
  private readonly halves = this.remembering<Halves>()
  /** Traces with any error; null where nobody asks. */
  private readonly traces: Generations<Since> | null

  /** With `knowsFailures`, spans that have a status and no exception are the same as any error of their trace. */
  constructor(windowMs: number, knowsFailures: boolean) {
    this.windowMs = windowMs
    this.traces = knowsFailures ? this.remembering<Since>() : null
  }

  get size(): number {
    return this.byTrace.size + this.halves.size
  }

  /** Whether the error has been seen before. If not, it is remembered. */
  isKnown(sighting: Sighting, service: string, nowMs: number): boolean {
    const { traceId, origin, type, message, stacktrace } = sighting
    this.last = null
    this.lastHalves = null
    this.paired = null
    this.nowMs = nowMs
    this.forget()
    if (this.traces !== null && traceId !== '' && this.isKnownFailure(this.traces, sighting)) return true
    const variant: Variant = { type: shortType(type), site: crashSite(stacktrace), waiting: null }
    const said = keyOf(message)
    if (traceId !== '' && this.isKnownInTrace(`${traceId}${said}`, variant)) return true
    if (traceId !== '' && origin === 'log') return false
    return this.makesPair(`${service}\n${keyOf(variant.site === '' ? variant.type : variant.site)}\n${said}`, sighting)
  }

  /** The error that `isKnown` was asked for last waits from now on. */
  letWait(waiting: Waiting): void {
    const reference = new WeakRef(waiting)
    if (this.last !== null) this.last.waiting = reference
    else if (this.lastHalves !== null && this.lastHalves.waiting.push(reference) > WAITING_MAX) this.lastHalves.waiting.shift()
  }

  /** The one that waits and is the same as the error that `isKnown` was asked for last, which is forgotten here. */
  takeWaiting(): Waiting | null {
    const waiting = this.last?.waiting ?? this.paired
    if (this.last !== null) this.last.waiting = null
    return waiting?.deref() ?? null
  }

  // What fails in a trace makes the spans above it fail.
  private isKnownFailure(traces: Generations<Since>, { traceId, origin, eventEnd }: Sighting): boolean {
    const isKnown = this.find(traces, traceId) !== undefined
    if (!isKnown) traces.set(traceId, { sinceMs: this.nowMs })
    return isKnown && origin === 'span_event' && eventEnd === 0
  }

  private isKnownInTrace(key: string, variant: Variant): boolean {
    const known = this.find(this.byTrace, key)
    this.last = variant
    if (known === undefined) {
      this.byTrace.set(key, { sinceMs: this.nowMs, variants: [variant] })
      return false
    }
    for (const before of known.variants) {
      const { type, site } = before
      if (site !== '' && variant.site !== '' ? site !== variant.site : type !== variant.type) continue
      this.last = before
      return true
    }
    if (known.variants.length < VARIANTS_MAX) known.variants.push(variant)
    return false
  }

  // Counts both halves, so that a hundred log records and a hundred spans make a hundred pairs.
  private makesPair(key: string, { origin, atNano }: Sighting): boolean {
    let halves = this.find(this.halves, key)
    if (halves === undefined) {
      halves = { sinceMs: this.nowMs, logs: 0, logNano: 0, events: 0, eventNano: 0, waiting: [] }
      this.halves.set(key, halves)
    }
    if (origin === 'log') {
      if (halves.events > 0 && Math.abs(atNano - halves.eventNano) <= APART_NANO_MAX) {
        halves.events--
        return true
      }
      halves.logs++
      halves.logNano = atNano
      this.lastHalves = halves
      return false
    }
    if (halves.logs > 0 && Math.abs(atNano - halves.logNano) <= APART_NANO_MAX) {
      halves.logs--
      this.paired = halves.waiting.shift() ?? null
      return true
    }
    halves.events++
    halves.eventNano = atNano
    return false
  }

  private remembering<V extends Since>(): Generations<V> {
    return new Generations<V>(REMEMBERED_MAX, ({ sinceMs }) => {
      if (this.nowMs - sinceMs < this.windowMs) this.forgotten++
    })
  }

  private find<V extends Since>(among: Generations<V>, key: string): V | undefined {
    const found = among.get(key)
    return found !== undefined && this.nowMs - found.sinceMs < this.windowMs ? found : undefined
  }

  // What is past its time twice over is let go of, however little there is.
  private forget(): void {
    if (this.nowMs - this.agedMs < this.windowMs) return
    this.agedMs = this.nowMs
    this.byTrace.age()
    this.halves.age()
    this.traces?.age()
  }
}
