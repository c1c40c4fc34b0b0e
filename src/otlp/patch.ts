import { varintSize, writeVarint } from './wire.ts'

const NOTHING = new Uint8Array(0)

/** A buffer of so many bytes, with anything in it. */
type Allocate = (size: number) => Buffer

let allocate: Allocate = Buffer.allocUnsafe

/** Has the memory for edited requests come from `source`, for all patches: who knows when they are done with can use it again. */
export function editInMemoryOf(source: Allocate): void {
  allocate = source
}

/**
 * Edits of one message's bytes. What is edited is told by offsets into the old bytes, in ascending order; the lengths of all enclosing fields
 * are corrected when the new bytes are written. Reused from request to request: what `open` was given is let go by `finish`.
 */
export class Patch {
  private bytes: Uint8Array = NOTHING
  // Edits: [starts[i], ends[i]) becomes replacements[i], or the varint lengths[i] where there is none. The length of an enclosing field comes
  // before its content, so its place in the list is taken when the first edit inside is made, and filled in by leave().
  private starts: number[] = []
  private ends: number[] = []
  private replacements: (Uint8Array | null)[] = []
  private replacementStarts: number[] = []
  private replacementEnds: number[] = []
  private lengths: number[] = []
  private edits = 0
  // The open fields around the current place, outermost first.
  private frameTags: number[] = []
  private frameStarts: number[] = []
  private frameEnds: number[] = []
  private frameSlots: number[] = []
  private frameDeltas: number[] = []
  private depth = 0
  private framesWithSlot = 0

  open(bytes: Uint8Array): this {
    this.bytes = bytes
    this.edits = 0
    this.depth = 0
    this.framesWithSlot = 0
    this.frameDeltas[0] = 0
    return this
  }

  /** Goes into a length-delimited field; the arguments are what Fields says of it. */
  enter(tagStart: number, start: number, end: number): void {
    const depth = ++this.depth
    this.frameTags[depth] = tagStart
    this.frameStarts[depth] = start
    this.frameEnds[depth] = end
    this.frameDeltas[depth] = 0
    this.frameSlots[depth] = -1
  }

  /** Goes out of the field entered last, and corrects its length. */
  leave(): void {
    const depth = this.depth--
    if (this.framesWithSlot < depth) return
    this.framesWithSlot = depth - 1
    const slot = this.frameSlots[depth]
    const length = this.frameEnds[depth] - this.frameStarts[depth] + this.frameDeltas[depth]
    const grown = varintSize(length) - (this.ends[slot] - this.starts[slot])
    this.lengths[slot] = length
    this.frameDeltas[depth - 1] += this.frameDeltas[depth] + grown
  }

  /** Goes out of the field entered last and cuts it out as a whole, with whatever was edited inside. */
  leaveAndCut(): void {
    const depth = this.depth--
    if (this.framesWithSlot >= depth) {
      this.framesWithSlot = depth - 1
      this.edits = this.frameSlots[depth]
    }
    this.replace(this.frameTags[depth], this.frameEnds[depth], NOTHING)
  }

  /** Makes [start, end) of the old bytes read `by`, or that part of it; `start` = `end` inserts. `by` must stay as it is until `finish`. */
  replace(start: number, end: number, by: Uint8Array, byStart = 0, byEnd = by.length): void {
    while (this.framesWithSlot < this.depth) {
      const frame = ++this.framesWithSlot
      let lengthStart = this.frameTags[frame]
      while (this.bytes[lengthStart] > 127) lengthStart++
      this.frameSlots[frame] = this.add(lengthStart + 1, this.frameStarts[frame], null, 0, 0)
    }
    const byLength = byEnd - byStart
    this.frameDeltas[this.depth] += byLength - (end - start)
    const last = this.edits - 1
    if (byLength === 0 && last >= 0 && this.ends[last] === start && this.replacements[last] !== null) this.ends[last] = end
    else this.add(start, end, by, byStart, byEnd)
  }

  /** Whether anything was edited. */
  get changed(): boolean {
    return this.edits > 0
  }

  /** The bytes with all edits made; the very same bytes when there were none. */
  finish(): Uint8Array {
    const { bytes, starts, ends, replacements, replacementStarts, replacementEnds, lengths, edits } = this
    this.bytes = NOTHING
    if (edits === 0) return bytes
    const out = allocate(bytes.length + this.frameDeltas[0])
    let from = 0
    let to = 0
    for (let i = 0; i < edits; i++) {
      if (starts[i] > from) {
        copy(bytes, from, starts[i], out, to)
        to += starts[i] - from
      }
      const replacement = replacements[i]
      if (replacement === null) to = writeVarint(out, to, lengths[i])
      else {
        copy(replacement, replacementStarts[i], replacementEnds[i], out, to)
        to += replacementEnds[i] - replacementStarts[i]
        replacements[i] = NOTHING
      }
      from = ends[i]
    }
    copy(bytes, from, bytes.length, out, to)
    return out
  }

  private add(start: number, end: number, by: Uint8Array | null, byStart: number, byEnd: number): number {
    const at = this.edits++
    this.starts[at] = start
    this.ends[at] = end
    this.replacements[at] = by
    this.replacementStarts[at] = byStart
    this.replacementEnds[at] = byEnd
    return at
  }
}

function copy(from: Uint8Array, start: number, end: number, to: Buffer, at: number): void {
  // Between two edits there is often a tag alone; for so little the call costs more than the copy.
  if (end - start < 16) while (start < end) to[at++] = from[start++]
  else if (from instanceof Buffer) from.copy(to, at, start, end)
  else to.set(from.subarray(start, end), at)
}
