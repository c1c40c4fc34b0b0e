import type { LogStream } from '../../logs/log-collector.ts'
import { characterBorder } from './framer.ts'
import type { Intake } from './intake.ts'
import type { TakeText } from './line-reader.ts'

/** How the text of a datagram is told apart: as one message, or line by line. */
export type Splitting = 'message' | 'lines'

/** Takes the text of one datagram. Its sender does not wait, so what finds no room is counted and gone. */
export function takeDatagram(intake: Intake, stream: LogStream, datagram: Buffer, splitting: Splitting, take: TakeText): void {
  intake.read(datagram.length)
  const nowMs = Date.now()
  let start = 0
  while (start < datagram.length) {
    const found = splitting === 'lines' ? datagram.indexOf(10, start) : -1
    const next = found < 0 ? datagram.length : found
    let end = next
    while (end > start && isEnd(datagram[end - 1])) end--
    const isCut = end - start > intake.lineBytesMax
    if (isCut) end = characterBorder(datagram, start, start + intake.lineBytesMax)
    if (end > start) {
      if (intake.collector.isFull) intake.drop(1, 'full')
      else take(stream, datagram.toString('utf8', start, end), isCut, nowMs)
    }
    start = next + 1
  }
}

// What some senders write behind their messages: a newline, a return, a zero.
function isEnd(byte: number): boolean {
  return byte === 10 || byte === 13 || byte === 0
}
