import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { RefusedError } from '../errors.ts'
import { free } from '../memory.ts'
import { Arrival, tooLarge } from './arrival.ts'
import { CODINGS, type Coding, codingOf, inflate } from './inflate.ts'
import type { BodyLimits, Lease, Watch, Watched } from './limits.ts'
import type { Mount } from './mounts.ts'
import { encodeStatus, grpcCode } from './rpc-status.ts'

/** One method that takes one message and answers with one. */
export interface UnaryMethod {
  /** As it stands in `:path`: `/package.Service/Method`. */
  readonly path: string
  readonly limits: BodyLimits
  /** The message is gone when this has settled: whoever keeps anything of it keeps a copy. */
  handle(message: Buffer, remoteAddress: string | undefined): Uint8Array | Promise<Uint8Array>
  /** Makes a refusal of whatever ended a call: RefusedError from here or from `handle`, or a fault. */
  refuse(error: unknown): RefusedError
}

/** What a call needs from the port that it came in at. */
export interface CallHost {
  readonly watch: Watch
  count(event: 'aborted'): void
}

// The wire: a message is a flag (1: compressed), its length (4, big-endian), and its bytes.
const FRAME_HEADER_BYTES = 5
const NO_MESSAGE = Buffer.alloc(FRAME_HEADER_BYTES)

const CONTENT_TYPE = 'application/grpc+proto'
const ACCEPTED = `identity, ${CODINGS}`
// A list costs less than an object.
const HEADERS = [':status', '200', 'content-type', CONTENT_TYPE]
const OK: OutgoingHttpHeaders = { 'grpc-status': '0' }
const WITH_TRAILERS = { waitForTrailers: true }
const NO_ERROR = 0
const CANCEL = 8
/** How long a caller may take to fetch an answer. */
const ANSWER_MS = 30_000

/** One call from its headers to its trailers. */
export class Call implements Watched {
  private readonly port: CallHost
  private readonly stream: ServerHttp2Stream
  private readonly method: UnaryMethod
  private readonly mount: Mount<UnaryMethod>
  private readonly lease: Lease
  private readonly arrival: Arrival
  private coding: Coding = 'identity'
  private timeoutMs = 0
  private deadlineMs = Number.POSITIVE_INFINITY
  // Being handled, it may be answered already: when its deadline has passed.
  private state: 'arriving' | 'handled' | 'answered' = 'arriving'

  constructor(port: CallHost, stream: ServerHttp2Stream, method: UnaryMethod, mount: Mount<UnaryMethod>) {
    this.port = port
    this.stream = stream
    this.method = method
    this.mount = mount
    this.lease = method.limits.budget.lease()
    // Frames of several calls may lie in one piece of memory.
    this.arrival = new Arrival(method.limits, this.lease, method.limits.bodyBytesMax + FRAME_HEADER_BYTES, false)
  }

  start(headers: IncomingHttpHeaders): void {
    const { stream } = this
    this.mount.enter()
    this.port.watch.add(this)
    stream.on('close', () => this.closed())
    try {
      this.coding = codingOf(headers['grpc-encoding'] as string | undefined)
      const timeout = headers['grpc-timeout'] as string | undefined
      if (timeout !== undefined) {
        this.timeoutMs = timeoutMs(timeout)
        this.deadlineMs = performance.now() + this.timeoutMs
      }
    } catch (error) {
      this.refuse(error)
      return
    }
    stream.on('data', (chunk: Buffer) => this.take(chunk))
    stream.on('end', () => this.arrived())
  }

  tick(nowMs: number): void {
    const late = this.state === 'arriving' ? this.arrival.late(nowMs) : undefined
    if (late !== undefined) this.refuse(late)
    else if (nowMs < this.deadlineMs) return
    else if (this.isAnswered()) this.stream.close(CANCEL)
    else this.refuse(new RefusedError('timeout', `not done within the ${this.timeoutMs} ms that the caller waits`))
  }

  private take(chunk: Buffer): void {
    if (this.state !== 'arriving') return
    const { arrival, method } = this
    const before = arrival.bytes
    try {
      arrival.add(chunk)
      // Known to be too large as soon as its length has come.
      if (before === 0 && chunk.length >= FRAME_HEADER_BYTES && chunk.readUInt32BE(1) > method.limits.bodyBytesMax) {
        throw tooLarge(method.limits.bodyBytesMax)
      }
    } catch (error) {
      this.refuse(error)
    }
  }

  // Node ends a stream that was reset as well.
  private arrived(): void {
    if (this.state === 'arriving' && !this.stream.aborted && !this.stream.closed) void this.handle()
  }

