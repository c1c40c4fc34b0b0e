import { messageOf } from '../../errors.ts'
import type { Counter, Metrics } from '../../telemetry/metrics.ts'
import type { FactsLog } from '../log.ts'
import { listPods, type PodListOptions } from './kubelet.ts'
import type { Rules } from './names.ts'
import { PodIndex } from './pod-index.ts'
import { type KnownPod, readPod } from './pod-object.ts'

const BACKOFF_MS_MAX = 5 * 60_000
/** Senders that stayed unknown after a question, so that they cause no second one. */
const STRANGERS_MAX = 1_024
const STRANGER_LENGTH_MAX = 128

export interface NodePodsOptions extends PodListOptions {
  readonly intervalMs: number
  /** Shortest time between two questions, however many unknown senders there are. */
  readonly askAgainMs: number
  readonly labels: Rules
  readonly annotations: Rules
  readonly proc: string
}

/** Keeps the list of a node's pods fresh by asking for it: on a timer, and soon after somebody unknown was looked for. */
export class NodePods {
  readonly index: PodIndex
  /** When the first question was answered, well or not. */
  readonly ready: Promise<void>
  private readonly options: NodePodsOptions
  private readonly log: FactsLog
  private readonly polls: Counter
  private readonly stopping = new AbortController()
  private readonly strangers = new Set<string>()
  private timer: NodeJS.Timeout | undefined
  private isAsking = false
  private askedAtMs = 0
  private answeredAtMs: number | undefined
  private forgotAtMs = 0
  private failures = 0
  /** The last failure that was told, empty after a good answer; undefined before the first. */
  private said: string | undefined

  constructor(options: NodePodsOptions, log: FactsLog, metrics: Metrics) {
    this.options = options
    this.log = log
    this.index = new PodIndex(options.proc)
    this.polls = metrics.counter('sluice_pod_facts_polls_total', 'Questions for the pods of this node, by outcome.')
    metrics.observe('sluice_pod_facts_pods', 'Pods of this node that are known.', 'gauge', () => [{ labels: {}, value: this.index.size }])
    metrics.observe('sluice_pod_facts_age_seconds', 'Time since the list of pods was last read.', 'gauge', () =>
      this.answeredAtMs === undefined ? [] : [{ labels: {}, value: (performance.now() - this.answeredAtMs) / 1000 }]
    )
    this.ready = this.ask()
  }

  /** Notes that a sender is not known; returns undefined, as the look-up did. */
  missed(key: string): undefined {
    if (this.isAsking || this.failures > 0 || key.length > STRANGER_LENGTH_MAX) return
    if (this.strangers.has(key) || this.strangers.size >= STRANGERS_MAX) return
    this.strangers.add(key)
    this.schedule(Math.max(0, this.askedAtMs + this.options.askAgainMs - performance.now()))
  }

  stop(): void {
    this.stopping.abort()
    clearTimeout(this.timer)
  }

  private schedule(afterMs: number): void {
    clearTimeout(this.timer)
    if (this.stopping.signal.aborted) return
    this.timer = setTimeout(() => void this.ask(), afterMs)
    this.timer.unref()
  }

  private async ask(): Promise<void> {
    const { intervalMs, askAgainMs, labels, annotations } = this.options
    this.isAsking = true
    this.askedAtMs = performance.now()
    try {
      const items = await listPods(this.options, this.stopping.signal)
      const pods = items.map((item) => readPod(item, labels, annotations)).filter((pod): pod is KnownPod => pod !== undefined)
      this.index.replace(pods, performance.now())
      this.answeredAtMs = performance.now()
      this.failures = 0
      this.polls.add(1, { outcome: 'ok' })
      this.say('', pods.length)
    } catch (error) {
      if (this.stopping.signal.aborted) return
      this.failures++
      this.polls.add(1, { outcome: 'failed' })
      this.say(messageOf(error), 0)
    } finally {
      this.isAsking = false
    }
    // Strangers are asked for again only after a whole interval: those of the last one may be pods by now.
    if (performance.now() - this.forgotAtMs >= intervalMs) {
      this.strangers.clear()
      this.forgotAtMs = performance.now()
    }
    this.schedule(
      this.failures === 0 ? intervalMs : Math.min(BACKOFF_MS_MAX, Math.max(intervalMs, askAgainMs) * 2 ** Math.min(this.failures - 1, 8))
    )
  }

  /** Says what changed, once. */
  private say(failure: string, pods: number): void {
    if (failure === this.said) return
    this.said = failure
    if (failure === '') this.log.info({ pods }, 'pod facts: the pods of this node are known')
    else this.log.warn({ failure }, 'pod facts: the pods of this node cannot be read; telemetry goes on without new ones')
  }
}
