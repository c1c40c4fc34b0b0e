import type { Patch } from '../../otlp/patch.ts'
import type { RecordEditor } from '../../otlp/request.ts'
import { SpanView, STATUS_ERROR } from '../../otlp/views.ts'
import { lengthDelimited } from '../../otlp/wire.ts'
import { CONTRADICT, type Decider, DROP, KEEP, MARK, type Share, UNDECIDABLE } from './decision.ts'
import type { Oddities } from './oddities.ts'
import { readPriority } from './priority.ts'
import type { ByService } from './services.ts'
import { ALWAYS, NEVER, type Threshold } from './threshold.ts'
import { TraceState } from './tracestate.ts'

const TRACE_STATE = 3 // of a Span
const NOTHING = new Uint8Array(0)

/**
 * Keeps or cuts each span: by the share of its service, or by that of errors if it is one. The threshold that a kept span has passed, here and before,
 * stands in its tracestate.
 */
export class SpanSampler implements RecordEditor {
  private readonly decider: Decider
  private readonly shares: ByService<Share>
  private readonly oddities: Oddities
  private readonly span = new SpanView()
  private readonly state = new TraceState()
  private readonly fields = new Map<Threshold, Uint8Array>()

  constructor(decider: Decider, shares: ByService<Share>, oddities: Oddities) {
    this.decider = decider
    this.shares = shares
    this.oddities = oddities
  }

  resourceEntry(): void {
    this.shares.resourceEntry()
  }

  resource(bytes: Uint8Array, start: number, end: number): void {
    this.shares.resource(bytes, start, end)
  }

  record(bytes: Uint8Array, start: number, end: number, patch: Patch): boolean {
    const { state, decider, oddities } = this
    const span = this.span.open(bytes, start, end)
    state.open(bytes, span.traceStateStart, span.traceStateEnd)
    if (state.malformed) oddities.malformed++
    const threshold = this.thresholdOf(span)
    switch (decider.decide(bytes, span.traceIdStart, span.traceIdEnd, threshold, state)) {
      case DROP:
        return false
      case KEEP:
        return true
      case MARK:
        if (decider.hashed) this.write(threshold.text, decider.random.hex(), patch)
        else if (span.traceStateTag === 0) this.insert(this.fieldOf(threshold), patch)
        else if (state.isThresholdAlone()) patch.replace(span.traceStateTag, span.traceStateEnd, this.fieldOf(threshold))
        else this.write(threshold.text, '', patch)
        return true
      case CONTRADICT:
        oddities.contradictory++
        break
      case UNDECIDABLE:
        oddities.undecidable++
        break
    }
    if (!state.threshold.isAbsent()) this.write('', '', patch)
    return true
  }

  private thresholdOf(span: SpanView): Threshold {
    const { usual, ofErrors, errorsAlone } = this.shares.current
    const isError = span.statusCode === STATUS_ERROR
    if (this.decider.hashed) {
      const priority = readPriority(span)
      if (priority > 0) return ALWAYS
      if (priority === 0) return isError ? errorsAlone : NEVER
    }
    return isError ? ofErrors : usual
  }

  private write(threshold: string, random: string, patch: Patch): void {
    const { span, state } = this
    const written = state.write(threshold, random)
    if (state.isFull) this.oddities.unmarked++
    const field = written.length === 0 ? NOTHING : lengthDelimited(TRACE_STATE, written)
    if (span.traceStateTag === 0) this.insert(field, patch)
    else patch.replace(span.traceStateTag, span.traceStateEnd, field)
  }

  // Where encoders put it: behind the ids.
  private insert(field: Uint8Array, patch: Patch): void {
    const at = Math.max(this.span.start, this.span.traceIdEnd, this.span.spanIdEnd)
    patch.replace(at, at, field)
  }

  private fieldOf(threshold: Threshold): Uint8Array {
    let field = this.fields.get(threshold)
    if (field === undefined) {
      field = lengthDelimited(TRACE_STATE, Buffer.from(`ot=th:${threshold.text}`))
      this.fields.set(threshold, field)
    }
    return field
  }
}