  private closed(): void {
    this.port.watch.delete(this)
    if (this.state !== 'arriving') return
    this.port.count('aborted')
    this.state = 'answered'
    this.settle()
  }

  private async handle(): Promise<void> {
    this.state = 'handled'
    let answer: Uint8Array | RefusedError
    let sent: Buffer | undefined
    let message: Buffer | undefined
    try {
      sent = this.message()
      const inflated = this.coding === 'identity' ? sent : inflate(sent, this.coding, this.method.limits.bodyBytesMax, this.lease)
      message = inflated instanceof Buffer ? inflated : await inflated
      if (message !== sent) {
        this.lease.give(sent.length)
        this.arrival.free(sent)
      }
      answer = await this.method.handle(message, this.stream.session?.socket?.remoteAddress)
    } catch (error) {
      answer = this.method.refuse(error)
    }
    if (message !== undefined && message !== sent) free(message)
    else if (message !== undefined) this.arrival.free(message)
    this.settle()
    // Past its deadline it has been answered already.
    if (this.isAnswered()) return
    if (answer instanceof RefusedError) this.fail(answer)
    else this.succeed(answer)
  }

  // Takes the message out of its frame.
  private message(): Buffer {
    const bytes = this.arrival.take()
    if (bytes.length < FRAME_HEADER_BYTES) throw new RefusedError('invalid', 'the call ended without a message')
    const flag = bytes[0]
    const length = bytes.readUInt32BE(1)
    if (flag > 1) throw new RefusedError('invalid', `the message's first byte is ${flag}, expected 0 or 1`)
    if (length > this.method.limits.bodyBytesMax) throw tooLarge(this.method.limits.bodyBytesMax)
    if (length !== bytes.length - FRAME_HEADER_BYTES) {
      throw new RefusedError('invalid', `the call carries ${bytes.length - FRAME_HEADER_BYTES} bytes, expected one message of ${length}`)
    }
    if (flag === 0) this.coding = 'identity'
    else if (this.coding === 'identity') throw new RefusedError('invalid', 'the message is compressed, but grpc-encoding does not say how')
    return bytes.subarray(FRAME_HEADER_BYTES)
  }

  private refuse(error: unknown): void {
    // What is being handled holds its bytes until it is done.
    if (this.state === 'arriving') this.settle()
    this.fail(this.method.refuse(error))
  }

  private settle(): void {
    this.lease.release()
    this.mount.leave()
  }

  private succeed(answer: Uint8Array): void {
    const { stream } = this
    this.answered()
    if (stream.destroyed || stream.closed) return
    stream.respond(HEADERS, WITH_TRAILERS)
    stream.on('wantTrailers', sendTrailers)
    stream.end(answer.length === 0 ? NO_MESSAGE : framed(answer))
  }

  private fail(refusal: RefusedError): void {
    this.answered()
    failCall(this.stream, refusal)
  }

  // Watched until the caller has fetched the answer.
  private answered(): void {
    this.state = 'answered'
    this.deadlineMs = performance.now() + ANSWER_MS
  }

  private isAnswered(): boolean {
    return this.state === 'answered'
  }
}

function sendTrailers(this: ServerHttp2Stream): void {
  this.sendTrailers(OK)
}

/** Answers a call with a status and nothing else, and asks the caller to send no more. */
export function failCall(stream: ServerHttp2Stream, refusal: RefusedError): void {
  if (stream.destroyed || stream.closed) return
  const headers = {
    ':status': 200,
    'content-type': CONTENT_TYPE,
    'grpc-status': String(grpcCode(refusal)),
    'grpc-message': percentEncoded(refusal.message),
    'grpc-status-details-bin': encodeStatus(refusal).toString('base64'),
    'grpc-accept-encoding': ACCEPTED
  }
  stream.respond(headers, { endStream: true })
  // RFC 9113, 8.1: an answer that does not need the rest of the request is followed by a reset without an error.
  if (!stream.readableEnded) stream.close(NO_ERROR)
}

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + message.length)
  frame[0] = 0
  frame.writeUInt32BE(message.length, 1)
  frame.set(message, FRAME_HEADER_BYTES)
  return frame
}

const UNIT_MS: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

// grpc-timeout: up to eight digits and a unit.
function timeoutMs(header: string): number {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(header) ?? []
  if (unit === undefined) throw new RefusedError('invalid', 'grpc-timeout is not up to eight digits and one of H, M, S, m, u, n')
  return Number(digits) * UNIT_MS[unit]
}

// grpc-message: UTF-8, of which all but printable ASCII, and the percent sign itself, is percent-encoded.
function percentEncoded(text: string): string {
  return Array.from(Buffer.from(text), (byte) =>
    byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  ).join('')
}
