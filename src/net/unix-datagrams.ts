import { EventEmitter } from 'node:events'
import { unlinkSync } from 'node:fs'
import { RefusedError } from '../errors.ts'
import { type Listening, nameOf, type SocketAddress, type Sockets, type Speaker } from './sockets.ts'

/** What concerns a whole socket. */
export interface UnixDatagramSettings {
  /** While this is false nothing is read; the kernel then makes senders wait. */
  isReady(): boolean
  /** Takes a message; it may be kept. */
  take(message: Buffer): void
  /** Told what `take` threw; that message is lost. */
  fault(error: unknown): void
}

export interface UnixDatagramListener {
  readonly address: SocketAddress
  /** Takes no more. What has arrived goes to whoever else reads the socket, or is taken yet. */
  close(withinMs: number): Promise<void>
}

// From the headers of Linux, the same on all of its machines.
const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const MSG_DONTWAIT = 0x40
const EADDRINUSE = 98
const EACCES = 13
const ENOENT = 2
// struct sockaddr_un { u16 family; char path[108] }
const ADDRESS_BYTES = 110

const MESSAGE_BYTES_MAX = 1024 * 1024
/** Messages read in one go, before others have their turn. */
const MESSAGES_MAX = 64
/** Messages read at the end: more than the kernel keeps for one socket. */
const LAST_MESSAGES_MAX = 4096
const IDLE_MS_MAX = 50

/** What of the C library is used. */
interface Libc {
  socket(family: number, type: number, protocol: number): number
  bind(fd: number, address: Buffer, length: number): number
  recv(fd: number, bytes: Buffer, length: number, flags: number): number
  close(fd: number): number
  /** Of the last call. */
  errno(): number
}

/**
 * Serves messages over a Unix datagram socket, as /dev/log is one. Node has none, so this needs the optional package koffi, which calls the C library.
 * Whoever asks again for the path takes over. Throws RefusedError `unavailable` if it cannot listen there.
 */
export async function listenUnixDatagrams(
  sockets: Sockets,
  address: SocketAddress,
  option: string,
  protocol: string,
  settings: UnixDatagramSettings
): Promise<UnixDatagramListener> {
  if (!('path' in address)) throw new RefusedError('unavailable', `${option}: expected unix:/path, not ${nameOf(address)}`)
  const libc = await loadLibc(option)
  const place = await sockets.join(address, option, protocol, () => new UnixDatagramPort(libc), 'datagram')
  const { speaker } = place
  speaker.tenants.push(settings)
  const close = async (withinMs: number): Promise<void> => {
    if (speaker.tenants.length > 1) speaker.tenants.splice(speaker.tenants.indexOf(settings), 1)
    await place.leave(withinMs)
  }
  return { address: place.address, close }
}

async function loadLibc(option: string): Promise<Libc> {
  if (process.platform !== 'linux') throw new RefusedError('unavailable', `${option}: Unix datagram sockets are read on Linux only`)
  try {
    const { default: koffi } = await import('koffi')
    const library = koffi.load(null)
    return {
      socket: library.func('int socket(int family, int type, int protocol)'),
      bind: library.func('int bind(int fd, const void *address, unsigned int length)'),
      recv: library.func('long recv(int fd, _Out_ void *bytes, size_t length, int flags)'),
      close: library.func('int close(int fd)'),
      errno: () => koffi.errno()
    } as Libc
  } catch (error) {
    throw new RefusedError('unavailable', `${option}: Unix datagram sockets need the package koffi, which cannot be loaded`, {
      cause: error
    })
  }
}

class UnixDatagramPort extends EventEmitter implements Speaker, Listening {
  readonly server: Listening = this
  /** The newest gets the messages. */
  readonly tenants: UnixDatagramSettings[] = []
  private readonly libc: Libc
  private readonly message = Buffer.allocUnsafeSlow(MESSAGE_BYTES_MAX)
  private fd = -1
  private path = ''
  private idleMs = 1
  private timer: NodeJS.Timeout | undefined
  private next: NodeJS.Immediate | undefined

  constructor(libc: Libc) {
    super()
    this.libc = libc
  }

  listen({ path = '' }: { readonly path?: string }, done: () => void): void {
    const { libc } = this
    const address = Buffer.alloc(ADDRESS_BYTES)
    address.writeUInt16LE(AF_UNIX, 0)
    address.write(path, 2)
    const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
    if (fd < 0 || libc.bind(fd, address, ADDRESS_BYTES) !== 0) {
      const errno = libc.errno()
      if (fd >= 0) libc.close(fd)
      process.nextTick(() => this.emit('error', failure(errno)))
      return
    }
    this.fd = fd
    this.path = path
    this.look()
    process.nextTick(done)
  }

  address(): string {
    return this.path
  }

  async close(): Promise<void> {
    if (this.fd < 0) return
    clearTimeout(this.timer)
    clearImmediate(this.next)
    // What has arrived; more than that is not waited for.
    this.read(LAST_MESSAGES_MAX)
    this.libc.close(this.fd)
    this.fd = -1
    try {
      unlinkSync(this.path)
    } catch {
      // Somebody else has removed it.
    }
  }

  // There is no way to be told of a message, so one has to look: at once again after one came, and ever more seldom while none does.
  private look(): void {
    if (this.read(MESSAGES_MAX) > 0) {
      this.idleMs = 1
      this.next = setImmediate(() => this.look())
      return
    }
    this.timer = setTimeout(() => this.look(), this.idleMs)
    this.idleMs = Math.min(2 * this.idleMs, IDLE_MS_MAX)
  }

  private read(messagesMax: number): number {
    const { libc, message } = this
    const tenant = this.tenants.at(-1)
    let messages = 0
    while (tenant !== undefined && messages < messagesMax && tenant.isReady()) {
      const length = libc.recv(this.fd, message, message.length, MSG_DONTWAIT)
      if (length < 0) break
      messages++
      try {
        tenant.take(Buffer.from(message.subarray(0, length)))
      } catch (error) {
        tenant.fault(error)
      }
    }
    return messages
  }
}

function failure(errno: number): NodeJS.ErrnoException {
  const code = errno === EADDRINUSE ? 'EADDRINUSE' : errno === EACCES || errno === ENOENT ? 'EACCES' : `errno ${errno}`
  return Object.assign(new Error(code), { code })
}
