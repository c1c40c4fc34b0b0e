import { RefusedError } from '../errors.ts'

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

/**
 * The proxies for plain and for secure requests; null when there are none. Lower-case variables win, as they do in curl. Throws RefusedError when
 * what is named is no HTTP proxy; it is not quoted, since it may hold a password.
 */
export function proxiesOf(choice: ProxyChoice, env: Readonly<Record<string, string | undefined>>): Proxies | null {
  if (choice === 'off') return null
  if (choice !== 'environment') {
    const proxy = urlOf(choice, 'proxy')
    return { httpProxy: proxy, httpsProxy: proxy, noProxy: '' }
  }
  const read = (name: string): string => env[name.toLowerCase()] || env[name] || ''
  const httpProxy = urlOf(read('HTTP_PROXY'), 'HTTP_PROXY')
  const httpsProxy = urlOf(read('HTTPS_PROXY'), 'HTTPS_PROXY')
  const noProxy = read('NO_PROXY')
  if ((httpProxy === '' && httpsProxy === '') || noProxy === '*') return null
  return { httpProxy, httpsProxy, noProxy: `${noProxy},${LOOPBACK}` }
}

// The variables often name a host and port alone.
function urlOf(value: string, place: string): string {
  if (value === '') return ''
  const text = value.includes('://') ? value : `http://${value}`
  if (/^https?:\/\//i.test(text) && URL.canParse(text)) return text
  throw new RefusedError('invalid', `${place}: expected the URL of an HTTP proxy, as http://proxy:3128`)
}
