import { RefusedError } from '../errors.ts'

/** Where a project of Sentry is reached, and the key that it knows senders by. */
export interface Dsn {
  readonly publicKey: string
  readonly projectId: string
  /** `https://host:port/path` up to the `/api`, without a slash at the end. */
  readonly base: string
  readonly host: string
  /** The organisation, where the host names it: `o123.ingest.sentry.io`. */
  readonly organisation: string | undefined
}

/**
 * `scheme://publicKey[:secret]@host[:port]/[path/]projectId`. Throws RefusedError `invalid` that says what is missing and shows nothing of the text.
 * https://develop.sentry.dev/sdk/overview/#parsing-the-dsn
 */
export function parseDsn(text: string): Dsn {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw new RefusedError('invalid', 'the DSN is not an http or https URL, expected https://key@host/project')
  if (!/^[\w-]{1,128}$/.test(url.username)) throw new RefusedError('invalid', 'the DSN has no key, expected https://key@host/project')
  const slash = url.pathname.lastIndexOf('/')
  const projectId = url.pathname.slice(slash + 1)
  if (!/^\d{1,20}$/.test(projectId))
    throw new RefusedError('invalid', 'the DSN does not end with the number of a project, expected https://key@host/project')
  return {
    publicKey: url.username,
    projectId,
    base: `${url.origin}${url.pathname.slice(0, slash)}`,
    host: url.host,
    organisation: /^o(\d{1,20})\./.exec(url.hostname)?.[1]
  }
}

/** Where envelopes go. */
export function envelopeUrl({ base, projectId }: Dsn): URL {
  return new URL(`${base}/api/${projectId}/envelope/`)
}

/** Where OTLP requests go. */
export function otlpUrl({ base, projectId }: Dsn, signal: 'traces' | 'logs'): URL {
  return new URL(`${base}/api/${projectId}/integration/otlp/v1/${signal}`)
}
