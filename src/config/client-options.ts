// Options of everything that sends over HTTP, so that they are called alike and mean the same everywhere.
import { duration, flag, group, maybe, text } from './schema.ts'

/** How long a request may take. */
export const requestTimeout = (byDefault: string) =>
  duration({ default: byDefault, min: '1ms', doc: 'How long a request may take, its answer included.' })

/** By which proxy. */
export const proxyChoice = () =>
  text({
    default: 'environment',
    doc: 'The URL of an HTTP proxy, off, or environment for what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say; hosts on this machine are then direct.'
  })

interface ClientTlsWords {
  readonly doc: string
  /** Who may ask for a certificate of ours. */
  readonly asker: string
  /** What somebody on the way would read. */
  readonly exposed: string
}

/** The files of a TLS client; `net/client-tls.ts` reads them. */
export const clientTls = ({ doc, asker, exposed }: ClientTlsWords) =>
  group(
    {
      caFile: maybe(text({ doc: 'PEM file with the authorities that are trusted, in place of the public ones.' })),
      certFile: maybe(text({ doc: `PEM file with the gateway’s own certificate, where ${asker} asks for one.` })),
      keyFile: maybe(text({ doc: 'PEM file with the key of that certificate.' })),
      insecure: flag({ default: false, doc: `Takes any certificate. Whoever is on the way then reads ${exposed}.` })
    },
    { doc }
  )
