import { join } from 'node:path'
import { RETRY_MAX_MS } from './committer.ts'
import { crc32c } from './crc32c.ts'
import { codeOf, type Disk, type DiskFile, writeAll } from './disk.ts'

/** How far one reader is in one lane, with the owner's state as of there. */
export interface Position {
  readonly lane: string
  readonly reader: string
  /** The first record that is not acknowledged, and where it is on disk; segment 0 when that is not known. */
  seq: number
  segment: number
  offset: number
  state: Uint8Array
  /** Crashes, and starts since, with this same record at the head. */
  starts: number
  /** What is before this may be removed: `seq` as it is on disk. */
  persistedSeq: number
  /** Where it reads on: past `seq` when records in between were evicted. */
  headSeq: number
  /** Told of an eviction that moved `headSeq`. */
  evicted: (() => void) | null
}

/** A place in a lane where nothing was under way, with the owner's state there; what is before it need not be read again at the next start. */
export interface LaneEnd {
  readonly seq: number
  readonly segment: number
  readonly offset: number
  readonly checkpoint: Uint8Array
}

// `cursors.a` and `cursors.b` are written in turns, each whole, so that one of them is always good. Little-endian:
//    0  u32  magic
//    4  u16  version, 1
//    6  u16  zero
//    8  f64  generation; the sound file with the higher one counts
//   16  u32  length of the body
//   20  u32  CRC-32C of the 20 bytes before and the body
//   24       body, JSON: { salt, lanes: {name: LaneEnd}, cursors: [Position] }, bytes in base64; then room to grow
const HEADER_BYTES = 24
const MAGIC = 0xb24753c5
const VERSION = 1
const BODY_BYTES_MAX = 16 * 2 ** 20
/** Room on the disk that each file takes at once, so that a longer body can be stored when the lanes have filled the rest. */
const RESERVED_BYTES = 32 * 1024
/** Acknowledgements of this time share one write. What a crash takes of them is delivered twice. */
const PERSIST_MS = 50

interface Body {
  readonly salt: number
  readonly lanes: Record<string, { seq: number; segment: number; offset: number; checkpoint: string }>
  readonly cursors: readonly { lane: string; reader: string; seq: number; segment: number; offset: number; starts: number; state: string }[]
}

interface Hooks {
  /** Called before each write: the time to bring `lanes` up to date. */
  beforeWrite(): void
  /** Called when what was there at `beforeWrite` is durable. */
  written(): void
  /** Called when a write fails, and with null when one succeeds again. */
  failed(error: unknown): void
}

/** The durable list of cursors: one small file for all lanes and readers. Without a disk, a list in memory. */
export class Positions {
  salt = 0
  readonly lanes = new Map<string, LaneEnd>()
  readonly rows = new Map<string, Position>()
  private readonly disk: Disk | null
  private readonly dir: string
  private readonly retryMs: number
  private hooks: Hooks | null = null
  private readonly files: (DiskFile | null)[] = [null, null]
  private generation = 0
  private timer: NodeJS.Timeout | null = null
  private running: Promise<void> | null = null
  private following: Promise<void> | null = null
  /** Writes in a row that failed. */
  private failures = 0
  /** Why the list is not stored, while that is for want of room. */
  private noRoom: unknown = null

  private constructor(disk: Disk | null, dir: string, retryMs: number) {
    this.disk = disk
    this.dir = dir
    this.retryMs = retryMs
  }

  /** Reads the list. `isLost` says that there was nothing that could be read, be it because the directory is new. */
  static async open(disk: Disk | null, dir: string, retryMs: number): Promise<{ positions: Positions; isLost: boolean }> {
    const positions = new Positions(disk, dir, retryMs)
    if (disk === null) return { positions, isLost: false }
    let newest: Body | null = null
    for (const path of positions.paths) {
      const found = await readBody(disk, path)
      if (found === null || found.generation <= positions.generation) continue
      positions.generation = found.generation
      newest = found.body
    }
    if (newest !== null) positions.load(newest)
    return { positions, isLost: newest === null }
  }

  attach(hooks: Hooks): void {
    this.hooks = hooks
  }

  get(lane: string, reader: string): Position | undefined {
    return this.rows.get(`${lane}\0${reader}`)
  }

  add(position: Position): void {
    this.rows.set(`${position.lane}\0${position.reader}`, position)
  }

  remove(position: Position): void {
    this.rows.delete(`${position.lane}\0${position.reader}`)
  }

  /** Has what changed written soon. */
  touch(): void {
    if (this.disk === null || this.timer !== null) return
    const waitMs = this.failures === 0 ? PERSIST_MS : Math.min(this.retryMs * 2 ** (this.failures - 1), RETRY_MAX_MS)
    this.timer = setTimeout(() => void this.persist(), waitMs).unref()
  }

  /** Resolves when what is true now is durable, or could not be made so; a failed write is tried again by itself. */
  persist(): Promise<void> {
    if (this.disk === null) return Promise.resolve()
    if (this.running === null) return this.start(this.disk)
    this.following ??= this.running.then(() => {
      this.following = null
      return this.running ?? this.start(this.disk as Disk)
    })
    return this.following
  }

