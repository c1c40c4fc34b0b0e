import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { messageOf, RefusedError } from '../../errors.ts'

/** How to ask for the pods of a node. */
export interface PodListOptions {
  /** The kubelet's `https://<node>:10250/pods`, or the API server's list with a field selector for the node. */
  readonly url: string
  /** The service account's token, read anew for every request since it is renewed on disk. */
  readonly tokenFile: string
  readonly caFile: string
  /** Takes any certificate: kubelets often sign their own. The token is sent to whoever answers. */
  readonly insecure: boolean
  readonly timeoutMs: number
}

/** A list of a few hundred pods is some MB. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024

/** Asks once. Returns the items of the PodList; throws RefusedError that says what is missing. */
export async function listPods(options: PodListOptions, signal: AbortSignal): Promise<readonly unknown[]> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)])
  let body: Buffer
  try {
    body = await get(options, deadline)
  } catch (error) {
    if (error instanceof RefusedError || signal.aborted) throw error
    const why = deadline.aborted
      ? `no whole answer within ${options.timeoutMs} ms`
      : ((error as NodeJS.ErrnoException).code ?? messageOf(error))
    throw new RefusedError('unavailable', `${place(options.url)}: ${why}`, { cause: error })
  }
  let list: { items?: unknown }
  try {
    list = JSON.parse(body.toString('utf8'))
  } catch {
    throw new RefusedError('invalid', `${place(options.url)}: the answer is not JSON`)
  }
  if (!Array.isArray(list?.items)) throw new RefusedError('invalid', `${place(options.url)}: the answer is not a list of pods`)
  return list.items
}

function get(options: PodListOptions, signal: AbortSignal): Promise<Buffer> {
  const url = new URL(options.url)
  const headers: Record<string, string> = { accept: 'application/json', 'user-agent': 'sluice' }
  const token = read(options.tokenFile)?.toString('latin1').trim()
  if (token !== undefined && token !== '') headers.authorization = `Bearer ${token}`
  const ca = read(options.caFile)
  // Loaded when first used: gateways without this source do without their memory.
  const { request } = url.protocol === 'http:' ? process.getBuiltinModule('node:http') : process.getBuiltinModule('node:https')
  const tls = { rejectUnauthorized: !options.insecure, ...(ca === undefined ? {} : { ca }) }
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers, signal, agent: false, ...(url.protocol === 'http:' ? {} : tls) }, (answer) => {
      collect(answer, url).then(resolve, (error) => {
        sent.destroy()
        reject(error)
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}

async function collect(answer: IncomingMessage, url: URL): Promise<Buffer> {
  const status = answer.statusCode ?? 0
  if (status !== 200) {
    answer.destroy()
    throw new RefusedError('unavailable', `${place(url.href)}: answered ${status}${REMEDIES[status] ?? ''}`)
  }
  const parts: Buffer[] = []
  let length = 0
  for await (const part of answer as AsyncIterable<Buffer>) {
    length += part.length
    if (length > ANSWER_BYTES_MAX) throw new RefusedError('too-large', `${place(url.href)}: the answer is over ${ANSWER_BYTES_MAX} bytes`)
    parts.push(part)
  }
  if (!answer.complete) throw new RefusedError('unavailable', `${place(url.href)}: the answer broke off`)
  return Buffer.concat(parts)
}

const REMEDIES: Readonly<Record<number, string>> = {
  401: ': the token is not accepted; is the service account token mounted?',
  403: ': the service account may not read it; grant get on nodes/pods (older kubelets: nodes/proxy), or get and list on pods for the API server'
}

/** Without what follows the question mark. */
const place = (url: string): string => url.split('?', 1)[0]

function read(file: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch {
    return undefined
  }
}
