import type { LogStream } from '../../logs/log-collector.ts'
import type { Intake } from './intake.ts'

/** Senders without a connection that are told apart at once; one more, and the longest silent is forgotten. */
const SENDERS_MAX = 256

/** The streams of those who send single messages, by their address. */
export class Senders {
  private readonly intake: Intake
  private readonly streams = new Map<string, LogStream>()
  private last = ''
  private lastStream: LogStream | undefined

  constructor(intake: Intake) {
    this.intake = intake
  }

  of(sender: string): LogStream {
    if (sender === this.last && this.lastStream !== undefined) return this.lastStream
    let stream = this.streams.get(sender)
    if (stream === undefined) {
      if (this.streams.size >= SENDERS_MAX) this.forgetOldest()
      stream = this.intake.collector.open(this.intake.source(sender))
    } else this.streams.delete(sender)
    this.streams.set(sender, stream)
    this.last = sender
    this.lastStream = stream
    return stream
  }

  private forgetOldest(): void {
    for (const [sender, stream] of this.streams) {
      stream.close()
      this.streams.delete(sender)
      return
    }
  }
}
