import type { GpuDevice, GpuFacts, GpuOwner, GpuSample, GpuState, PodAttributes } from '../facts.ts'
import type { OpenPodFacts } from '../pod/pod-facts.ts'

/** Where the node's gateway answers its sidecars. */
export const NODE_FACTS_PATH = '/v1/facts/gpu'
/** What a sidecar says of itself: its pod's uid. */
export const POD_UID_HEADER = 'x-sluice-pod-uid'

/** A question as any HTTP server can hand it over. */
export interface NodeFactsRequest {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The address that the connection came from. */
  readonly remoteAddress: string | undefined
}

/** Fits the answer of a route. */
export interface NodeFactsAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The JSON of an answer of 200. What the node does not know is left out. */
export interface NodeGpuFacts {
  readonly version: 1
  readonly state: GpuState
  readonly remedy: string
  /** Only the devices that the asking pod owns. */
  readonly devices: readonly {
    readonly device: GpuDevice
    /** Only the asking pod's containers. */
    readonly owners: readonly GpuOwner[]
    readonly sample?: GpuSample
  }[]
}

export interface NodeFactsOptions {
  readonly gpu: GpuFacts
  readonly pods: Pick<OpenPodFacts, 'byIp' | 'byUid' | 'uidOfPid'>
  /** A secret that the sidecars of this cluster share; undefined: only addresses count. */
  readonly token: string | undefined
}

/**
 * Makes the function that answers a node's sidecars with their own GPUs, from memory.
 *
 * Whom to believe: the address of a connection names a pod, since a pod cannot finish a TCP handshake from another one's address. If the asker also
 * says a uid it must be that pod's, so that an address which has just changed hands gives nothing away. Where the address is no pod's (the network
 * hides it, or the pod shares the node's), the uid counts if the shared token comes with it: who holds the token can ask for any pod of the node, so
 * it belongs into a Secret that only injected sidecars mount. Everybody else is refused. What an answer shows of a shared GPU is the whole GPU's
 * load, but of processes and owners only the pod's own.
 */
export function nodeFactsHandler({ gpu, pods, token }: NodeFactsOptions): (request: NodeFactsRequest) => NodeFactsAnswer {
  const expected = token === undefined ? undefined : digest(token)
  return ({ headers, remoteAddress }) => {
    const claimed = one(headers[POD_UID_HEADER])
    let asker: PodAttributes | undefined = remoteAddress === undefined ? undefined : pods.byIp(remoteAddress)
    if (asker !== undefined) {
      if (claimed !== undefined && claimed !== asker['k8s.pod.uid']) return refusal(403, 'this address is not of the pod with that uid')
    } else {
      const given = /^Bearer (.+)$/i.exec(one(headers.authorization) ?? '')?.[1]
      if (claimed === undefined || given === undefined) return refusal(403, 'this address is of no pod of this node')
      if (expected === undefined) return refusal(403, 'this address is of no pod of this node, and no token is set here')
      if (!timingSafeEqual(digest(given), expected)) return refusal(401, 'the token is not accepted')
      asker = pods.byUid(claimed)
      if (asker === undefined) return refusal(404, 'no pod of this node has that uid')
    }
    return answer(200, JSON.stringify(factsFor(asker, gpu, pods)))
  }
}

const { createHash, timingSafeEqual } = process.getBuiltinModule('node:crypto')
/** Of one length whatever the token's, so that a comparison takes one time. */
const digest = (token: string): Buffer => createHash('sha256').update(token).digest()

const UID_LENGTH_MAX = 128
const one = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'string' && value !== '' && value.length <= UID_LENGTH_MAX * 8 ? value : undefined

function factsFor(asker: PodAttributes, gpu: GpuFacts, pods: Pick<OpenPodFacts, 'uidOfPid'>): NodeGpuFacts {
  const uid = asker['k8s.pod.uid']
  const isOwnProcess = (pid: number): boolean => uid !== undefined && pods.uidOfPid(pid) === uid
  const isOwn = (owner: GpuOwner): boolean =>
    owner.podUid !== undefined && uid !== undefined
      ? owner.podUid === uid
      : owner.namespace === asker['k8s.namespace.name'] && owner.pod === asker['k8s.pod.name']
  const devices: NodeGpuFacts['devices'][number][] = []
  for (const device of gpu.devices()) {
    const owners = gpu.owners(device.uuid).filter(isOwn)
    if (owners.length === 0) continue
    const latest = gpu.latest(device.uuid)
    if (latest === undefined) devices.push({ device, owners })
    else devices.push({ device, owners, sample: { ...latest, processes: latest.processes.filter(({ pid }) => isOwnProcess(pid)) } })
  }
  const { state, remedy } = gpu.state
  return { version: 1, state, remedy, devices }
}

const answer = (status: number, body: string): NodeFactsAnswer => ({
  status,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  body
})

const refusal = (status: number, error: string): NodeFactsAnswer => answer(status, JSON.stringify({ error }))
