import type { IncomingMessage } from 'node:http'
import { messageOf, RefusedError } from '../../errors.ts'
import type { Counter, Metrics } from '../../telemetry/metrics.ts'
import type { GpuDevice, GpuFacts, GpuInterval, GpuOwner, GpuSample, GpuState } from '../facts.ts'
import { Ring } from '../gpu/ring.ts'
import type { FactsLog } from '../log.ts'
import { parseNodeAnswer } from './node-answer.ts'
import { NODE_FACTS_PATH, type NodeGpuFacts, POD_UID_HEADER } from './node-facts.ts'

export interface NodeSourceOptions {
  /** The node's gateway, as `http://10.0.0.7:4319`. */
  readonly url: string
  /** Shorter than the node's own interval, so that none of its samples is missed. */
  readonly intervalMs: number
  readonly timeoutMs: number
  /** The shared token, for where the network hides addresses. */
  readonly token: string | undefined
  readonly podUid: string | undefined
  readonly samplesMax: number
  /** How long a sample's value stands; about two of the node's intervals. */
  readonly reachMs: number
}

export const NODE_SOURCE_DEFAULTS = { intervalMs: 5_000, timeoutMs: 3_000, samplesMax: 512, reachMs: 45_000 }

const ANSWER_BYTES_MAX = 4 * 1024 * 1024
const BACKOFF_MS_MAX = 60_000
/** Devices that have come and gone: a pod keeps its own as long as it lives. */
const RINGS_MAX = 64

export interface OpenNodeGpuFacts extends GpuFacts {
  /** When the node was asked for the first time. */
  readonly ready: Promise<void>
  stop(): void
}

/** GPU facts of this pod as its node's gateway tells them. While the node does not answer, what is known grows old, and nothing else happens. */
export const openNodeGpuFacts = (options: NodeSourceOptions, log: FactsLog, metrics: Metrics): OpenNodeGpuFacts =>
  new NodeSource(options, log, metrics)

class NodeSource implements OpenNodeGpuFacts {
  readonly ready: Promise<void>
  state: GpuFacts['state'] = { state: 'starting', sinceMs: Date.now(), remedy: '', source: 'node' }
  private readonly options: NodeSourceOptions
  private readonly log: FactsLog
  private readonly polls: Counter
  private readonly stopping = new AbortController()
  private readonly listeners = new Set<() => void>()
  private readonly rings = new Map<string, Ring>()
  private known: NodeGpuFacts['devices'] = []
  private list: readonly GpuDevice[] = []
  private timer: NodeJS.Timeout | undefined
  private failures = 0

  constructor(options: NodeSourceOptions, log: FactsLog, metrics: Metrics) {
    this.options = options
    this.log = log
    this.polls = metrics.counter('sluice_gpu_node_polls_total', "Questions to the node's gateway for this pod's GPUs, by outcome.")
    this.ready = this.ask()
  }

  /** The gateway of the node tells of them itself. */
  lost(): readonly GpuDevice[] {
    return []
  }

  devices(): readonly GpuDevice[] {
    return this.list
  }

  at(uuid: string, atMs: number): GpuSample | undefined {
    return this.rings.get(uuid)?.at(atMs)
  }

  latest(uuid: string): GpuSample | undefined {
    return this.rings.get(uuid)?.latest()
  }

  over(uuid: string, startMs: number, endMs: number): GpuInterval | undefined {
    return this.rings.get(uuid)?.over(startMs, endMs)
  }

  owners(uuid: string): readonly GpuOwner[] {
    return this.known.find(({ device }) => device.uuid === uuid)?.owners ?? []
  }

