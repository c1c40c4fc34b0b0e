// Names of metrics and labels, after the OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility", and the escaping schemes of
// https://prometheus.io/docs/instrumenting/escaping_schemes/

/** How OTLP names become Prometheus names. */
export const TRANSLATIONS = ['underscores-with-suffixes', 'underscores-without-suffixes', 'utf8-with-suffixes', 'none'] as const
export type Translation = (typeof TRANSLATIONS)[number]

/** How a page writes names that are no classic Prometheus names. */
export const ESCAPINGS = ['underscores', 'allow-utf-8', 'dots', 'values'] as const
export type Escaping = (typeof ESCAPINGS)[number]

export type FamilyType = 'counter' | 'gauge' | 'histogram' | 'summary' | 'unknown'

const CLASSIC_METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const CLASSIC_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/

const UNITS: Readonly<Record<string, string>> = {
  ...{ ns: 'nanoseconds', us: 'microseconds', ms: 'milliseconds', s: 'seconds', min: 'minutes', h: 'hours', d: 'days' },
  ...{ By: 'bytes', KiBy: 'kibibytes', MiBy: 'mebibytes', GiBy: 'gibibytes', TiBy: 'tebibytes' },
  ...{ kBy: 'kilobytes', KBy: 'kilobytes', MBy: 'megabytes', GBy: 'gigabytes', TBy: 'terabytes' },
  ...{ m: 'meters', V: 'volts', A: 'amperes', J: 'joules', W: 'watts', g: 'grams', Cel: 'celsius', Hz: 'hertz', '%': 'percent' }
}
const PER: Readonly<Record<string, string>> = {
  ...{ s: 'second', min: 'minute', m: 'minute', h: 'hour', d: 'day', w: 'week', mo: 'month', y: 'year' }
}

export interface MetricName {
  readonly name: string
  /** The unit in words, when the name ends with it (before `_total`); else empty. */
  readonly unit: string
}

/** The name of the family that a metric belongs to, type suffix included for counters: `http.server.duration`, `s` → `http_server_duration_seconds`. */
export function metricName(name: string, unit: string, type: FamilyType, translation: Translation): MetricName {
  if (translation === 'none') return { name, unit: '' }
  let base = translation === 'utf8-with-suffixes' ? name : classicMetric(name)
  if (translation === 'underscores-without-suffixes') return { name: base, unit: '' }
  if (type === 'counter' && base.length > 6) base = base.replace(/_total$/, '')
  const words = unitWords(unit, type)
  if (words.main !== '' && !endsWithWords(base, join(words.main, words.per)) && !endsWithWords(base, words.main)) base += `_${words.main}`
  if (words.per !== '' && !endsWithWords(base, words.per)) base += `_${words.per}`
  return { name: type === 'counter' ? `${base}_total` : base, unit: join(words.main, words.per) }
}

/** A label's name: `http.request.method` → `http_request_method`. */
export function labelName(key: string, translation: Translation): string {
  if (translation.startsWith('underscores')) return classic(key, /[^a-zA-Z0-9_]+/g)
  return key.startsWith('__') ? `key${key}` : key || '_'
}

export const isClassicMetric = (name: string): boolean => CLASSIC_METRIC.test(name)
export const isClassicLabel = (name: string): boolean => CLASSIC_LABEL.test(name)

/** A name of a metric as a page of this escaping writes it. Under `allow-utf-8` it may still have to be quoted. */
export const escapeMetric = (name: string, escaping: Escaping): string => escaped(name, escaping, CLASSIC_METRIC, /[a-zA-Z0-9_:]/)

/** A name of a label as a page of this escaping writes it. Never one of Prometheus's own, which two underscores begin. */
export function escapeLabel(name: string, escaping: Escaping): string {
  const out = escaped(name, escaping, CLASSIC_LABEL, /[a-zA-Z0-9_]/)
  return out.startsWith('__') ? `key${out}` : out
}

function escaped(name: string, escaping: Escaping, whole: RegExp, legal: RegExp): string {
  if (escaping === 'allow-utf-8' || (escaping !== 'dots' && whole.test(name))) return name
  let out = escaping === 'values' ? 'U__' : ''
  for (const [index, char] of Array.from(name).entries()) {
    const allowed = legal.test(char) && (index > 0 || !/\d/.test(char))
    if (char === '_' && escaping !== 'underscores') out += '__'
    else if (char === '.' && escaping === 'dots') out += '_dot_'
    else if (allowed) out += char
    else out += escaping === 'values' ? `_${char.codePointAt(0)?.toString(16)}_` : '_'
  }
  return out || '_'
}

const classicMetric = (name: string): string => classic(name, /[^a-zA-Z0-9_:]+/g)

function classic(name: string, foreign: RegExp): string {
  const clean = name.replace(foreign, '_').replace(/__+/g, '_')
  return /^\d/.test(clean) ? `_${clean}` : clean || '_'
}

function unitWords(unit: string, type: FamilyType): { main: string; per: string } {
  const [main = '', ...rest] = unit.replace(/\{[^}]*\}/g, '').split('/')
  const per = word(rest.join('_'), PER)
  if (main.trim() === '1' && per === '' && type === 'gauge') return { main: 'ratio', per: '' }
  return { main: main.trim() === '1' ? '' : word(main, UNITS), per: per === '' ? '' : `per_${per}` }
}

function word(symbol: string, known: Readonly<Record<string, string>>): string {
  const trimmed = symbol.trim()
  if (Object.hasOwn(known, trimmed)) return known[trimmed]
  return trimmed.replace(/[^a-zA-Z0-9]+/g, '_').replace(/^_+|_+$/g, '')
}

const join = (main: string, per: string): string => (main === '' || per === '' ? main + per : `${main}_${per}`)

function endsWithWords(name: string, words: string): boolean {
  if (!name.endsWith(words)) return false
  const before = name[name.length - words.length - 1]
  return before === undefined || !/[a-zA-Z0-9]/.test(before)
}
