// Equal values shall hash alike wherever they stand: in an attribute or in a text, as they are or escaped.
import { isUtf8 } from 'node:buffer'
import { createHmac } from 'node:crypto'

const DIGEST_DIGITS = 16
/** Longer values are hashed as they stand. */
const PLAIN_BYTES_MAX = 65_536
/** Escapes within escapes, as JSON in JSON in a URL. */
const LAYERS_MAX = 4
const SCHEME = /^(?:bearer|basic|token|apikey|api-key|key|bot|negotiate|dpop)[ \t]+(?=\S)/i
const NAMED: Readonly<Record<string, string>> = { '&amp;': '&', '&quot;': '"', '&lt;': '<', '&gt;': '>', '&#39;': "'", '&#34;': '"' }
const LETTERS: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

/** The first 16 hex digits of the HMAC-SHA-256 of a value, as its owner would write it. */
export function digestOf(key: string, rule: string, value: Uint8Array): string {
  return createHmac('sha256', key).update(plainOf(rule, value)).digest('hex').slice(0, DIGEST_DIGITS)
}

/**
 * The value without what its surroundings made of it: escapes of JSON, URLs and XML are undone, the scheme before credentials, blanks and dashes
 * between the digits of a card and capital letters in an e-mail address are left out.
 */
export function plainOf(rule: string, value: Uint8Array): string | Uint8Array {
  if (value.length > PLAIN_BYTES_MAX || !isUtf8(value)) return value
  let text = Buffer.from(value.buffer, value.byteOffset, value.length).toString()
  for (let layer = 0; layer < LAYERS_MAX; layer++) {
    const before = text
    if (text.includes('\\')) text = text.replace(/(?:\\u[0-9a-f]{4})+|\\(["'\\/bfnrt])/gi, unescaped)
    if (text.includes('%')) text = text.replace(/(?:%[0-9a-f]{2})+/gi, percentDecoded)
    if (text.includes('&')) text = text.replace(/&(?:amp|quot|lt|gt|#39|#34);/g, (name) => NAMED[name])
    if (text === before) break
  }
  text = text.trim()
  if (rule === 'card') return text.replace(/[ -]/g, '')
  if (rule === 'email') return text.toLowerCase()
  return text.replace(SCHEME, '')
}

function unescaped(written: string, letter?: string): string {
  if (letter !== undefined) return LETTERS[letter] ?? letter
  return String.fromCharCode(
    ...written
      .split(/\\u/i)
      .slice(1)
      .map((digits) => Number.parseInt(digits, 16))
  )
}

function percentDecoded(escapes: string): string {
  try {
    return decodeURIComponent(escapes)
  } catch {
    return escapes
  }
}
