/** Pairs of one line; what there are more make it a text. */
const PAIRS_MAX = 512
/** Without one of these, pairs may as well be part of a sentence. */
const TELLING: ReadonlySet<string> = new Set(['msg', 'message', 'level', 'lvl', 'time', 'ts', 'timestamp', 'severity', 'event'])

const QUOTE = 34
const EQUALS = 61
const BACKSLASH = 92
const SPACE = 32

export type LogfmtValue = string | number | boolean

/** Reads lines of `key=value key="value with spaces" bare`. One for all lines, filled again. */
export class LogfmtLine {
  readonly keys: string[] = []
  readonly values: LogfmtValue[] = []
  private bare = 0
  private isTelling = false

  /** Whether the text from `start` on is two pairs or more, and not a sentence with pairs in it. `isSure`: one pair is enough. */
  read(text: string, start = 0, isSure = false): boolean {
    this.keys.length = 0
    this.values.length = 0
    this.bare = 0
    this.isTelling = false
    if (!this.scan(text, start)) return false
    const pairs = this.keys.length - this.bare
    if (isSure) return pairs > 0
    return pairs >= 2 && (this.bare === 0 || this.isTelling)
  }

  private scan(text: string, start: number): boolean {
    let at = start
    const end = text.length
    while (at < end) {
      if (text.charCodeAt(at) <= SPACE) {
        at++
        continue
      }
      const begin = at
      let unit = text.charCodeAt(at)
      while (at < end && unit > SPACE && unit !== EQUALS && unit !== QUOTE) unit = text.charCodeAt(++at)
      // A quote inside of a key, or no key: this is something else.
      if (at === begin || unit === QUOTE || this.keys.length >= PAIRS_MAX) return false
      const key = text.slice(begin, at)
      if (unit !== EQUALS) {
        // A line that begins with a word alone is a sentence.
        if (this.keys.length === 0) return false
        this.bare++
        this.pair(key, true)
        continue
      }
      at++
      if (text.charCodeAt(at) === QUOTE) {
        const close = closingQuote(text, at + 1)
        if (close < 0) return false
        this.pair(key, unquote(text.slice(at + 1, close)))
        at = close + 1
      } else {
        const from = at
        while (at < end && text.charCodeAt(at) > SPACE) at++
        this.pair(key, typed(text.slice(from, at)))
      }
    }
    return true
  }

  private pair(key: string, value: LogfmtValue): void {
    if (TELLING.has(key)) this.isTelling = true
    this.keys.push(key)
    this.values.push(value)
  }
}

function closingQuote(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === QUOTE) return at
    if (unit === BACKSLASH) at++
  }
  return -1
}

const ESCAPE = /\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)/gs
const ESCAPED: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' }

/** What stands between quotes, without its escapes. */
export function unquote(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(ESCAPE, (_all, code: string) =>
    code.length > 1 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (ESCAPED[code] ?? code)
  )
}

// A number only where it is written as one would print it: 007 and 1.10 stay as they are.
function typed(text: string): LogfmtValue {
  const first = text.charCodeAt(0)
  if (text === 'true') return true
  if (text === 'false') return false
  if (text.length > 16 || !((first >= 48 && first <= 57) || first === 45)) return text
  const number = Number(text)
  return `${number}` === text ? number : text
}
