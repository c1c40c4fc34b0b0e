import type { SocketAddress, Sockets } from '../../net/sockets.ts'

/** One address to listen on, with what concerns the whole address. */
export interface ListenAt<Settings> {
  readonly sockets: Sockets
  readonly address: SocketAddress
  /** The place in the configuration that asks for the address. */
  readonly option: string
  readonly settings: Settings
}
