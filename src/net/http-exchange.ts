import type { IncomingMessage, ServerResponse } from 'node:http'
import { RefusedError } from '../errors.ts'
import { free } from '../memory.ts'
import { Arrival, tooLarge } from './arrival.ts'
import type { HttpAnswer, HttpRoute } from './http-route.ts'
import { CODINGS, type Coding, codingOf, inflate } from './inflate.ts'
import type { Lease, Watch, Watched } from './limits.ts'
import type { Mount } from './mounts.ts'

/** What a sender may still send after it was refused, before the connection is cut; a shorter rest is read so that the answer arrives. */
const DRAIN_BYTES_MAX = 64 * 1024 * 1024
const DRAIN_MS = 10_000
/** How long a reader may take to fetch an answer. */
const ANSWER_MS = 30_000

const NOTHING = Buffer.alloc(0)

/** What an exchange needs from the port that it came in at. */
export interface ExchangeHost {
  readonly watch: Watch
  readonly closing: boolean
  count(event: HttpEvent): void
}

/** What befalls requests that no route gets to see, or that cannot be answered. */
export type HttpEvent = 'connections' | 'malformed' | 'header-timeout' | 'aborted' | 'slow-drain' | 'slow-reader' | 'not-found' | 'method'

/** One request from its headers to its answer. Waits for the body within the route's limits, inflates it, and answers what the route says. */
export class Exchange implements Watched {
  private readonly port: ExchangeHost
  private readonly request: IncomingMessage
  private readonly response: ServerResponse
  private readonly route: HttpRoute
  private readonly mount: Mount<HttpRoute>
  private readonly params: Readonly<Record<string, string>>
  private readonly lease: Lease
  private arrival: Arrival | undefined
  private coding: Coding = 'identity'
  private state: 'arriving' | 'handled' | 'draining' | 'answered' = 'arriving'
  private drainedBytes = 0
  private untilMs = 0
  private lastOnConnection = false
  private waitsToContinue: boolean

  constructor(
    port: ExchangeHost,
    request: IncomingMessage,
    response: ServerResponse,
    params: Readonly<Record<string, string>>,
    route: HttpRoute,
    mount: Mount<HttpRoute>
  ) {
    this.port = port
    this.request = request
    this.response = response
    this.params = params
    this.route = route
    this.mount = mount
    this.lease = route.limits.budget.lease()
    this.waitsToContinue = request.headers.expect !== undefined
  }

  start(): void {
    const { request, route, port } = this
    const { headers } = request
    this.mount.enter()
    port.watch.add(this)
    try {
      route.admit?.(headers)
      const length = headers['content-length']
      if (headers['transfer-encoding'] === undefined && (length === undefined || length === '0')) {
        void this.handle(NOTHING)
        return
      }
      const coding = headers['content-encoding']
      if (coding === undefined || coding !== route.ownCoding) this.coding = codingOf(coding)
      if (Number(length) > route.limits.bodyBytesMax) throw tooLarge(route.limits.bodyBytesMax)
      if (this.waitsToContinue) this.response.writeContinue()
      this.waitsToContinue = false
      // Node's parser copies each piece of a body out of what it has read.
      this.arrival = new Arrival(route.limits, this.lease, route.limits.bodyBytesMax, true)
    } catch (error) {
      this.refuse(error)
      return
    }
    request.on('data', (chunk: Buffer) => this.take(chunk))
    request.on('end', () => this.arrived())
    request.on('close', () => this.closed())
  }

  /** The connection speaks no HTTP any more: a body that is arriving is refused, and this answer is the last. */
  derail(): void {
    this.lastOnConnection = true
    if (this.state === 'arriving') {
      // What came whole before the nonsense is served; its end is told in a moment.
      if (!this.request.complete) this.refuse(new RefusedError('invalid', 'the body is not framed as HTTP/1.1 says'))
    } else if (this.state !== 'handled') this.request.destroy()
  }

  belongsTo(socket: unknown): boolean {
    return this.request.socket === socket
  }

