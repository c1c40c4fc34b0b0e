import { logLines } from './requests.ts'

export const LINES_IN_BLOCK = 256
/** Lines in a row that one request has written, and so share its ids. */
const LINES_PER_REQUEST = 4
const HEX = 8
const SYSLOG_HEAD = '<14>1 2025-10-09T08:53:20.123Z dubbing-worker-7c9d8f6b5-x2v9q dubbing-worker 7 - - '

export type Wrapping = 'lines' | 'syslog' | 'cri'

const HEADS: Readonly<Record<Wrapping, string>> = { lines: '', syslog: SYSLOG_HEAD, cri: '2025-10-09T08:53:20.123456789Z stdout F ' }

/** Lines of JSON to be sent many times, each time with new ids. Costs far less than sending them. */
export class LogBlock {
  readonly bytes: Buffer
  private readonly ids: number[] = []
  private count = 0

  constructor(seed: number, wrapping: Wrapping = 'lines') {
    const lines = logLines(LINES_IN_BLOCK, seed)
    this.bytes = Buffer.from(lines.map((line) => `${HEADS[wrapping]}${line}\n`).join(''))
    for (const key of ['"trace_id":"', '"correlationId":"'])
      for (let at = this.bytes.indexOf(key); at >= 0; at = this.bytes.indexOf(key, at + 1)) this.ids.push(at + key.length)
    this.ids.sort((a, b) => a - b)
    // Two ids a line: those of a request differ from others' in what `next` writes, and in nothing else.
    const perRequest = 2 * LINES_PER_REQUEST
    for (const [i, at] of this.ids.entries()) {
      const first = this.ids[i - (i % perRequest) + (i % 2)]
      this.bytes.copy(this.bytes, at, first, this.bytes.indexOf('"', first))
    }
    this.count = seed << 20
  }

  /** The same lines of other requests, in the same memory. */
  next(): Buffer {
    const { bytes, ids } = this
    let digits = ''
    for (let i = 0; i < ids.length; i++) {
      if (i % (2 * LINES_PER_REQUEST) === 0) digits = (this.count++ >>> 0).toString(16).padStart(HEX, '0')
      bytes.write(digits, ids[i], HEX, 'latin1')
    }
    return bytes
  }
}
