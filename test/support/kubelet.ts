import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Tree } from './otlp-message.ts'

export interface PodParts {
  readonly name: string
  readonly uid?: string
  readonly ip?: string
  readonly labels?: Record<string, string>
  readonly annotations?: Record<string, string>
  /** Kind and name. */
  readonly owner?: readonly [string, string]
  /** Ids by name. */
  readonly containers?: Record<string, string>
  readonly hostNetwork?: boolean
  readonly phase?: string
}

/** A pod as the API writes it, with some of what nobody asks for. */
export function pod(parts: PodParts): Tree {
  const {
    name,
    uid = `uid-${name}`,
    ip = '10.1.0.5',
    labels = {},
    annotations = {},
    owner,
    containers = {},
    hostNetwork,
    phase = 'Running'
  } = parts
  return {
    metadata: {
      name,
      namespace: 'gpu',
      uid,
      resourceVersion: '17',
      creationTimestamp: '2026-03-01T10:00:00Z',
      labels,
      annotations,
      ...(owner === undefined
        ? {}
        : { ownerReferences: [{ apiVersion: 'apps/v1', kind: owner[0], name: owner[1], uid: 'o-1', controller: true }] })
    },
    spec: { nodeName: 'node-1', hostNetwork, containers: Object.keys(containers).map((each) => ({ name: each, image: 'i' })) },
    status: {
      phase,
      podIP: ip,
      podIPs: [{ ip }, { ip: 'fd00::5' }],
      hostIP: '10.0.0.1',
      startTime: '2026-03-01T10:00:00Z',
      containerStatuses: Object.entries(containers).map(([each, id]) => ({
        name: each,
        restartCount: 2,
        containerID: `containerd://${id}`,
        image: 'registry:5000/dub/worker:1.4.2',
        imageID: 'registry:5000/dub/worker@sha256:00'
      }))
    }
  }
}

/** A double of the kubelet's (or the API server's) list of pods: asks for the token, and does what it is told. */
export class Kubelet {
  pods: Tree[] = []
  token = 'account-token'
  behaviour: 'answer' | 'hang' | 'half' | 'nonsense' | 'huge' | 'other' = 'answer'
  readonly asked: string[] = []
  private readonly server: Server

  constructor(tls?: { cert: Buffer; key: Buffer }) {
    const create = tls === undefined ? createServer : createTlsServer.bind(undefined, tls)
    this.server = create((request, response) => {
      this.asked.push(request.url ?? '')
      if (request.headers.authorization !== `Bearer ${this.token}`) return void response.writeHead(401).end('Unauthorized')
      const list = JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: this.pods })
      if (this.behaviour === 'answer') response.end(list)
      else if (this.behaviour === 'half')
        response.writeHead(200, { 'content-length': list.length }).write(list.slice(0, 20), () => response.destroy())
      else if (this.behaviour === 'nonsense') response.end('<html>')
      else if (this.behaviour === 'other') response.end('{"kind":"Status"}')
      else if (this.behaviour === 'huge') {
        const block = Buffer.alloc(1024 * 1024, 32)
        const more = (): void => void (response.destroyed || response.write(block, more))
        more()
      }
    })
  }

  async listen(host = '127.0.0.1', port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(port, host, resolve))
    return `${host}:${(this.server.address() as AddressInfo).port}`
  }

  close(): void {
    this.server.closeAllConnections()
    this.server.close()
  }
}
