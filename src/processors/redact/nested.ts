// Values that take more than a word: elements of XML, lists and objects, blocks of YAML.
import { BLANK, BREAK, type Text } from './bytes.ts'
import type { KeyKind } from './keys.ts'
import {
  bareEnd,
  closesText,
  isHarmless,
  isSameQuote,
  lineEnd,
  type Quote,
  quotationEnd,
  quoteAt,
  skipBlanks,
  skipSpace
} from './values.ts'

const NESTED_BYTES_MAX = 65_536

/** Every quoted value in a list or an object under a sensitive key; names of members stay. */
export function nested(text: Text, at: number, kind: KeyKind, keyQuote: Quote | null): void {
  const limit = Math.min(text.stop, at + NESTED_BYTES_MAX)
  let depth = 0
  let pos = at
  while (pos < limit) {
    const byte = text.bytes[pos]
    const quote = byte === 34 || byte === 39 || byte === 92 ? quoteAt(text, pos) : null
    if (quote !== null) {
      const start = pos + quote.length
      // "password: [", — this mark closes the text that the key stands in.
      if (quote.backslashes < (keyQuote?.backslashes ?? 0) || (quote.written !== keyQuote?.written && closesText(text, start))) break
      const end = quotationEnd(text, start, quote)
      pos = end + quote.length
      if (text.at(skipBlanks(text, pos)) !== 58 && !isHarmless(text, start, end)) text.found(start, end, kind)
      // Ended by a mark of the text around, or cut off.
      if (!isSameQuote(quoteAt(text, end), quote)) break
      continue
    }
    if (byte === 91 || byte === 123) depth++
    else if ((byte === 93 || byte === 125) && --depth === 0) break
    pos++
  }
  text.work += pos - at
}

/** A YAML block: the lines that are indented further. */
export function block(text: Text, at: number, kind: KeyKind): void {
  let line = lineEnd(text, at)
  if (line - at > 4) return
  const start = skipSpace(text, line)
  if (!text.is(start - 1, BLANK)) return
  let end = start
  while (end < text.stop) {
    line = lineEnd(text, end)
    end = line
    const next = text.run(line, BREAK, 2)
    if (!text.is(next, BLANK) || next === line) break
    end = next
  }
  if (!isHarmless(text, start, end)) text.found(start, end, kind)
}

/** <key>value</key>. Cut off, the value ends with its first word. */
export function element(text: Text, start: number, kind: KeyKind): void {
  let end = start
  while (end < text.stop && text.bytes[end] !== 60) end++
  text.work += end - start
  if (end === text.stop) end = bareEnd(text, start)
  else if (text.at(end + 1) !== 47 && text.at(end + 1) !== 92) return
  if (!isHarmless(text, start, end)) text.found(start, end, kind)
}