  onSample(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  stop(): void {
    this.stopping.abort()
    clearTimeout(this.timer)
  }

  private async ask(): Promise<void> {
    const { intervalMs } = this.options
    let isNew = false
    try {
      const facts = parseNodeAnswer(await this.get())
      isNew = this.take(facts)
      this.failures = 0
      this.polls.add(1, { outcome: 'ok' })
      if (facts.state !== 'ok') this.turn(facts.state, facts.remedy === '' ? '' : `on the node: ${facts.remedy}`)
      else if (facts.devices.length > 0) this.turn('ok', '')
      else this.turn('no devices', 'the node knows no GPU of this pod: see sluice_gpu_owner_polls_total of the gateway on the node')
    } catch (error) {
      if (this.stopping.signal.aborted) return
      this.failures++
      this.polls.add(1, { outcome: 'failed' })
      const code = error instanceof RefusedError ? error.code : undefined
      this.turn(code === 'forbidden' || code === 'unauthenticated' ? 'permission' : 'failed', `the node's gateway: ${messageOf(error)}`)
    }
    if (this.stopping.signal.aborted) return
    if (isNew) for (const listener of this.listeners) listener()
    this.timer = setTimeout(() => void this.ask(), Math.min(BACKOFF_MS_MAX, intervalMs * 2 ** Math.min(this.failures, 8)))
    this.timer.unref()
  }

  /** Remembers what came; says whether a sample is new. */
  private take({ devices }: NodeGpuFacts): boolean {
    const { samplesMax, reachMs } = this.options
    let isNew = false
    this.known = devices
    this.list = devices.map(({ device }) => device)
    for (const { device, sample } of devices) {
      let ring = this.rings.get(device.uuid)
      if (ring === undefined) {
        if (this.rings.size >= RINGS_MAX) this.rings.delete(this.rings.keys().next().value!)
        ring = new Ring({ samplesMax, reachMs })
        this.rings.set(device.uuid, ring)
      }
      if (sample === undefined || sample.atMs === ring.latest()?.atMs) continue
      ring.add(sample)
      isNew = true
    }
    return isNew
  }

  private turn(state: GpuState, remedy: string): void {
    if (state === this.state.state && remedy === this.state.remedy) return
    this.state = { state, sinceMs: Date.now(), remedy, source: 'node' }
    if (state === 'ok') this.log.info({ state, source: 'node' }, "GPU facts: the node's gateway tells them")
    else this.log.warn({ state, source: 'node', remedy }, 'GPU facts: none from the node now; telemetry goes on without them')
  }

  private get(): Promise<string> {
    const { url, timeoutMs, token, podUid } = this.options
    const target = new URL(NODE_FACTS_PATH, url)
    const headers: Record<string, string> = { accept: 'application/json', 'user-agent': 'sluice' }
    if (podUid !== undefined) headers[POD_UID_HEADER] = podUid
    if (token !== undefined) headers.authorization = `Bearer ${token}`
    // Loaded when first used: gateways without this source do without their memory.
    const { request } = target.protocol === 'https:' ? process.getBuiltinModule('node:https') : process.getBuiltinModule('node:http')
    const deadline = AbortSignal.any([this.stopping.signal, AbortSignal.timeout(timeoutMs)])
    return new Promise<string>((resolve, reject) => {
      const sent = request(target, { headers, signal: deadline, agent: false }, (answer) => {
        collect(answer).then(resolve, (error) => {
          sent.destroy()
          reject(error)
        })
      })
      sent.on('error', reject)
      sent.end()
    }).catch((error) => {
      if (error instanceof RefusedError || this.stopping.signal.aborted) throw error
      const why = deadline.aborted ? `no whole answer within ${timeoutMs} ms` : ((error as NodeJS.ErrnoException).code ?? messageOf(error))
      throw new RefusedError('unavailable', `${target.origin}: ${why}`, { cause: error })
    })
  }
}

async function collect(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of answer as AsyncIterable<Buffer>) {
    length += part.length
    if (length > ANSWER_BYTES_MAX) throw new RefusedError('too-large', `the answer is over ${ANSWER_BYTES_MAX} bytes`)
    parts.push(part)
  }
  const status = answer.statusCode ?? 0
  if (status === 200) return Buffer.concat(parts).toString('utf8')
  const code = status === 403 ? 'forbidden' : status === 401 ? 'unauthenticated' : 'unavailable'
  throw new RefusedError(code, `answered ${status}${status === 403 ? ': it does not know this address; set the token on both sides' : ''}`)
}
