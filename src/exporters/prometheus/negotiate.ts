import { ESCAPINGS, type Escaping } from './names.ts'

/** How a page is written. */
export interface Format {
  readonly contentType: string
  readonly openMetrics: boolean
  readonly escaping: Escaping
}

/** Chooses the format with the highest q among those that the Accept header names; text 0.0.4 when it names none that is spoken here. */
export function negotiate(accept: string): Format {
  let best: Format | null = null
  let bestQ = 0
  for (const part of accept.slice(0, ACCEPT_CHARS_MAX).split(',')) {
    const [type = '', ...params] = part.split(';').map((piece) => piece.trim())
    const values = new Map(params.map(parameter))
    const q = Number(values.get('q') || 1)
    const format = formatOf(type.toLowerCase(), values.get('version'), values.get('escaping'))
    if (format === null || !(q > bestQ)) continue
    best = format
    bestQ = q
  }
  return best ?? TEXT
}

const ACCEPT_CHARS_MAX = 8192

const TEXT: Format = { contentType: 'text/plain; version=0.0.4; charset=utf-8', openMetrics: false, escaping: 'underscores' }

function formatOf(type: string, version: string | undefined, wanted: string | undefined): Format | null {
  const escaping = ESCAPINGS.find((name) => name === wanted) ?? 'underscores'
  if (type === 'application/openmetrics-text' || type === 'application/*') {
    if (version === undefined || version === '1.0.0') {
      const contentType = `application/openmetrics-text; version=1.0.0; escaping=${escaping}; charset=utf-8`
      return { contentType, openMetrics: true, escaping }
    }
    return version === '0.0.1'
      ? { contentType: 'application/openmetrics-text; version=0.0.1', openMetrics: true, escaping: 'underscores' }
      : null
  }
  if (type === '*/*' || type === 'text/*') return TEXT
  if (type !== 'text/plain') return null
  if (version === '1.0.0') return { contentType: `text/plain; version=1.0.0; escaping=${escaping}`, openMetrics: false, escaping }
  return version === undefined || version === '0.0.4' ? TEXT : null
}

function parameter(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 0) return [text.toLowerCase(), '']
  return [
    text.slice(0, at).trim().toLowerCase(),
    text
      .slice(at + 1)
      .trim()
      .replace(/^"|"$/g, '')
  ]
}
