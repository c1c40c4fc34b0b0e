// How people write quantities: sizes, lengths of time, shares, addresses. Each function gives the value in one unit, or an Error that says why not.

/** A share from 0 to 1: `10%` or `0.1`. */
export function parseRatio(input: string): number | Error {
  const [, digits, percent] = /^(\d+(?:\.\d+)?)(\s*%)?$/.exec(input) ?? []
  if (digits === undefined) return new Error('is not a share')
  const value = percent === undefined ? Number(digits) : Number(digits) / 100
  return value <= 1 ? value : new Error('is more than 100%')
}

const POWER: Record<string, number> = { '': 0, k: 1, m: 2, g: 3, t: 4, p: 5 }

/** Bytes: `1000`, `64KiB`, `20 MB`; also as Kubernetes writes them, `512Mi` and `1G`. */
export function parseSize(input: string): number | Error {
  const [, digits, prefix, binary] = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?)b?$/i.exec(input) ?? []
  if (digits === undefined || (prefix === '' && binary !== '')) return new Error('is not a size')
  const bytes = Math.round(Number(digits) * (binary === '' ? 1000 : 1024) ** POWER[prefix.toLowerCase()])
  return Number.isSafeInteger(bytes) ? bytes : new Error('is more than can be counted')
}

const TIMES: Record<string, number> = { ms: 1, s: 1e3, m: 60e3, h: 3600e3, d: 86400e3 }

/** Milliseconds: `250ms`, `15s`, `5m`, `24h`, `7d`. A number without a unit is refused, since people mean seconds as often as milliseconds. */
export function parseDuration(input: string): number | Error {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(input) ?? []
  if (digits !== undefined) return Math.round(Number(digits) * TIMES[unit])
  return new Error(/^[\d.]+$/.test(input) ? 'has no unit' : 'is not a length of time')
}

/** Where to listen, or null for nowhere. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string } | null

/** `host:port`, `[::1]:port`, `:port` (every interface), `unix:/path`, or `off`. */
export function parseAddress(input: string): Address | Error {
  if (input === 'off') return null
  // The kernel keeps a socket's path in 108 bytes, the last of them zero.
  if (input.startsWith('unix:')) {
    const path = input.slice(5)
    return path !== '' && Buffer.byteLength(path) < 108 && !path.includes('\0') ? { path } : new Error('is not a path of 1 to 107 bytes')
  }
  const [, host, digits] = /^(\[[0-9a-fA-F:.]+\]|[^:\s[\]]*):(\d{1,5})$/.exec(input) ?? []
  const port = Number(digits)
  if (host === undefined) return new Error('is not an address')
  if (port > 65535) return new Error('has a port over 65535')
  return { host: host.replace(/^\[|\]$/g, '') || '::', port }
}