  tick(nowMs: number): void {
    if (this.state === 'arriving') {
      const late = this.arrival?.late(nowMs)
      if (late === undefined) return
      this.lastOnConnection = true
      this.refuse(late)
    } else if (this.state === 'draining' && (nowMs > this.untilMs || this.drainedBytes > DRAIN_BYTES_MAX)) {
      this.port.count('slow-drain')
      this.request.destroy()
      this.end()
    } else if (this.state === 'answered') {
      if (this.response.writableFinished || this.response.destroyed) this.end()
      else if (nowMs > this.untilMs) {
        this.port.count('slow-reader')
        this.response.destroy()
        this.end()
      }
    }
  }

  private take(chunk: Buffer): void {
    if (this.state !== 'arriving') {
      this.drainedBytes += chunk.length
      free(chunk)
      return
    }
    try {
      this.arrival?.add(chunk)
    } catch (error) {
      this.refuse(error)
    }
  }

  private arrived(): void {
    if (this.state === 'draining') this.end()
    if (this.state === 'arriving') void this.handle(this.arrival?.take() ?? NOTHING)
  }

  // Also called after every whole request; only one that is not whole was given up by its sender.
  private closed(): void {
    if (this.state === 'draining') this.end()
    if (this.state !== 'arriving') return
    this.port.count('aborted')
    this.state = 'answered'
    this.settle()
    this.end()
  }

  private async handle(sent: Buffer): Promise<void> {
    const { request, route, coding, arrival } = this
    const { headers, method = '', url = '' } = request
    this.state = 'handled'
    let answer: HttpAnswer
    let body: Buffer | undefined
    try {
      const inflated = coding === 'identity' ? sent : inflate(sent, coding, route.limits.bodyBytesMax, this.lease)
      body = inflated instanceof Buffer ? inflated : await inflated
      if (body !== sent) {
        this.lease.give(sent.length)
        arrival?.free(sent)
      }
      const mark = url.indexOf('?')
      const path = mark === -1 ? url : url.slice(0, mark)
      const query = mark === -1 ? '' : url.slice(mark + 1)
      answer = await route.handle({ method, path, query, params: this.params, headers, remoteAddress: request.socket.remoteAddress, body })
    } catch (error) {
      answer = route.refuse(error, headers)
    }
    if (body === sent) arrival?.free(sent)
    else if (body !== undefined) free(body)
    this.settle()
    this.answer(answer)
  }

  private refuse(error: unknown): void {
    this.settle()
    this.answer(this.route.refuse(error, this.request.headers))
  }

  private settle(): void {
    this.lease.release()
    this.arrival?.forget()
    this.arrival = undefined
    this.mount.leave()
  }

  private answer(answer: HttpAnswer): void {
    const { request, response, port } = this
    this.state = 'answered'
    if (response.destroyed) {
      this.end()
      return
    }
    // Who waits to be told to continue will not send the rest.
    const last = this.lastOnConnection || port.closing || (this.waitsToContinue && !request.complete)
    const { status, body } = answer
    const headers: Record<string, string | number> = { ...answer.headers, 'content-length': Buffer.byteLength(body) }
    if (last) headers.connection = 'close'
    if (status === 415) headers['accept-encoding'] = CODINGS
    response.writeHead(status, headers)
    response.end(body)
    if (!request.complete && !last) this.drain()
    else if (response.writableLength > 0) this.untilMs = performance.now() + ANSWER_MS
    else this.end()
  }

  // A connection closed under a sender that still sends is reset, and the answer may be lost with it. So the rest is read, within limits.
  private drain(): void {
    this.state = 'draining'
    this.untilMs = performance.now() + DRAIN_MS
    if (this.request.listenerCount('data') > 0) return
    this.request.on('data', (chunk: Buffer) => this.take(chunk))
    this.request.on('end', () => this.arrived())
    this.request.on('close', () => this.closed())
  }

  private end(): void {
    this.port.watch.delete(this)
  }
}
