import { compact } from './contexts.ts'
import { cut } from './limits.ts'
import type { Taken } from './taken.ts'
import { type Json, type JsonMap, jsonMap } from './values.ts'

const HEADER_PREFIX = 'http.request.header.'
const HEADERS_MAX = 64
const TEXT_CHARACTERS_MAX = 2048
const BODY_CHARACTERS_MAX = 2048

/** The HTTP request that was being answered. Undefined where there was none; of one that was sent to others the attributes stay where they are. */
export function requestOf(record: Taken): JsonMap | undefined {
  const kind = record.get('span.kind')?.stringValue
  if (kind === 'client' || kind === 'producer') return undefined
  const hasMethod = record.get('http.request.method') ?? record.get('http.method')
  if (hasMethod === undefined && record.get('url.full') === undefined && record.get('http.url') === undefined) return undefined
  const method = record.text('http.request.method', 'http.method')
  const headers = headersOf(record)
  const request = compact({
    method: short(method),
    url: short(urlOf(record)),
    query_string: short(record.text('url.query')?.replace(/^\?/, '')),
    data: cutOr(record.text('http.request.body', 'http.request.body.content'), BODY_CHARACTERS_MAX)
  })
  if (Object.keys(headers).length > 0) request.headers = headers
  return request
}

function urlOf(record: Taken): string | undefined {
  const full = record.text('url.full', 'http.url')
  const path = record.text('url.path', 'http.target')
  const scheme = record.text('url.scheme', 'http.scheme')
  const host = record.text('server.address', 'http.host', 'net.host.name')
  const port = record.text('server.port', 'net.host.port')
  if (full !== undefined || path === undefined) return full
  if (host === undefined) return path
  const withPort = port === undefined || port === DEFAULT_PORTS[scheme ?? ''] || host.includes(':') ? host : `${host}:${port}`
  return `${scheme ?? 'http'}://${withPort}${path}`
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' }

function headersOf(record: Taken): JsonMap {
  const headers = jsonMap()
  let count = 0
  for (const [key, value] of Object.entries(record.under([HEADER_PREFIX]))) {
    if (++count > HEADERS_MAX) break
    headers[cut(key.slice(HEADER_PREFIX.length).replaceAll('_', '-'), TEXT_CHARACTERS_MAX)] = cut(lineOf(value), TEXT_CHARACTERS_MAX)
  }
  const agent = record.text('user_agent.original', 'http.user_agent')
  if (agent !== undefined) headers['user-agent'] ??= cut(agent, TEXT_CHARACTERS_MAX)
  return headers
}

// Attributes of headers are lists of their values.
function lineOf(value: Json): string {
  if (typeof value === 'string') return value
  return Array.isArray(value) ? value.map((each) => lineOf(each)).join(', ') : JSON.stringify(value)
}

function short(text: string | undefined): string | undefined {
  return cutOr(text, TEXT_CHARACTERS_MAX)
}

function cutOr(text: string | undefined, charactersMax: number): string | undefined {
  return text === undefined ? undefined : cut(text, charactersMax)
}
