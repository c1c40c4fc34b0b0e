/** A proxy's URL, `off`, or `environment`. */
export type ProxyChoice = 'environment' | 'off' | (string & {})

export interface Proxies {
  readonly httpProxy: string
  readonly httpsProxy: string
  /** Hosts that are asked directly. */
  readonly noProxy: string
}

// What runs on this machine or in this pod is not behind its proxy.
const LOOPBACK = 'localhost,127.0.0.1,[::1]'

/** The proxies for plain and for secure requests; null when there are none. Lower-case variables win, as they do in curl. */
export function proxiesOf(choice: ProxyChoice, env: Readonly<Record<string, string | undefined>>): Proxies | null {
  if (choice === 'off') return null
  if (choice !== 'environment') return { httpProxy: choice, httpsProxy: choice, noProxy: '' }
  const read = (name: string): string => env[name.toLowerCase()] || env[name] || ''
  const httpProxy = read('HTTP_PROXY')
  const httpsProxy = read('HTTPS_PROXY')
  const noProxy = read('NO_PROXY')
  if ((httpProxy === '' && httpsProxy === '') || noProxy === '*') return null
  return { httpProxy, httpsProxy, noProxy: `${noProxy},${LOOPBACK}` }
}
