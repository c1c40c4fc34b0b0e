// Private keys that come line by line, each in a log record of its own, perhaps over several requests.
import { hash } from 'node:crypto'
import { KeyLines } from './key-lines.ts'

/** Keys that are open at once; of more, the oldest is given up. */
const STREAMS_MAX = 256
/** Between two lines of one key. */
const WAIT_MS_MAX = 60_000

/** The open key of each stream of log records. */
export class KeyStreams {
  private readonly streams = new Map<string, { readonly lines: KeyLines; untilMs: number }>()
  private readonly nowMs: () => number
  private readonly givenUp: () => void

  /** `givenUp` is told of each open key that there was no more room for. */
  constructor(nowMs: () => number, givenUp: () => void) {
    this.nowMs = nowMs
    this.givenUp = givenUp
  }

  get isIdle(): boolean {
    return this.streams.size === 0
  }

  /** The key that is open in a stream, or a closed one. To be handed back to `keep`. */
  of(stream: string): KeyLines {
    const found = this.streams.get(stream)
    if (found === undefined) return new KeyLines()
    this.streams.delete(stream)
    if (found.untilMs < this.nowMs()) found.lines.close()
    return found.lines
  }

  keep(stream: string, lines: KeyLines): void {
    this.streams.delete(stream)
    if (!lines.isOpen) return
    if (this.streams.size >= STREAMS_MAX) {
      for (const oldest of this.streams.keys()) {
        this.streams.delete(oldest)
        break
      }
      this.givenUp()
    }
    this.streams.set(stream, { lines, untilMs: this.nowMs() + WAIT_MS_MAX })
  }
}

/** What tells one stream from another: the bytes of its resource and of its scope. */
export function streamId(resource: Uint8Array, scope: Uint8Array): string {
  return `${hash('sha1', resource, 'base64')} ${hash('sha1', scope, 'base64')}`
}
