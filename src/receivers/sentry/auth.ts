import { RefusedError } from '../../errors.ts'
import type { HttpRequest } from '../../net/http-server.ts'
import { type Dsn, parseDsn } from '../../sentry/dsn.ts'
import type { JsonObject } from '../../sentry/envelope.ts'

/** Whom an envelope is for. */
export interface Address {
  readonly project: string
  readonly publicKey: string
}

const PROJECT = /^\d{1,20}$/
const KEY = /^[\w-]{1,128}$/
const VERSION_MAX = 7

/**
 * Finds the project and the key of a request: in its path, its query, a header, or the envelope's DSN. What is said twice must be the same. Throws
 * RefusedError `invalid` where it is not, and `forbidden` where nothing is said, or none of `keys` when there are any.
 */
export function addressOf(
  { params, query, headers }: Pick<HttpRequest, 'params' | 'query' | 'headers'>,
  header: JsonObject,
  keys: readonly string[]
): Address {
  const dsn = typeof header.dsn === 'string' && header.dsn !== '' ? parseDsn(header.dsn) : undefined
  const found = new Set<string>()
  for (const fields of [queryFields(query), headerFields(headers['x-sentry-auth']), headerFields(headers.authorization)]) {
    const key = fields.get('sentry_key')
    if (key === undefined) continue
    checkVersion(fields.get('sentry_version'))
    found.add(key)
  }
  if (dsn !== undefined) found.add(dsn.publicKey)
  const [publicKey] = found
  if (publicKey === undefined) throw new RefusedError('forbidden', 'no key, expected sentry_key in X-Sentry-Auth or the query, or a DSN')
  if (found.size > 1) throw new RefusedError('invalid', `${found.size} different keys, expected one`)
  if (!KEY.test(publicKey)) throw new RefusedError('invalid', 'the key is not one of Sentry’s')
  if (keys.length > 0 && !keys.includes(publicKey)) throw new RefusedError('forbidden', 'the key is not known here')
  return { project: projectOf(params.project, dsn), publicKey }
}

function projectOf(named: string | undefined, dsn: Dsn | undefined): string {
  const project = named ?? dsn?.projectId
  if (project === undefined) throw new RefusedError('invalid', 'no project, expected a DSN in the envelope header')
  if (!PROJECT.test(project)) throw new RefusedError('invalid', 'the project is not a number')
  if (dsn !== undefined && dsn.projectId !== project) throw new RefusedError('invalid', 'the DSN is of another project than the path')
  return project
}

function checkVersion(version: string | undefined): void {
  const number = Number(version ?? VERSION_MAX)
  if (!(number >= 2 && number <= VERSION_MAX)) throw new RefusedError('invalid', `sentry_version is not from 2 to ${VERSION_MAX}`)
}

function queryFields(query: string): Map<string, string> {
  return new Map(new URLSearchParams(query))
}

// `Sentry sentry_version=7, sentry_client=name/1.0, sentry_key=…`
function headerFields(header: string | string[] | undefined): Map<string, string> {
  const [, list] = /^sentry\s+(.*)$/i.exec(typeof header === 'string' ? header : '') ?? []
  const fields = new Map<string, string>()
  for (const part of (list ?? '').split(',')) {
    const at = part.indexOf('=')
    if (at > 0) fields.set(part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim())
  }
  return fields
}
