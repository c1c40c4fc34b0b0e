// Values that are told by their place in a list further on: rows of SQL by the names of their columns, members of Kubernetes' secrets.

import { quoted } from './beside.ts'
import { BASE64_RUN, BLANK, IDENTIFIER, type Text, WORD } from './bytes.ts'
import type { KeyKind } from './key-words.ts'
import type { KeyJudge } from './keys.ts'
import { behindBreak, nested } from './nested.ts'
import { bareEnd, isHarmless, isSmallNumber, lineEnd, quotationEnd, quoteAt, skipBlanks, skipSpace } from './values.ts'

const COLUMNS_MAX = 128
const ROWS_MAX = 256
const NAME_BYTES_MAX = 128

/** `INSERT INTO t (id, password) VALUES (1, 'v'), (2, 'w')`: the literals in columns whose names are those of secrets. The head ends before the table. */
export function insertedRows(text: Text, _from: number, end: number, judge: KeyJudge): void {
  const open = columnsStart(text, end)
  if (open < 0) return
  const kinds: (KeyKind | null)[] = []
  let pos = open
  while (kinds.length < COLUMNS_MAX) {
    pos = skipSpace(text, pos + 1)
    const quote = quoteAt(text, pos)
    const start = pos + (quote?.length ?? 0)
    const stop = text.run(start, WORD, NAME_BYTES_MAX)
    if (stop === start) return
    kinds.push(judge.judge(text.slice(start, stop)))
    pos = skipSpace(text, stop + (quote?.length ?? 0))
    if (text.at(pos) === CLOSE) break
    if (text.at(pos) !== COMMA) return
  }
  pos = skipSpace(text, pos + 1)
  if (!text.hasFolded(pos, 'values') || kinds.every((kind) => kind === null)) return
  pos += 6
  for (let row = 0; row < ROWS_MAX; row++) {
    pos = skipSpace(text, pos)
    if (text.at(pos) !== OPEN) return
    pos = rowEnd(text, pos, kinds)
    if (pos < 0 || text.at(pos) !== COMMA) return
    pos++
  }
}

const OPEN = 40
const CLOSE = 41
const COMMA = 44

// Behind the name of the table, which may have a schema before it: where the list of columns opens, or -1.
function columnsStart(text: Text, at: number): number {
  const stop = Math.min(text.stop, at + NAME_BYTES_MAX)
  for (let pos = at; pos < stop; pos++) {
    const byte = text.bytes[pos]
    if (byte === OPEN) return pos
    if (byte === 59 || byte === CLOSE) return -1
  }
  return -1
}

// Behind the row and the white space that follows; -1 where it is cut off.
function rowEnd(text: Text, at: number, kinds: readonly (KeyKind | null)[]): number {
  let pos = at
  for (let column = 0; column < COLUMNS_MAX; column++) {
    pos = skipSpace(text, pos + 1)
    const quote = quoteAt(text, pos)
    const from = pos + (quote?.length ?? 0)
    const to = quote === null ? bareEnd(text, from) : quotationEnd(text, from, quote)
    const kind = kinds[column] ?? null
    const isCall = quote === null && text.at(to) === OPEN
    if (kind !== null && quote !== null) quoted(text, from, to, kind)
    else if (kind !== null && !isCall && !isHarmless(text, from, to) && !isSmallNumber(text, from, to, 6)) text.found(from, to, kind)
    pos = skipSpace(text, isCall ? callEnd(text, to) : to + (quote?.length ?? 0))
    if (text.at(pos) === CLOSE) return skipSpace(text, pos + 1)
    if (text.at(pos) !== COMMA) return -1
  }
  return -1
}

function callEnd(text: Text, at: number): number {
  let pos = at
  while (pos < text.stop && text.bytes[pos] !== CLOSE) pos++
  text.work += pos - at
  return Math.min(pos + 1, text.stop)
}

const MANIFEST_BYTES_MAX = 16_384
const MEMBERS_MAX = 256
const DATA = /(?<=^|[\s{,"'\\]|\\[nr])(data|stringData)\\*"?\s*:/g

/** Kubernetes' `kind: Secret`, in YAML or JSON: all that is in its `data` and `stringData`, whatever the names. The head ends behind the word. */
export function secretManifest(text: Text, from: number, end: number): void {
  if (text.is(end, WORD)) return
  const start = Math.max(text.floor, from - MANIFEST_BYTES_MAX)
  const stop = Math.min(text.stop, end + MANIFEST_BYTES_MAX)
  text.work += stop - start
  for (const match of text.slice(start, stop).matchAll(DATA)) {
    const at = skipBlanks(text, start + match.index + match[0].length)
    if (at >= text.floor) members(text, at, match[1] === 'data')
  }
}

// Other objects have data as well, but not in this form.
function isMember(text: Text, from: number, to: number, isEncoded: boolean): boolean {
  if (isHarmless(text, from, to)) return false
  return !isEncoded || (to - from >= 8 && (to - from) % 4 === 0 && text.run(from, BASE64_RUN, to - from) === to)
}

function members(text: Text, at: number, isEncoded: boolean): void {
  if (text.at(at) === 123) {
    nested(text, at, null, (from, to) => {
      if (isMember(text, from, to, isEncoded)) text.found(from, to, 'secret')
    })
    return
  }
  let line = lineEnd(text, at)
  if (line > at) return
  const margin = lineMargin(text, line)
  for (let count = 0; margin > 0 && count < MEMBERS_MAX; count++) {
    const key = skipSpace(text, line)
    if (key >= text.stop || lineMargin(text, line) !== margin) return
    line = lineEnd(text, key)
    const name = text.run(key, IDENTIFIER, NAME_BYTES_MAX)
    if (text.at(name) !== 58) return
    const value = skipBlanks(text, name + 1)
    const quote = quoteAt(text, value)
    const from = value + (quote?.length ?? 0)
    const to = quote === null ? bareEnd(text, from) : quotationEnd(text, from, quote)
    if (to <= line && text.at(value) !== 124 && isMember(text, from, to, isEncoded)) text.found(from, to, 'secret')
  }
}

// How far the line behind the break at `at` is indented.
function lineMargin(text: Text, at: number): number {
  const line = behindBreak(text, at)
  return text.run(line, BLANK, 64) - line
}
