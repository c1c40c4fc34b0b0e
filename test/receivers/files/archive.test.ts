import { deepStrictEqual } from 'node:assert/strict'
import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Archive } from '../../../src/receivers/files/archive.ts'
import { FileCounts } from '../../../src/receivers/files/counts.ts'
import { HEAD_BYTES, markOf, type Position, TRAIL_BYTES } from '../../../src/receivers/files/identity.ts'
import { OpenFiles } from '../../../src/receivers/files/open-files.ts'
import { Positions } from '../../../src/receivers/files/positions.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { host } from '../../support/host.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const TEXT = 'a line of 32 bytes and of no less\n'.repeat(100)
const READ = 340

interface Found {
  /** Path, offset and kind of what is to be read. */
  readonly files: (string | number)[][]
  readonly lostBytes: number
}

/** What is found of a file that was read in part and renamed, when something happens after its directory was listed. */
function found(happens: (moved: string) => void): Found {
  const dir = temporaryDirectory()
  const metrics = new Metrics()
  const [path, moved] = [join(dir, 'app.log'), join(dir, 'app.log.1')]
  writeFileSync(path, TEXT)
  const { dev, ino, birthtimeMs } = statSync(path)
  const head = markOf(Buffer.from(TEXT.slice(0, HEAD_BYTES)), HEAD_BYTES)
  const trail = markOf(Buffer.from(TEXT.slice(READ - TRAIL_BYTES, READ)), READ)
  const position: Position = { dev, ino, path, offset: READ, size: TEXT.length, head, trail, bornMs: birthtimeMs, isDone: false }
  const positions = new Positions(10)
  positions.set(position, Date.now())
  const none = (): [] => []
  const archive = new Archive(positions, new FileCounts(host({ metrics })), new OpenFiles(100, none, none), () => false)
  renameSync(path, moved)
  const askedAt = archive.ask(null)
  archive.beside(path, askedAt)
  happens(moved)
  const generations = archive.before(path, path, [position], null, 0, false, askedAt)
  const files = generations.map((each) => [basename(each.path), each.offset, each.isCompressed ? 'compressed' : 'plain'])
  for (const generation of generations) archive.leave(generation)
  const lost = metrics.families().find(({ name }) => name === 'sluice_files_lost_bytes_total')?.samples ?? []
  return { files, lostBytes: lost.reduce((sum, { value }) => sum + value, 0) }
}

test('a file that leaves its place while it is sought is found all the same', () => {
  const f = (happens: (moved: string) => void, files: Found['files'], lostBytes = 0): void =>
    deepStrictEqual(found(happens), { files, lostBytes })
  f(() => undefined, [['app.log.1', READ, 'plain']])
  f(
    (moved) => {
      writeFileSync(`${moved}.gz`, gzipSync(TEXT))
      rmSync(moved)
    },
    [['app.log.1.gz', READ, 'compressed']]
  )
  f((moved) => renameSync(moved, moved.replace(/1$/, '2')), [['app.log.2', READ, 'plain']])
  f((moved) => rmSync(moved), [], TEXT.length - READ)
})
