// Walks and edits whole export requests in place. Every offset is into the request's bytes, which parseBatch has checked.
//
// The wire, alike for all four signals (see Shape):
//   request        { repeated resource entry = 1 }
//   resource entry { Resource = 1, repeated scope entry = 2, string schema_url = 3 }
//   scope entry    { InstrumentationScope = 1, repeated record = 2, string schema_url = 3 }
import { Patch } from './patch.ts'
import { type OtlpSignal, SHAPES } from './signal.ts'
import { Fields, lengthDelimited } from './wire.ts'

const RESOURCE_ENTRY = 1
const RESOURCE = 1
const SCOPE_ENTRY = 2
const SCOPE = 1
const RECORD = 2

/** Is called for every part of a request, in this order whatever the order on the wire. What it is given is gone when it returns. */
export interface RecordVisitor {
  /** A ResourceSpans, ResourceLogs, … begins. */
  resourceEntry?(): void
  /** Its Resource; not called where there is none, and more than once where the sender wrote it in pieces. */
  resource?(bytes: Uint8Array, start: number, end: number): void
  /** A ScopeSpans, ScopeLogs, … begins. */
  scopeEntry?(): void
  /** Its InstrumentationScope, as for the resource. */
  scope?(bytes: Uint8Array, start: number, end: number): void
  /** One Span, Metric, LogRecord or profile. */
  record(bytes: Uint8Array, start: number, end: number): void
}

export interface RecordEditor extends Omit<RecordVisitor, 'record'> {
  /** Returns false to cut the record out, or true to keep it; may then have edited inside [start, end) through `patch`. */
  record(bytes: Uint8Array, start: number, end: number, patch: Patch): boolean
}

// One reader per level. Walks never nest: a visitor that walked the same request again would find these in use.
const entries = new Fields()
const parts = new Fields()
const records = new Fields()

export function walkRecords(bytes: Uint8Array, visitor: RecordVisitor): void {
  entries.open(bytes, 0, bytes.length)
  while (entries.next()) {
    if (entries.number !== RESOURCE_ENTRY) continue
    visitHead(bytes, entries.start, entries.end, visitor)
    parts.open(bytes, entries.start, entries.end)
    while (parts.next()) {
      if (parts.number !== SCOPE_ENTRY) continue
      visitScope(bytes, parts.start, parts.end, visitor)
      records.open(bytes, parts.start, parts.end)
      while (records.next()) if (records.number === RECORD) visitor.record(bytes, records.start, records.end)
    }
  }
}

const patch = new Patch()

/**
 * Keeps, cuts and edits the records of a request. Scope and resource entries that lose their last record go with it. Returns the very same bytes
 * when nothing was changed; `records` is the number of records left, and 0 means that nothing is. With `resources`, those are edited in the same go;
 * `editor` is shown them as they were before.
 */
export function editRecords(
  bytes: Uint8Array,
  editor: RecordEditor,
  resources: ResourceEditor | null = null
): { bytes: Uint8Array; records: number } {
  let keptInRequest = 0
  patch.open(bytes)
  entries.open(bytes, 0, bytes.length)
  while (entries.next()) {
    if (entries.number !== RESOURCE_ENTRY) continue
    visitHead(bytes, entries.start, entries.end, editor)
    patch.enter(entries.tagStart, entries.start, entries.end)
    let keptInResource = 0
    let cutInResource = 0
    let pieces = resources === null ? 0 : beginResource(bytes, resources)
    parts.open(bytes, entries.start, entries.end)
    while (parts.next()) {
      if (parts.number === RESOURCE && resources !== null) editPiece(bytes, resources, --pieces === 0)
      if (parts.number !== SCOPE_ENTRY) continue
      visitScope(bytes, parts.start, parts.end, editor)
      patch.enter(parts.tagStart, parts.start, parts.end)
      let kept = 0
      let cut = 0
      records.open(bytes, parts.start, parts.end)
      while (records.next()) {
        if (records.number !== RECORD) continue
        patch.enter(records.tagStart, records.start, records.end)
        if (editor.record(bytes, records.start, records.end, patch)) {
          patch.leave()
          kept++
        } else {
          patch.leaveAndCut()
          cut++
        }
      }
      if (kept === 0 && cut > 0) patch.leaveAndCut()
      else patch.leave()
      keptInResource += kept
      cutInResource += cut
    }
    if (keptInResource === 0 && cutInResource > 0) patch.leaveAndCut()
    else patch.leave()
    keptInRequest += keptInResource
  }
  return { bytes: patch.finish(), records: keptInRequest }
}

export interface ResourceEditor {
  /** May edit inside [start, end) through `patch`. Called for every piece of a resource; `last` is true for the last one. */
  resource(bytes: Uint8Array, start: number, end: number, patch: Patch, last: boolean): void
  /** The fields of a Resource for an entry that has none, or null to leave it so. */
  missing(): Uint8Array | null
}

