const VALUES_MAX = 8192
const BYTES_MAX = 2 ** 20

/** Numbers for byte strings: the same number for the same bytes, for as long as the epoch stays. Full, it forgets them and begins a new epoch. */
export class Interner {
  epoch = 0
  private readonly numbers = new Map<string, number>()
  private bytesUsed = 0

  /** Begins a new epoch if there is no more room. Between two calls, a few numbers may be asked for. */
  makeRoom(): void {
    if (this.numbers.size < VALUES_MAX && this.bytesUsed < BYTES_MAX) return
    this.numbers.clear()
    this.bytesUsed = 0
    this.epoch++
  }

  numberOf(bytes: Uint8Array, start: number, end: number): number {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
    let number = this.numbers.get(text)
    if (number === undefined) {
      number = this.numbers.size
      this.numbers.set(text, number)
      this.bytesUsed += text.length
    }
    return number
  }
}
