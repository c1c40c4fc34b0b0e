import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { RefusedError } from '../errors.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Facts } from './facts.ts'
import { type GpuOptions, type OpenGpuFacts, openGpuFacts } from './gpu/gpu.ts'
import { OWNERS_DEFAULTS, openGpuOwners } from './gpu/owners.ts'
import type { FactsLog } from './log.ts'
import { type NodeFactsAnswer, type NodeFactsRequest, nodeFactsHandler } from './node/node-facts.ts'
import { NODE_SOURCE_DEFAULTS, type OpenNodeGpuFacts, openNodeGpuFacts } from './node/node-source.ts'
import { openPodFacts, POD_DEFAULTS, type PodOptions } from './pod/pod-facts.ts'

/** What a configuration says about facts; times are ms. */
export interface FactsOptions {
  readonly gpu: {
    readonly source: GpuOptions['source']
    readonly command: string
    readonly interval: number
    readonly slowInterval: number
    readonly timeout: number
    readonly node?: string | undefined
    readonly podResources: string
  }
  readonly pod: Omit<PodOptions, 'kubelet'> & {
    readonly kubelet: Pick<PodOptions['kubelet'], 'ask' | 'tokenFile' | 'caFile' | 'insecure'> & {
      readonly url?: string | undefined
      readonly interval: number
      readonly timeout: number
    }
  }
  readonly token?: string | undefined
}

export interface OpenFacts extends Facts {
  /** Answers a sidecar of this node. */
  readonly tell: (request: NodeFactsRequest) => NodeFactsAnswer
  /** Resolves after the first look at GPUs and their owners, whatever it gave. */
  readonly firstLook: Promise<void>
  /** Ends what keeps the facts fresh: timers, children, connections. */
  stop(): Promise<void>
}

/** A sample stands for two looks of the node's gateway, and for what the question to it takes. */
const REACH_INTERVALS = 3

/**
 * Starts to watch what the configuration asks for. Never waits for the outside: what is not known yet is absent. Throws RefusedError when the options
 * lack what they need.
 */
export function openFacts(options: FactsOptions, log: FactsLog, metrics: Metrics): OpenFacts {
  const { gpu, token } = options
  if (gpu.source === 'node' && gpu.node === undefined)
    throw new RefusedError('invalid', 'facts.gpu.source is node, but facts.gpu.node does not say where the gateway of the node is')
  const { interval, timeout, ...kubelet } = options.pod.kubelet
  const pods = openPodFacts(
    { ...options.pod, kubelet: { ...POD_DEFAULTS.kubelet, ...kubelet, intervalMs: interval, timeoutMs: timeout } },
    log,
    metrics
  )
  const owners = openGpuOwners(
    {
      ...OWNERS_DEFAULTS,
      socket: looksHere(gpu.source) && existsSync(dirname(gpu.podResources)) ? gpu.podResources : undefined,
      intervalMs: gpu.interval,
      visibleDevices: process.env.NVIDIA_VISIBLE_DEVICES
    },
    pods,
    log,
    metrics
  )
  const node = openNode(options, pods.own()?.['k8s.pod.uid'], log, metrics)
  const opened: OpenGpuFacts = openGpuFacts(
    { ...gpu, intervalMs: gpu.interval, slowIntervalMs: gpu.slowInterval, timeoutMs: gpu.timeout },
    { log, metrics, owners: (uuid) => owners.owners(uuid), ...(node === undefined ? {} : { node }) }
  )
  // Before anybody else listens, so that who uses a GPU is known when its samples are told.
  owners.watch(opened.facts)
  return {
    gpu: opened.facts,
    pod: pods,
    tell: nodeFactsHandler({ gpu: opened.facts, pods, token }),
    firstLook: Promise.all([opened.firstLook, node?.ready, owners.ready]).then(() => undefined),
    async stop() {
      owners.stop()
      pods.stop()
      await opened.stop()
    }
  }
}

const looksHere = (source: GpuOptions['source']): boolean => source === 'auto' || source === 'nvidia-smi'

// The other source of GPU facts, where there is one.
function openNode({ gpu, token }: FactsOptions, podUid: string | undefined, log: FactsLog, metrics: Metrics): OpenNodeGpuFacts | undefined {
  if (gpu.node === undefined || (gpu.source !== 'auto' && gpu.source !== 'node')) return undefined
  const reachMs = gpu.interval * REACH_INTERVALS
  return openNodeGpuFacts({ ...NODE_SOURCE_DEFAULTS, url: gpu.node, token, podUid, reachMs }, log, metrics)
}
