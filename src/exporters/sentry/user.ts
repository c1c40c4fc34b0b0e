import { isIP } from 'node:net'
import { compact } from './contexts.ts'
import { cut, NAME_CHARACTERS_MAX } from './limits.ts'
import type { Taken } from './taken.ts'
import type { JsonMap } from './values.ts'

const EMAIL = /^[^\s@]{1,64}@[^\s@]{1,255}$/

/**
 * Who it happened to. An e-mail address only where it may leave; it is taken from the record in any case, so that it stands nowhere else. What
 * redaction has masked is no address any more.
 */
export function userOf(record: Taken, resource: Taken, sendEmail: boolean): JsonMap | undefined {
  const email = record.text('user.email', 'enduser.email', 'usr.email')
  resource.text('user.email')
  const ip = record.text('client.address', 'http.client_ip')
  const text = (value: string | undefined): string | undefined => (value === undefined ? undefined : cut(value, NAME_CHARACTERS_MAX))
  const user = compact({
    id: text(record.text('user.id', 'enduser.id') ?? resource.text('user.id', 'enduser.id')),
    email: sendEmail && email !== undefined && EMAIL.test(email) ? email : undefined,
    username: text(record.text('user.name', 'user.full_name', 'enduser.pseudo.id')),
    ip_address: ip !== undefined && isIP(ip) !== 0 ? ip : undefined
  })
  return Object.keys(user).length === 0 ? undefined : user
}
