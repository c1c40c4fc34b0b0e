const QUERY_CHARACTERS_MAX = 10_000

/** A query without what differs from call to call, so that calls that are alike count together, and without what may be private. */
export function quantizedQuery(query: string, type: string): string {
  const text = query.length > QUERY_CHARACTERS_MAX ? query.slice(0, QUERY_CHARACTERS_MAX) : query
  if (type === 'redis' || type === 'memcached') return commandsOf(text)
  const out = withoutLiterals(text)
  return (out.includes('),') || out.includes(') ,') ? out.replace(ROWS, '(?)') : out).trim()
}

const ROWS = /\( ?\? ?\)(?: ?, ?\( ?\? ?\))+/g

const QUOTE = 0x27
const BACKSLASH = 0x5c
const MINUS = 0x2d
const SLASH = 0x2f
const STAR = 0x2a

// Copies runs, and leaves out literals, comments and all but one of several blanks.
function withoutLiterals(text: string): string {
  const { length } = text
  let out = ''
  let from = 0
  let at = 0
  while (at < length) {
    const unit = text.charCodeAt(at)
    if (unit === QUOTE) {
      out = withLiteral(out + text.slice(from, at))
      from = at = quoteEnd(text, at + 1)
    } else if (isDigit(unit)) {
      out = withLiteral(out + text.slice(from, signStart(text, from, at)))
      while (at < length && (isWord(text.charCodeAt(at)) || text.charCodeAt(at) === 0x2e)) at++
      from = at
    } else if (isWord(unit)) {
      while (at < length && isWord(text.charCodeAt(at))) at++
    } else if (unit <= 0x20 || isComment(text, unit, at)) {
      const end = unit <= 0x20 ? at + 1 : commentEnd(text, unit, at)
      if (unit !== 0x20 || at === 0 || text.charCodeAt(at + 1) <= 0x20 || out.endsWith(' ')) {
        const before = out + text.slice(from, at)
        out = before.endsWith(' ') || before === '' ? before : `${before} `
        from = end
      }
      at = end
    } else at++
  }
  return out + text.slice(from)
}

// Several literals in a row are as one: lists of different lengths are alike.
function withLiteral(out: string): string {
  let end = out.length
  while (end > 0 && out.charCodeAt(end - 1) === 0x20) end--
  if (out.charCodeAt(end - 1) !== 0x2c) return `${out}?`
  end--
  while (end > 0 && out.charCodeAt(end - 1) === 0x20) end--
  return out.charCodeAt(end - 1) === 0x3f ? out.slice(0, end) : `${out}?`
}

// A quote is written twice, or behind a backslash. What is not closed ends with the text.
function quoteEnd(text: string, at: number): number {
  while (at < text.length) {
    const unit = text.charCodeAt(at++)
    if (unit === BACKSLASH) at++
    else if (unit === QUOTE) {
      if (text.charCodeAt(at) !== QUOTE) return at
      at++
    }
  }
  return text.length
}

// A minus that belongs to the number, as none can be subtracted from there.
function signStart(text: string, from: number, at: number): number {
  if (at - 1 < from || text.charCodeAt(at - 1) !== MINUS) return at
  let before = at - 2
  while (before >= from && text.charCodeAt(before) === 0x20) before--
  return before < from || '=<>(,+*/'.includes(text[before]) ? at - 1 : at
}

function isComment(text: string, unit: number, at: number): boolean {
  const next = text.charCodeAt(at + 1)
  return (unit === MINUS && next === MINUS) || (unit === SLASH && next === STAR)
}

function commentEnd(text: string, unit: number, at: number): number {
  const [mark, size] = unit === MINUS ? ['\n', 1] : ['*/', 2]
  const end = text.indexOf(mark, at + 2)
  return end < 0 ? text.length : end + size
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39
}

// Letters of all scripts, and what names are made of beside them.
function isWord(unit: number): boolean {
  return (unit >= 0x61 && unit <= 0x7a) || (unit >= 0x40 && unit <= 0x5a) || isDigit(unit) || unit === 0x5f || unit > 0x7f || unit === 0x24
}

// A line is a command and its arguments; several make a pipeline.
function commandsOf(text: string): string {
  const commands: string[] = []
  for (const line of text.split('\n', 10)) {
    const command = /^\s*([A-Za-z_.]{1,40})/.exec(line)?.[1]
    if (command !== undefined && commands.length < 3) commands.push(command.toUpperCase())
  }
  return commands.join(' ') || '?'
}
