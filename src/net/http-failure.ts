/** Why a request got no answer, in words for the one who runs the gateway: what happened, and what to do where that is known. Quotes no URL. */
export function describeFailure(error: unknown): string {
  const causes = causesOf(error)
  for (const { name, code, message } of causes) {
    const known = KNOWN[code]
    if (known !== undefined) return code === 'ETIMEDOUT' && message.startsWith('no answer') ? message : `${known} (${code})`
    if (CERTIFICATE.test(code))
      return `the certificate was not accepted (${code}): name its authority in tls.caFile, or check the clock and the name`
    if (code.startsWith('ERR_SSL') || code === 'EPROTO') return `the TLS handshake failed (${code}): is the port the one for https?`
    if (name === 'HTTPParserError') return 'the answer is not HTTP/1.1: is the port the one for HTTP?'
    const proxied = /^Proxy .*\((\d{3})\)/.exec(message)?.[1]
    if (proxied === '407') return 'the proxy wants credentials: put them into its URL'
    if (proxied !== undefined) return `the proxy answered ${proxied} to CONNECT`
  }
  const { code = '', message = 'unknown failure' } = causes[0] ?? {}
  return code === '' ? message : `${message} (${code})`
}

const KNOWN: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name could not be looked up, the name server does not answer',
  ECONNREFUSED: 'connection refused: nothing listens there',
  ECONNRESET: 'connection reset by the other side',
  EPIPE: 'connection closed by the other side',
  UND_ERR_SOCKET: 'connection closed by the other side before the answer was whole',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'no connection within the connect timeout',
  UND_ERR_HEADERS_OVERFLOW: 'the answer has too many header bytes',
  UND_ERR_INFO: 'connection reset by the other side',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed: name it in tls.caFile',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate’s authority is not known here: name it in tls.caFile',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the certificate’s authority is not known here: name it in tls.caFile',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the certificate’s authority is not known here: name it in tls.caFile',
  CERT_HAS_EXPIRED: 'the certificate has expired',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet: check the clock',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another host name'
}

const CERTIFICATE = /^(CERT_|UNABLE_TO_|ERR_TLS_CERT|CRL_|INVALID_CA|HOSTNAME_MISMATCH)/

interface Cause {
  readonly name: string
  readonly code: string
  readonly message: string
}

// The error, what it wraps, and what that wraps; of several attempts at one host the first.
function causesOf(error: unknown): Cause[] {
  const causes: Cause[] = []
  let current = error
  for (let depth = 0; depth < 5 && current instanceof Error; depth++) {
    const { code, errors, cause } = current as Error & { code?: unknown; errors?: unknown; cause?: unknown }
    causes.push({ name: current.name, code: typeof code === 'string' ? code : '', message: current.message })
    current = Array.isArray(errors) && errors.length > 0 ? errors[0] : cause
  }
  return causes
}