  /**
   * Throws while there is no room for the list on the disk. A lane asks before it writes: what it wrote could be read, but not removed before the
   * list is stored, and would take the room that the list waits for.
   */
  async findRoom(): Promise<void> {
    if (this.noRoom === null) return
    await this.persist()
    if (this.noRoom !== null) throw this.noRoom
  }

  async close(): Promise<void> {
    await this.persist()
    if (this.timer !== null) clearTimeout(this.timer)
    for (const slot of [0, 1]) await this.drop(slot)
  }

  private get paths(): readonly [string, string] {
    return [join(this.dir, 'cursors.a'), join(this.dir, 'cursors.b')]
  }

  private start(disk: Disk): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
    this.running = this.write(disk).then(() => {
      this.running = null
    })
    return this.running
  }

  private async write(disk: Disk): Promise<void> {
    this.hooks?.beforeWrite()
    const rows = [...this.rows.values()]
    const seqs = rows.map((row) => row.seq)
    const generation = this.generation + 1
    const slot = generation % 2
    try {
      const parts = encodeBody(this.body(), generation)
      let file = this.files[slot]
      if (file === null) {
        file = await this.reopen(disk, slot)
        parts.push(new Uint8Array(Math.max(0, RESERVED_BYTES - HEADER_BYTES - parts[1].length)))
      }
      await writeAll(file, parts, 0)
      await file.sync()
    } catch (error) {
      await this.drop(slot)
      this.failures++
      this.noRoom = OUT_OF_ROOM.has(codeOf(error)) ? error : null
      this.hooks?.failed(error)
      this.touch()
      return
    }
    this.generation = generation
    for (let at = 0; at < rows.length; at++) rows[at].persistedSeq = seqs[at]
    if (this.failures > 0) this.hooks?.failed(null)
    this.failures = 0
    this.noRoom = null
    this.hooks?.written()
  }

  private async reopen(disk: Disk, slot: number): Promise<DiskFile> {
    const file = await disk.open(this.paths[slot], 'update')
    this.files[slot] = file
    await disk.syncDirectory(this.dir)
    return file
  }

  private async drop(slot: number): Promise<void> {
    const file = this.files[slot]
    this.files[slot] = null
    // A file that failed before may fail again here; nothing is to be saved in it.
    await file?.close().catch(() => {})
  }

  private body(): Body {
    const lanes: Body['lanes'] = {}
    for (const [name, { seq, segment, offset, checkpoint }] of this.lanes)
      lanes[name] = { seq, segment, offset, checkpoint: toText(checkpoint) }
    const cursors = Array.from(this.rows.values(), ({ lane, reader, seq, segment, offset, starts, state }) => {
      return { lane, reader, seq, segment, offset, starts, state: toText(state) }
    })
    return { salt: this.salt, lanes, cursors }
  }

  private load(body: Body): void {
    this.salt = body.salt
    for (const [name, end] of Object.entries(body.lanes)) this.lanes.set(name, { ...end, checkpoint: toBytes(end.checkpoint) })
    for (const row of body.cursors) this.add({ ...row, state: toBytes(row.state), persistedSeq: row.seq, headSeq: row.seq, evicted: null })
  }
}

const toText = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
const toBytes = (text: string): Uint8Array => Buffer.from(text, 'base64')

const OUT_OF_ROOM = new Set(['ENOSPC', 'EDQUOT'])

function encodeBody(body: Body, generation: number): Uint8Array[] {
  const bytes = Buffer.from(JSON.stringify(body))
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32LE(MAGIC, 0)
  header.writeUInt16LE(VERSION, 4)
  header.writeDoubleLE(generation, 8)
  header.writeUInt32LE(bytes.length, 16)
  header.writeUInt32LE(crc32c(bytes, 0, bytes.length, crc32c(header, 0, 20)), 20)
  return [header, bytes]
}

async function readBody(disk: Disk, path: string): Promise<{ generation: number; body: Body } | null> {
  try {
    const file = await disk.open(path, 'read')
    try {
      const bytes = Buffer.alloc(Math.min(await file.size(), HEADER_BYTES + BODY_BYTES_MAX))
      if ((await file.read(bytes, 0)) < HEADER_BYTES) return null
      const end = HEADER_BYTES + bytes.readUInt32LE(16)
      if (bytes.readUInt32LE(0) !== MAGIC || end > bytes.length) return null
      if (crc32c(bytes, HEADER_BYTES, end, crc32c(bytes, 0, 20)) !== bytes.readUInt32LE(20)) return null
      const version = bytes.readUInt16LE(4)
      if (version !== VERSION)
        throw new Error(`${path} has version ${version} of the queue's format, and this program reads version ${VERSION}`)
      return { generation: bytes.readDoubleLE(8), body: JSON.parse(bytes.toString('utf8', HEADER_BYTES, end)) }
    } finally {
      await file.close()
    }
  } catch (error) {
    // What the disk cannot give is lost; the readers then begin at the oldest record.
    if (codeOf(error) !== '') return null
    throw error
  }
}
