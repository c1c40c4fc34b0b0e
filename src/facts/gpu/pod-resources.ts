import type { ClientHttp2Session, IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2'
import { messageOf, RefusedError } from '../../errors.ts'

/** The kubelet's word on who was given which devices. */
export interface Allocation {
  readonly namespace: string
  readonly pod: string
  readonly container: string
  readonly resource: string
  /** As the device plugin names its devices. */
  readonly deviceIds: readonly string[]
}

export interface PodResourcesOptions {
  /** The kubelet's socket; its directory is what to mount, since the kubelet makes the socket anew. */
  readonly socket: string
  readonly timeoutMs: number
}

const ANSWER_BYTES_MAX = 16 * 1024 * 1024
/** gRPC writes a time with eight digits at most. */
const TIMEOUT_MS_MAX = 99_999_999
const PATH = '/v1.PodResourcesLister/List'
/** The request has no field: a frame of five bytes, not compressed, of length 0. */
const REQUEST = Buffer.alloc(5)

/**
 * Asks the kubelet once, over a connection of its own: the kubelet may have been restarted since the last time. Throws RefusedError that says what
 * stands in the way.
 */
export async function listAllocations({ socket, timeoutMs }: PodResourcesOptions, signal: AbortSignal): Promise<readonly Allocation[]> {
  // Loaded when first used: only gateways on a node with GPUs need them.
  const http2 = process.getBuiltinModule('node:http2')
  const net = process.getBuiltinModule('node:net')
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  const session = http2.connect('http://localhost', { createConnection: () => net.connect({ path: socket }) })
  try {
    const answer = await new Promise<Buffer>((resolve, reject) => {
      const giveUp = (): void => reject(new RefusedError('unavailable', `${socket}: no whole answer within ${timeoutMs} ms`))
      if (deadline.aborted) giveUp()
      deadline.addEventListener('abort', giveUp, { once: true })
      session.once('error', reject)
      session.once('close', () => reject(new RefusedError('unavailable', `${socket}: the connection was closed`)))
      ask(session, socket, timeoutMs).then(resolve, reject)
    })
    return decodeAllocations(unframed(answer))
  } catch (error) {
    if (error instanceof RefusedError) throw error
    const why = (error as NodeJS.ErrnoException).code ?? messageOf(error)
    throw new RefusedError('unavailable', `${socket}: ${why}${REMEDIES[why] ?? ''}`, { cause: error })
  } finally {
    // The session may still fail when it is torn down.
    session.on('error', () => undefined)
    session.destroy()
  }
}

/** One call: the frames of the answer, once the kubelet has said that all is well. */
function ask(session: ClientHttp2Session, socket: string, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': PATH,
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-timeout': `${Math.min(timeoutMs, TIMEOUT_MS_MAX)}m`
    })
    const parts: Buffer[] = []
    let length = 0
    let status = 'the answer broke off'
    // The status comes in the trailers, or with the headers alone.
    const note = (headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void => {
      const code = headers['grpc-status']
      if (headers[':status'] !== undefined && headers[':status'] !== 200) status = `HTTP status ${headers[':status']}`
      else if (code !== undefined) status = code === '0' ? '' : `gRPC status ${Number(code)}`
    }
    // A stream that is cancelled because of its connection does not know why: the connection tells.
    let isCancelled = false
    stream.once('error', (error: NodeJS.ErrnoException) => {
      isCancelled = error.code === 'ERR_HTTP2_STREAM_CANCEL'
      if (!isCancelled) reject(error)
    })
    stream.on('response', note)
    stream.on('trailers', note)
    stream.on('data', (part: Buffer) => {
      length += part.length
      if (length <= ANSWER_BYTES_MAX) parts.push(part)
      else reject(new RefusedError('too-large', `${socket}: the answer is over ${ANSWER_BYTES_MAX} bytes`))
    })
    stream.once('close', () => {
      if (status === '') resolve(Buffer.concat(parts))
      else if (!isCancelled) reject(new RefusedError('unavailable', `${socket}: ${status}`))
    })
    stream.end(REQUEST)
  })
}

const REMEDIES: Readonly<Record<string, string>> = {
  ENOENT: ': mount the directory /var/lib/kubelet/pod-resources of the host',
  EACCES: ': the socket belongs to root; run the gateway of the node as root, or go without',
  ECONNREFUSED: ': nobody listens; mount the directory of the socket, not the socket'
}

