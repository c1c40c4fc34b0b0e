import type { LogStream } from '../../logs/log-collector.ts'
import { LogEntry } from '../../logs/log-entry.ts'
import type { Connection, Reader } from '../../net/stream-server.ts'
import { Framer, type Framing } from './framer.ts'
import type { Intake } from './intake.ts'

/** Takes one message of a stream, at the time it was received. */
export type TakeText = (stream: LogStream, text: string, isCut: boolean, nowMs: number) => void

// One for all: whoever takes a record has read it when the call returns.
const cut = new LogEntry()

/** A line as it is. */
export const takeLine: TakeText = (stream, text, isCut, nowMs) => {
  if (!isCut) {
    stream.line(text, nowMs)
    return
  }
  cut.reset(nowMs)
  cut.body = text
  cut.add('log.truncated', true)
  stream.entry(cut)
}

/** Reads a connection of messages that `framing` tells apart. */
export class TextReader implements Reader {
  private readonly intake: Intake
  private readonly connection: Pick<Connection, 'pause' | 'resume' | 'close'>
  private readonly stream: LogStream
  private readonly framer: Framer
  private nowMs = 0

  constructor(intake: Intake, connection: Connection, framing: Framing, take: TakeText, bytesMax = intake.lineBytesMax) {
    this.intake = intake
    this.connection = connection
    const stream = intake.collector.open(intake.source(connection.remoteAddress))
    this.stream = stream
    this.framer = new Framer(bytesMax, framing, intake.parts, (text, isCut) => take(stream, text, isCut, this.nowMs))
  }

  read(chunk: Buffer): void {
    const { intake, connection } = this
    intake.read(chunk.length)
    this.nowMs = Date.now()
    if (this.framer.read(chunk)) intake.throttle(connection)
    else {
      intake.drop(1, 'framing')
      connection.close()
    }
  }

  end(isComplete: boolean): undefined {
    this.nowMs = Date.now()
    this.framer.end(isComplete)
    this.stream.close()
  }

  leave(): Uint8Array | undefined {
    const rest = this.framer.leave()
    this.stream.close()
    return rest
  }
}
