const LINE_FEED = 0x0a
const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/**
 * Finds the JSON values in a text, one after the other, with whatever blanks and commas between them; those of an array are found one by one, too.
 * Outside of arrays, what is no object is a line. It does not read values: what it finds is whole if the text was, and whoever reads a value sees
 * what is wrong with it. So a body takes the memory of one of its values at a time, however many there are, and a bad one does not spoil the others.
 */
export class JsonValues {
  /** The value that was found last. */
  start = 0
  end = 0
  /** How deep it is nested; 0 where it is no object or array. */
  depth = 0
  private readonly bytes: Uint8Array
  private isInArray = false
  private isBroken = false

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.end = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  }

  next(): boolean {
    const { bytes } = this
    let at = this.skipBlanks(this.end)
    while (bytes[at] === (this.isInArray ? CLOSE_ARRAY : OPEN_ARRAY) && !this.isBroken) {
      this.isInArray = !this.isInArray
      at = this.skipBlanks(at + 1)
    }
    if (at >= bytes.length) return false
    this.start = at
    this.depth = 0
    if (!this.isBroken && (this.isInArray || bytes[at] === OPEN_OBJECT)) {
      this.end = this.valueEnd(at)
      if (this.end >= 0) return true
      // Something was opened and never closed. From here on lines are all there is to go by.
      this.isBroken = true
    }
    const end = bytes.indexOf(LINE_FEED, at)
    this.end = end === -1 ? bytes.length : end
    return true
  }

  private skipBlanks(at: number): number {
    const { bytes } = this
    while (at < bytes.length && (bytes[at] <= 0x20 || bytes[at] === COMMA)) at++
    return at
  }

  // The offset behind the value, or -1 where it has no end.
  private valueEnd(at: number): number {
    const { bytes } = this
    const { length } = bytes
    let depth = 0
    let deepest = 0
    while (at < length) {
      const byte = bytes[at++]
      if (byte === QUOTE) {
        at = this.textEnd(at)
        if (at < 0) return -1
      } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        if (++depth > deepest) deepest = depth
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth--
      else if (depth === 0 && at < length && !isDelimiter(bytes[at])) continue
      if (depth <= 0) {
        this.depth = deepest
        return at
      }
    }
    return -1
  }

  private textEnd(at: number): number {
    const { bytes } = this
    for (; at < bytes.length; at++) {
      const byte = bytes[at]
      if (byte === QUOTE) return at + 1
      if (byte === BACKSLASH) at++
    }
    return -1
  }
}

function isDelimiter(byte: number): boolean {
  return byte <= 0x20 || byte === COMMA || byte === CLOSE_ARRAY
}
