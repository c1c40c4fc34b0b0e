import { gunzipSync, inflateSync } from 'node:zlib'
import { LogEntry, type LogValue } from '../../logs/log-entry.ts'
import type { TakeDatagram } from '../../net/datagram-server.ts'
import { GelfChunks } from './gelf-chunks.ts'
import { readGelf } from './gelf-message.ts'
import type { Intake } from './intake.ts'
import { type TakeText, takeLine } from './line-reader.ts'
import { Senders } from './senders.ts'

/** A message, inflated, with all that is in it. */
export const GELF_BYTES_MAX = 2 * 1024 * 1024

export const GELF_FRAMING = { nul: true } as const

// One for all: whoever takes a record has read it when the call returns.
const entry = new LogEntry()

/** A GELF message; what is none is a line. */
export const takeGelf: TakeText = (stream, text, isCut, nowMs) => {
  const value = isCut ? undefined : objectIn(text)
  if (value === undefined) {
    takeLine(stream, text, isCut, nowMs)
    return
  }
  entry.reset(nowMs)
  readGelf(value, text, entry)
  stream.record(entry)
}

/** GELF over UDP: plain or compressed, in one datagram or in chunks. */
export class GelfDatagrams {
  private readonly intake: Intake
  private readonly senders: Senders
  private readonly chunks: GelfChunks

  constructor(intake: Intake) {
    this.intake = intake
    this.senders = new Senders(intake)
    this.chunks = new GelfChunks((messages, reason) => intake.drop(messages, reason))
  }

  readonly take: TakeDatagram = (datagram, { address }) => {
    const { intake } = this
    intake.read(datagram.length)
    if (intake.collector.isFull) {
      intake.drop(1, 'full')
      return
    }
    const isChunk = datagram[0] === 0x1e && datagram[1] === 0x0f
    const message = isChunk ? this.chunks.take(datagram, address) : datagram
    if (message === undefined) return
    const text = inflated(message)
    if (text === undefined) intake.drop(1, 'malformed')
    else takeGelf(this.senders.of(address), text, false, Date.now())
  }

  stop(): void {
    this.chunks.stop()
  }
}

// The text of a message: gzip begins with 1f 8b, zlib with 78, JSON with a brace. Undefined where it is none of these, or grows too large.
function inflated(message: Buffer): string | undefined {
  const first = message[0]
  const options = { maxOutputLength: GELF_BYTES_MAX }
  try {
    if (first === 0x1f) return gunzipSync(message, options).toString()
    if (first === 0x78) return inflateSync(message, options).toString()
  } catch {
    return undefined
  }
  const text = message.toString().trim()
  return text.startsWith('{') ? text : undefined
}

function objectIn(text: string): { readonly [key: string]: LogValue } | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as { readonly [key: string]: LogValue })
      : undefined
  } catch {
    return undefined
  }
}
