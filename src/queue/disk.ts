import fs from 'node:fs'

/** What the queue asks of a file system; nothing else touches the disk, so a test can put a failing one in its place. */
export interface Disk {
  /** Makes the directory and its parents, for this user alone. One that is there stays as it is. */
  makeDirectory(path: string): Promise<void>
  /** Names in the directory, none when there is no such directory. */
  list(path: string): Promise<string[]>
  /** `create` fails when the file exists; `update` makes it when it is missing. */
  open(path: string, purpose: 'read' | 'create' | 'update'): Promise<DiskFile>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** After this, files made in the directory are found again after a power cut. */
  syncDirectory(path: string): Promise<void>
}

export interface DiskFile {
  size(): Promise<number>
  /** Fills `into` from `position`; returns fewer bytes at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>
  /** Returns how many bytes were written, which may be fewer than given. */
  write(parts: readonly Uint8Array[], position: number): Promise<number>
  sync(): Promise<void>
  close(): Promise<void>
}

const FLAGS = {
  read: fs.constants.O_RDONLY,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
  update: fs.constants.O_RDWR | fs.constants.O_CREAT
}

/** The file system of this machine. */
export const nodeDisk: Disk = {
  makeDirectory: (path) => settle((done) => fs.mkdir(path, { recursive: true, mode: 0o700 }, (error) => done(error))),
  async list(path) {
    try {
      return await settle<string[]>((done) => fs.readdir(path, done))
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return []
      throw error
    }
  },
  open: async (path, purpose) => nodeFile(await settle<number>((done) => fs.open(path, FLAGS[purpose], 0o600, done))),
  rename: (from, to) => settle((done) => fs.rename(from, to, done)),
  remove: (path) => settle((done) => fs.unlink(path, done)),
  async syncDirectory(path) {
    const descriptor = await settle<number>((done) => fs.open(path, fs.constants.O_RDONLY, done))
    try {
      await settle((done) => fs.fsync(descriptor, done))
    } finally {
      fs.closeSync(descriptor)
    }
  }
}

function nodeFile(descriptor: number): DiskFile {
  return {
    size: async () => (await settle<fs.Stats>((done) => fs.fstat(descriptor, done))).size,
    read: (into, position) => settle((done) => fs.read(descriptor, into, 0, into.length, position, done)),
    write: (parts, position) => settle((done) => fs.writev(descriptor, parts as Uint8Array[], position, done)),
    sync: () => settle((done) => fs.fdatasync(descriptor, done)),
    close: () => settle((done) => fs.close(descriptor, done))
  }
}

function settle<T = void>(start: (done: (error: Error | null, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => start((error, value) => (error === null ? resolve(value as T) : reject(error))))
}

/** Writes all parts, however few bytes the disk takes at a time. */
export async function writeAll(file: DiskFile, parts: readonly Uint8Array[], position: number): Promise<void> {
  let left = parts
  let at = position
  while (left.length > 0) {
    let written = await file.write(left, at)
    if (written <= 0) throw new Error('the disk took no byte of a write')
    at += written
    let done = 0
    while (done < left.length && written >= left[done].length) written -= left[done++].length
    left = left.slice(done)
    if (written > 0) left = [left[0].subarray(written), ...left.slice(1)]
  }
}

/** The errno of a failed call, as `ENOSPC`; empty when it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