/** Edits the Resource of every resource entry; `head` is shown it as it was before. Returns the very same bytes when nothing was changed. */
export function editResources(bytes: Uint8Array, editor: ResourceEditor, head: Omit<RecordVisitor, 'record'> = {}): Uint8Array {
  patch.open(bytes)
  entries.open(bytes, 0, bytes.length)
  while (entries.next()) {
    if (entries.number !== RESOURCE_ENTRY) continue
    visitHead(bytes, entries.start, entries.end, head)
    patch.enter(entries.tagStart, entries.start, entries.end)
    let pieces = beginResource(bytes, editor)
    parts.open(bytes, entries.start, entries.end)
    while (pieces > 0 && parts.next()) if (parts.number === RESOURCE) editPiece(bytes, editor, --pieces === 0)
    patch.leave()
  }
  return patch.finish()
}

// Counts the pieces of the resource of the entry that the patch is in, and makes one where there is none.
function beginResource(bytes: Uint8Array, editor: ResourceEditor): number {
  let pieces = 0
  parts.open(bytes, entries.start, entries.end)
  while (parts.next()) if (parts.number === RESOURCE) pieces++
  if (pieces > 0) return pieces
  const made = editor.missing()
  if (made !== null) patch.replace(entries.start, entries.start, lengthDelimited(RESOURCE, made))
  return 0
}

function editPiece(bytes: Uint8Array, editor: ResourceEditor, last: boolean): void {
  patch.enter(parts.tagStart, parts.start, parts.end)
  editor.resource(bytes, parts.start, parts.end, patch, last)
  patch.leave()
}

function visitHead(bytes: Uint8Array, start: number, end: number, visitor: Omit<RecordVisitor, 'record'>): void {
  visitor.resourceEntry?.()
  if (visitor.resource === undefined) return
  parts.open(bytes, start, end)
  while (parts.next()) if (parts.number === RESOURCE) visitor.resource(bytes, parts.start, parts.end)
}

function visitScope(bytes: Uint8Array, start: number, end: number, visitor: Omit<RecordVisitor, 'record'>): void {
  visitor.scopeEntry?.()
  if (visitor.scope === undefined) return
  records.open(bytes, start, end)
  while (records.next()) if (records.number === SCOPE) visitor.scope(bytes, records.start, records.end)
}

/** Joins requests of one signal whose shape says that it concatenates. */
export function concatenate(requests: readonly Uint8Array[]): Uint8Array {
  return requests.length === 1 ? requests[0] : Buffer.concat(requests)
}

/**
 * Splits a request by record into requests of at most `bytesMax` bytes, each record with its resource and scope. A record that is larger by itself
 * stands alone in its request. Returns the very same bytes when they already fit, or cannot be split.
 */
export function splitRequest(signal: OtlpSignal, bytes: Uint8Array, bytesMax: number): Uint8Array[] {
  if (bytes.length <= bytesMax || !SHAPES[signal].concatenates) return [bytes]
  const requests: Uint8Array[] = []
  let pieces: Uint8Array[] = []
  let size = 0
  const flush = (): void => {
    if (pieces.length > 0) requests.push(Buffer.concat(pieces))
    pieces = []
    size = 0
  }
  entries.open(bytes, 0, bytes.length)
  while (entries.next()) {
    if (entries.number !== RESOURCE_ENTRY) continue
    const entryHead = everythingBut(bytes, entries.start, entries.end, SCOPE_ENTRY, parts)
    parts.open(bytes, entries.start, entries.end)
    while (parts.next()) {
      if (parts.number !== SCOPE_ENTRY) continue
      const scopeHead = everythingBut(bytes, parts.start, parts.end, RECORD, records)
      // Neighbouring records of one scope go into one piece for as long as it fits.
      const overhead = entryHead.length + scopeHead.length + 12
      let runStart = -1
      let runEnd = -1
      const close = (): void => {
        if (runStart < 0) return
        const scopeEntry = lengthDelimited(SCOPE_ENTRY, Buffer.concat([scopeHead, bytes.subarray(runStart, runEnd)]))
        const piece = lengthDelimited(RESOURCE_ENTRY, Buffer.concat([entryHead, scopeEntry]))
        pieces.push(piece)
        size += piece.length
        runStart = -1
      }
      records.open(bytes, parts.start, parts.end)
      while (records.next()) {
        if (records.number !== RECORD) continue
        if (runEnd !== records.tagStart) close()
        const length = records.end - (runStart < 0 ? records.tagStart : runStart)
        if (size + overhead + length > bytesMax) {
          close()
          flush()
        }
        if (runStart < 0) runStart = records.tagStart
        runEnd = records.end
      }
      close()
    }
  }
  flush()
  return requests
}

// The fields of a message without those of one number, in the order they came.
function everythingBut(bytes: Uint8Array, start: number, end: number, number: number, fields: Fields): Uint8Array {
  const kept: Uint8Array[] = []
  fields.open(bytes, start, end)
  while (fields.next()) if (fields.number !== number) kept.push(bytes.subarray(fields.tagStart, fields.end))
  return Buffer.concat(kept)
}