/** gRPC puts five bytes before a message: compressed or not, and its length. */
function unframed(body: Buffer): Buffer {
  if (body.length < 5) throw new RefusedError('invalid', `the kubelet answered ${body.length} bytes, expected a gRPC message`)
  if (body[0] !== 0) throw new RefusedError('unsupported', 'the kubelet answered a compressed message, which was not asked for')
  const length = body.readUInt32BE(1)
  if (length !== body.length - 5) throw new RefusedError('invalid', `the kubelet answered ${body.length - 5} bytes, announced ${length}`)
  return body.subarray(5)
}

// The wire, https://github.com/kubernetes/kubelet/blob/master/pkg/apis/podresources/v1/api.proto, as far as it is read:
//   ListPodResourcesResponse { repeated PodResources pod_resources = 1 }
//   PodResources             { string name = 1, string namespace = 2, repeated ContainerResources containers = 3 }
//   ContainerResources       { string name = 1, repeated ContainerDevices devices = 2, …, repeated DynamicResource dynamic_resources = 5 }
//   ContainerDevices         { string resource_name = 1, repeated string device_ids = 2, TopologyInfo topology = 3 }
//   DynamicResource          { …, repeated ClaimResource claim_resources = 4 }
//   ClaimResource            { repeated CDIDevice cdi_devices = 1, string driver_name = 2, string pool_name = 3, string device_name = 4 }
//   CDIDevice                { string name = 1 }, as vendor.com/class=device

/** Reads the kubelet's message. Throws RefusedError `invalid` where it is cut or not one. */
export function decodeAllocations(bytes: Uint8Array): readonly Allocation[] {
  const found: Allocation[] = []
  for (const pod of fieldsOf(bytes)) {
    if (pod.number !== 1) continue
    let name = ''
    let namespace = ''
    // Fields may come in any order, and a pod's name is needed with each of its containers.
    const containers: Uint8Array[] = []
    for (const field of fieldsOf(pod.bytes)) {
      if (field.number === 1) name = text(field)
      else if (field.number === 2) namespace = text(field)
      else if (field.number === 3) containers.push(field.bytes)
    }
    for (const container of containers) addContainer(found, namespace, name, container)
  }
  return found
}

function addContainer(found: Allocation[], namespace: string, pod: string, bytes: Uint8Array): void {
  let container = ''
  const devices: { resource: string; deviceIds: string[] }[] = []
  for (const field of fieldsOf(bytes)) {
    if (field.number === 1) container = text(field)
    else if (field.number === 2) devices.push(readDevices(field.bytes))
    else if (field.number === 5) for (const each of fieldsOf(field.bytes)) if (each.number === 4) devices.push(readClaim(each.bytes))
  }
  for (const each of devices) found.push({ namespace, pod, container, ...each })
}

function readDevices(bytes: Uint8Array): { resource: string; deviceIds: string[] } {
  let resource = ''
  const deviceIds: string[] = []
  for (const field of fieldsOf(bytes)) {
    if (field.number === 1) resource = text(field)
    else if (field.number === 2) deviceIds.push(text(field))
  }
  return { resource, deviceIds }
}

function readClaim(bytes: Uint8Array): { resource: string; deviceIds: string[] } {
  let resource = ''
  const deviceIds: string[] = []
  for (const field of fieldsOf(bytes)) {
    if (field.number === 2) resource = text(field)
    else if (field.number === 4) deviceIds.push(text(field))
    else if (field.number === 1)
      for (const each of fieldsOf(field.bytes)) if (each.number === 1) deviceIds.push(text(each).replace(/^.*=/, ''))
  }
  return { resource, deviceIds }
}

interface Field {
  readonly number: number
  /** Of a field that has no length: empty. */
  readonly bytes: Uint8Array
}

const NOTHING = new Uint8Array(0)

/** Walks the fields of one message. */
function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let scale = 1; scale < 2 ** 70; scale *= 128) {
      if (at >= bytes.length) throw new RefusedError('invalid', 'the kubelet answered a message that is cut off')
      const byte = bytes[at++]
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
    throw new RefusedError('invalid', 'the kubelet answered a number of more than ten bytes')
  }
  while (at < bytes.length) {
    const tag = varint()
    const number = Math.floor(tag / 8)
    const type = tag % 8
    if (number === 0 || (type !== 0 && type !== 1 && type !== 2 && type !== 5))
      throw new RefusedError('invalid', `the kubelet answered a field ${number} of wire type ${type}`)
    const length = type === 0 ? 0 : type === 1 ? 8 : type === 5 ? 4 : varint()
    if (type === 0) varint()
    if (at + length > bytes.length) throw new RefusedError('invalid', 'the kubelet answered a message that is cut off')
    yield { number, bytes: type === 2 ? bytes.subarray(at, at + length) : NOTHING }
    at += length
  }
}

const text = ({ bytes }: Field): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
