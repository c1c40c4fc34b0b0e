// Values that take more than a word: elements of XML, lists and objects, blocks of YAML.
import { BLANK, BREAK, IDENTIFIER, type Text } from './bytes.ts'
import type { KeyKind } from './key-words.ts'
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

/** Every quoted value in a list or an object under a sensitive key, which `hide` is told of; names of members stay. */
export function nested(text: Text, at: number, keyQuote: Quote | null, hide: (from: number, to: number) => void): void {
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
      if (text.at(skipBlanks(text, pos)) !== 58) hide(start, end)
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

/** A YAML block: the lines that are indented as far as its first. */
export function block(text: Text, at: number, kind: KeyKind): void {
  let line = lineEnd(text, at)
  if (line - at > 4) return
  const start = skipSpace(text, line)
  const margin = start - text.runBack(start, BLANK, 64)
  if (margin === 0) return
  let end = start
  while (end < text.stop) {
    line = lineEnd(text, end)
    end = line
    const next = behindBreak(text, line)
    if (next === line || text.run(next, BLANK, margin) - next < margin) break
    end = next
  }
  if (!isHarmless(text, start, end)) text.found(start, end, kind)
}

/** Behind a line break, or the escape of one; `at` where there is none. */
export function behindBreak(text: Text, at: number): number {
  if (text.is(at, BREAK)) return text.run(at, BREAK, 2)
  let pos = at
  while (text.at(pos) === 92 && pos - at < 8) pos++
  if (pos === at || (text.at(pos) !== 110 && text.at(pos) !== 114)) return at
  const next = pos + 1
  return text.at(pos) === 114 && text.at(next) === 92 ? behindBreak(text, next) : next
}

function cdata(text: Text, start: number, kind: KeyKind): void {
  let end = start
  while (end < text.stop && text.bytes[end] !== 93) end++
  text.work += end - start
  if (!isHarmless(text, start, end)) text.found(start, end, kind)
}

/** True for the name of an element, with a prefix or without: `<key`, `<ns:key`. */
export function isElement(text: Text, keyStart: number): boolean {
  if (text.at(keyStart - 1) === 60) return true
  return text.at(keyStart - 1) === 58 && text.at(text.runBack(keyStart - 1, IDENTIFIER, 32) - 1) === 60
}

/** Where the tag ends that attributes follow in: behind its `>`, or -1. */
export function tagEnd(text: Text, at: number): number {
  const stop = Math.min(text.stop, at + 256)
  for (let pos = at; pos < stop && text.bytes[pos] !== 60; pos++) if (text.bytes[pos] === 62) return pos + 1
  return -1
}

/** <key>value</key>. Cut off, the value ends with its first word. */
export function element(text: Text, start: number, kind: KeyKind): void {
  let end = start
  while (end < text.stop && text.bytes[end] !== 60) end++
  text.work += end - start
  if (text.has(start, '<![CDATA[')) {
    cdata(text, start + 9, kind)
    return
  }
  if (end === text.stop) end = bareEnd(text, start)
  else if (text.at(end + 1) !== 47 && text.at(end + 1) !== 92) return
  if (!isHarmless(text, start, end)) text.found(start, end, kind)
}
