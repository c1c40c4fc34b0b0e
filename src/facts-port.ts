import { NODE_FACTS_PATH, type NodeFactsAnswer, type NodeFactsRequest } from './facts/node/node-facts.ts'
import { type HttpRoute, listenHttp, plainAnswer } from './net/http-server.ts'
import { ByteBudget } from './net/limits.ts'
import type { SocketAddress, Sockets } from './net/sockets.ts'

export interface FactsPort {
  readonly address: SocketAddress
  close(): Promise<void>
}

const CLOSE_WITHIN_MS = 1_000
// Nobody has a body to send here.
const LIMITS = { bodyBytesMax: 0, stallMs: 1_000, bodyMs: 1_000, budget: new ByteBudget(0) }

/** Tells the sidecars of the node about their GPUs. Null where the configuration says off. */
export async function openFactsPort(
  listen: SocketAddress | null,
  sockets: Sockets,
  tell: (request: NodeFactsRequest) => NodeFactsAnswer
): Promise<FactsPort | null> {
  if (listen === null) return null
  const route: HttpRoute = {
    method: 'GET',
    path: NODE_FACTS_PATH,
    limits: LIMITS,
    handle: tell,
    refuse: () => plainAnswer(500, 'failed')
  }
  const { address, close } = await listenHttp(sockets, listen, 'facts.listen', [route])
  return { address, close: () => close(CLOSE_WITHIN_MS) }
}
