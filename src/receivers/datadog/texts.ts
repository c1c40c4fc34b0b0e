import { ByteKeys } from '../../otlp/attributes/byte-keys.ts'
import type { Range } from './span-fields.ts'

/** Names that came; full, they are forgotten. */
const KNOWN_BYTES_MAX = 64 * 1024

/** Texts of a request that come again and again, made once: names of services, operations and types. */
export class Texts {
  private readonly known = new ByteKeys<string>(1, KNOWN_BYTES_MAX)

  /** The text in a range, at least three bytes into the request. */
  of(bytes: Buffer, view: DataView, { start, end }: Range): string {
    if (start === end) return ''
    const { known } = this
    known.begin(view, 0)
    known.part(0, start, end - start)
    const found = known.find()
    if (found !== undefined) return found
    const text = bytes.toString('utf8', start, end)
    known.remember(text)
    return text
  }

  /** Lets go of the request. */
  close(): void {
    this.known.close()
  }
}
