// OpenTelemetry's numbers: TRACE 1, DEBUG 5, INFO 9, WARN 13, ERROR 17, FATAL 21, and three steps above each.
// https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber
const BY_NUMBER: readonly (readonly [number, string])[] = [
  [1, 'trace finest silly trce trc'],
  [5, 'debug dbg dbug finer d'],
  [6, 'verbose fine'],
  [7, 'config'],
  [8, 'http'],
  [9, 'info information informational inf i log'],
  [10, 'notice success'],
  [13, 'warn warning wrn w'],
  [17, 'error err eror e severe failure fail'],
  [18, 'crit'],
  [19, 'alert panic dpanic'],
  [21, 'fatal ftl f emerg emergency critical']
]

const WORDS = new Map<string, number>()
for (const [number, words] of BY_NUMBER)
  for (const word of words.split(' '))
    for (const spelling of [word, word.toUpperCase(), `${word[0].toUpperCase()}${word.slice(1)}`]) WORDS.set(spelling, number)

const WORD_CHARACTERS_MAX = 64
const COLOUR = /\u001b\[[\d;]{0,16}m/g
// slog writes levels between its four as a distance: WARN+1.
const DISTANCE = /^([A-Za-z]{1,12})([+-]\d{1,3})$/

/** The number of a level's word, in any case, with or without colours; 0 where the word says nothing. */
export function severityOf(word: string): number {
  const known = WORDS.get(word)
  if (known !== undefined) return known
  if (word.length > WORD_CHARACTERS_MAX) return 0
  const plain = plainWord(word)
  const distance = DISTANCE.exec(plain)
  if (distance === null) return WORDS.get(plain.toLowerCase()) ?? 0
  const base = WORDS.get(distance[1].toLowerCase())
  return base === undefined ? 0 : Math.min(24, Math.max(1, base + Number(distance[2])))
}

/** The word without colours and space around it. */
export function plainWord(word: string): string {
  return (word.includes('\u001b') ? word.replace(COLOUR, '') : word).trim()
}

/** `critical` alone is Python's and .NET's highest level; to those who speak of severities as syslog does, two are above it. */
export const SYSLOG_CRITICAL = 18

// Index: syslog's severity.
const SYSLOG = [
  [21, 'emergency'],
  [19, 'alert'],
  [18, 'critical'],
  [17, 'error'],
  [13, 'warning'],
  [10, 'notice'],
  [9, 'info'],
  [5, 'debug']
] as const
// pino and bunyan: from this number on. Python's numbers end at 50.
const STEPS = [
  [60, 21, 'fatal'],
  [50, 17, 'error'],
  [40, 13, 'warn'],
  [30, 9, 'info'],
  [20, 5, 'debug'],
  [10, 1, 'trace']
] as const
const PYTHON = [
  [50, 21, 'CRITICAL'],
  [40, 17, 'ERROR'],
  [30, 13, 'WARNING'],
  [25, 10, 'SUCCESS'],
  [20, 9, 'INFO'],
  [10, 5, 'DEBUG'],
  [1, 1, 'TRACE']
] as const

/** What a level given as a number means, as `[severity number, word]`; undefined where it means nothing known. */
export function severityOfNumber(level: number, dialect: 'steps' | 'python' = 'steps'): readonly [number, string] | undefined {
  if (dialect === 'steps' && Number.isInteger(level) && level >= 0 && level <= 7) return SYSLOG[level]
  if (!(level > 0 && level < 100)) return undefined
  for (const [from, number, word] of dialect === 'python' ? PYTHON : STEPS) if (level >= from) return [number, word]
  return undefined
}

/** Of a syslog severity, 0 to 7, as `[severity number, word]`. */
export function severityOfSyslog(severity: number): readonly [number, string] {
  return SYSLOG[severity & 7]
}
