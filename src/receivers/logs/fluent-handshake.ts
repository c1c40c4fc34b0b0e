import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { MsgpackReader } from '../../msgpack/reader.ts'
import { msgpack } from './msgpack-writer.ts'

/** Who may send. */
export interface FluentAuth {
  readonly sharedKey: string
  /** Passwords by name; empty: the key is enough. */
  readonly users: ReadonlyMap<string, string>
  /** The name that the gateway gives itself. Senders refuse one that is theirs. */
  readonly host: string
}

const NONCE_BYTES = 16

const reader = new MsgpackReader()

/**
 * The server's side of the handshake: ["HELO", {nonce, auth, keepalive}], to which the sender answers ["PING", host, salt, digest of the key, user,
 * digest of the password], and is told ["PONG", whether it may, why not, host, digest]. Digests are SHA-512 in hexadecimal digits.
 */
export class Handshake {
  private readonly auth: FluentAuth
  private readonly nonce = randomBytes(NONCE_BYTES)
  private readonly salt: Buffer

  constructor(auth: FluentAuth) {
    this.auth = auth
    this.salt = auth.users.size === 0 ? Buffer.alloc(0) : randomBytes(NONCE_BYTES)
  }

  hello(): Buffer {
    return msgpack(['HELO', { nonce: this.nonce, auth: this.salt, keepalive: true }])
  }

  /** Looks at the answer; says what to tell, and whether the sender may go on. Throws MsgpackFault where it is no such answer at all. */
  answer(bytes: Buffer, start: number, end: number): { readonly may: boolean; readonly pong: Buffer } {
    const { sharedKey, host } = this.auth
    reader.open(bytes, start, end)
    const said: Buffer[] = []
    if (reader.array() === 6) while (said.length < 6 && reader.content()) said.push(Buffer.from(reader.slice()))
    const [word, sender, salt, digest, user, password] = said
    if (said.length < 6 || word.toString() !== 'PING') return { may: false, pong: this.pong(false, 'expected PING', '') }
    const isKey = same(digest, hexDigest(salt, sender, this.nonce, sharedKey))
    const reason = !isKey ? 'shared key mismatch' : this.knows(user, password) ? '' : 'username/password mismatch'
    return { may: reason === '', pong: this.pong(reason === '', reason, reason === '' ? hexDigest(salt, host, this.nonce, sharedKey) : '') }
  }

  private pong(may: boolean, reason: string, digest: string): Buffer {
    return msgpack(['PONG', may, reason, this.auth.host, digest])
  }

  private knows(user: Buffer, digest: Buffer): boolean {
    const { users } = this.auth
    if (users.size === 0) return true
    const password = users.get(user.toString())
    // As long for a name that is not known as for one that is.
    return same(digest, hexDigest(this.salt, user, password ?? '')) && password !== undefined
  }
}

function hexDigest(...parts: readonly (Buffer | string)[]): string {
  const hash = createHash('sha512')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

function same(said: Buffer, expected: string): boolean {
  const bytes = Buffer.from(expected)
  return said.length === bytes.length && timingSafeEqual(said, bytes)
}
