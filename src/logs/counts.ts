import type { Host } from '../component.ts'
import type { Counter } from '../telemetry/metrics.ts'
import type { Parcel } from './parcel.ts'

/** What became of the lines of one transport, told batch by batch. */
export class LineCounts {
  readonly transport: string
  private readonly receiver: string
  private readonly lines: Counter
  private readonly dropped: Counter
  private readonly faults: Counter
  private blanks = 0

  constructor({ name, metrics }: Host, transport: string) {
    this.receiver = name
    this.transport = transport
    this.lines = metrics.counter(
      'sluice_log_lines_total',
      'Lines of log streams, by receiver, transport and outcome: accepted, truncated, blank or dropped.'
    )
    this.faults = metrics.counter(
      'sluice_log_faults_total',
      'Lines that a fault of ours kept from being understood; they were taken as text.'
    )
    this.dropped = metrics.counter('sluice_log_dropped_total', 'Lines of log streams that were dropped, by receiver, transport and reason.')
  }

  /** Lines with nothing on them, told with the next batch. */
  blank(lines: number): void {
    this.blanks += lines
  }

  misread(): void {
    this.faults.add(1, { receiver: this.receiver, transport: this.transport })
  }

  /** The parcel is where it was to go, or lost. What can be read again after a stop is not. */
  settled({ lines, rereadableLines, truncatedLines, lostBecause }: Parcel): void {
    const { receiver, transport } = this
    this.tellBlanks()
    if (lostBecause !== '') {
      this.drop(lostBecause === 'stopped' ? lines - rereadableLines : lines, lostBecause)
      return
    }
    this.lines.add(lines - truncatedLines, { receiver, transport, outcome: 'accepted' })
    if (truncatedLines > 0) this.lines.add(truncatedLines, { receiver, transport, outcome: 'truncated' })
  }

  tellBlanks(): void {
    const { receiver, transport, blanks } = this
    if (blanks > 0) this.lines.add(blanks, { receiver, transport, outcome: 'blank' })
    this.blanks = 0
  }

  drop(lines: number, reason: string): void {
    if (lines === 0) return
    const { receiver, transport } = this
    this.lines.add(lines, { receiver, transport, outcome: 'dropped' })
    this.dropped.add(lines, { receiver, transport, reason })
  }
}
