import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { crc32c } from '../../src/queue/crc32c.ts'
import { Queue } from '../../src/queue/queue.ts'
import { encodeRecord } from '../../src/queue/record.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { drain, LANE, NEVER, names, Owner, open, stateOf, take, textOf } from './support.ts'

/** Writes a queue of `count` records that nobody has read, and closes it. Returns the paths of its segments. */
async function written(t: TestContext, dir: string, texts: string[], segmentBytes = 2 ** 20): Promise<string[]> {
  const owner = new Owner()
  const queue = await open(t, owner, { dir, segmentBytes, bytesMax: 2 ** 26 })
  await queue.cursor(LANE, 'a', stateOf(0))
  for (const text of texts) await owner.append(queue, text)
  await queue.close()
  return segmentsOf(dir)
}

const segmentsOf = (dir: string): string[] =>
  readdirSync(join(dir, LANE))
    .filter((name) => name.endsWith('.log'))
    .sort()
    .map((name) => join(dir, LANE, name))

function flip(path: string, at: number, mask = 1): void {
  const bytes = readFileSync(path)
  bytes[at] ^= mask
  writeFileSync(path, bytes)
}

async function readAll(t: TestContext, dir: string, owner = new Owner()): Promise<{ texts: string[]; owner: Owner; queue: Queue }> {
  const queue = await open(t, owner, { dir, segmentBytes: 2 ** 20, bytesMax: 2 ** 26 })
  const texts = await drain(queue, await queue.cursor(LANE, 'a', stateOf(0)))
  return { texts, owner, queue }
}

const HEADER = 32

test('damage costs the damaged record only, is counted, and a copy is set aside', async (t) => {
  const sizes = [10, 300, 5000, 70_000, 300_000, 20, 20]
  const texts = sizes.map((size, at) => `${at}`.padEnd(size, 'x'))
  const f = async (record: number, offset: number): Promise<void> => {
    const dir = temporaryDirectory()
    const [path] = await written(t, dir, texts)
    let at = readFileSync(path).length
    for (const size of sizes.slice(record)) at -= HEADER + size
    flip(path, at + offset)
    const { texts: left, owner, queue } = await readAll(t, dir)
    deepStrictEqual(
      left,
      texts.filter((_, at) => at !== record)
    )
    deepStrictEqual([owner.kinds(), owner.count('damaged')], [['damaged'], 1])
    await queue.close()
    strictEqual(readdirSync(join(dir, LANE, 'aside')).length, 1)
  }
  for (const offset of [0, 5, 9, 17, 25, 30, 32, 39]) await f(1, offset)
  await f(0, 5)
  await f(3, 40)
  await f(4, 4)
  await f(4, 290_000)
  await f(5, 3)
  // The last one: the list of cursors knows that it was there.
  await f(6, 3)
  await f(6, 35)
})

test('the record after a damaged one says so', async (t) => {
  const dir = temporaryDirectory()
  const [path] = await written(t, dir, names(0, 4))
  flip(path, readFileSync(path).length - 2 * (HEADER + 2) - 1)
  const queue = await open(t, new Owner(), { dir })
  const cursor = await queue.cursor(LANE, 'a', stateOf(0))
  await take(cursor, 1)
  const entries = (await cursor.peek(100, NEVER))!
  deepStrictEqual(
    entries.map(({ payload, skipped, seq }) => [textOf(payload), skipped, seq]),
    [
      ['r2', 'damaged', 3],
      ['r3', null, 4]
    ]
  )
})

test('any one flipped bit costs one record at most, whatever it hits', async (t) => {
  const dir = temporaryDirectory()
  const texts = Array.from({ length: 60 }, (_, at) => `${at}:`.padEnd((at * 37) % 900, String.fromCharCode(97 + (at % 26))))
  const pristine = (await written(t, dir, texts, 8192)).map((path) => ({ path, bytes: readFileSync(path) }))
  const others = readdirSync(dir)
    .filter((name) => name.startsWith('cursors.'))
    .map((name) => ({ path: join(dir, name), bytes: readFileSync(join(dir, name)) }))
  const files = [...pristine, ...others]
  await fc.assert(
    fc.asyncProperty(
      fc.nat(files.length - 1),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.nat(7),
      async (file, place, bit) => {
        rmSync(join(dir, LANE), { recursive: true })
        mkdirSync(join(dir, LANE))
        for (const { path, bytes } of files) writeFileSync(path, bytes)
        flip(files[file].path, Math.floor(place * files[file].bytes.length), 1 << bit)
        const { texts: left, owner, queue } = await readAll(t, dir)
        await queue.close()
        const missing = texts.filter((text) => !left.includes(text))
        ok(missing.length <= 1, `${missing.length} are missing`)
        deepStrictEqual(
          left,
          texts.filter((text) => !missing.includes(text))
        )
        strictEqual(owner.count('damaged'), missing.length)
        strictEqual(owner.totals.get(LANE), 60)
      }
    ),
    { numRuns: 60 }
  )
})

test('a torn end is passed over, told of, and costs nothing that was whole', async (t) => {
  const dir = temporaryDirectory()
  const [path] = await written(t, dir, names(0, 5))
  const length = readFileSync(path).length
  // As after a crash: the list of cursors is from before the records.
  for (const name of ['cursors.a', 'cursors.b']) rmSync(join(dir, name), { force: true })
  for (const cut of [1, HEADER, HEADER + 1]) {
    truncateSync(path, length - cut)
    const owner = new Owner()
    const queue = await open(t, owner, { dir })
    deepStrictEqual(owner.recovered.get(LANE), names(0, 4))
    strictEqual(owner.kinds().filter((kind) => kind === 'torn').length, 1)
    await queue.close()
    for (const name of ['cursors.a', 'cursors.b']) rmSync(join(dir, name), { force: true })
  }
  const owner = new Owner()
  const queue = await open(t, owner, { dir })
  const cursor = await queue.cursor(LANE, 'a', stateOf(0))
  await owner.append(queue, 'next')
  deepStrictEqual(await take(cursor, 5), [...names(0, 4), 'next'])
  strictEqual(owner.totals.get(LANE), 5)
})

test('bytes in a payload that look like records are not taken for records, unless they know the salt', async (t) => {
  const f = async (knowsSalt: boolean, expected: string[]): Promise<void> => {
    const dir = temporaryDirectory()
    const owner = new Owner()
    const queue = await open(t, owner, { dir })
    await queue.cursor(LANE, 'a', stateOf(0))
    await owner.append(queue, 'r0')
    const [path] = segmentsOf(dir)
    const salt = knowsSalt ? readFileSync(path).readUInt32LE(8) : 0
    const forged = encodeRecord(2, Date.now(), [Buffer.from('forged')], 6, salt)
    await queue.append(LANE, [forged])
    await owner.append(queue, 'r2')
    await queue.close()
    flip(path, readFileSync(path).length - (HEADER + 2) - forged.length - 20)
    deepStrictEqual((await readAll(t, dir)).texts, expected)
  }
  await f(false, ['r0', 'r2'])
  await f(true, ['r0', 'forged', 'r2'])
})

test('when one list of cursors is damaged, the other counts', async (t) => {
  const dir = temporaryDirectory()
  const owner = new Owner()
  const queue = await open(t, owner, { dir })
  const cursor = await queue.cursor(LANE, 'a', stateOf(0))
  await Promise.all(names(0, 9).map((name) => owner.append(queue, name)))
  await take(cursor, 3)
  await cursor.persisted()
  await take(cursor, 3)
  await queue.close()
  const pristine = ['cursors.a', 'cursors.b'].map((name) => ({ path: join(dir, name), bytes: readFileSync(join(dir, name)) }))
  for (const { path } of pristine) {
    for (const file of pristine) writeFileSync(file.path, file.bytes)
    flip(path, 100)
    const after = new Owner()
    const again = await open(t, after, { dir })
    const state = Number(textOf((await again.cursor(LANE, 'a', stateOf(0))).state))
    ok(state === 6 || state === 3, `${state}`)
    strictEqual(after.totals.get(LANE), 9)
    deepStrictEqual(after.events, [])
    await again.close()
  }
})

test('without a list of cursors, readers begin at the oldest record, and the totals hold', async (t) => {
  const dir = temporaryDirectory()
  await written(t, dir, names(0, 500), 4096)
  for (const name of ['cursors.a', 'cursors.b']) writeFileSync(join(dir, name), 'damaged')
  const owner = new Owner()
  const queue = await open(t, owner, { dir })
  await queue.keepCursors([{ lane: LANE, reader: 'a' }])
  deepStrictEqual(await drain(queue, await queue.cursor(LANE, 'a', stateOf(0))), names(0, 500))
  deepStrictEqual(owner.kinds(), ['cursors-lost'])
  strictEqual(owner.totals.get(LANE), 500)
})

test('a damaged segment header costs no record, and the totals hold', async (t) => {
  const dir = temporaryDirectory()
  const paths = await written(t, dir, names(0, 500), 4096)
  for (const name of ['cursors.a', 'cursors.b']) rmSync(join(dir, name), { force: true })
  for (const path of paths.slice(1)) flip(path, 20)
  const { texts, owner } = await readAll(t, dir)
  deepStrictEqual(texts, names(0, 500))
  strictEqual(owner.totals.get(LANE), 500)
})

test('a segment that is gone costs its own records', async (t) => {
  const dir = temporaryDirectory()
  const paths = await written(t, dir, names(0, 500), 4096)
  rmSync(paths[1])
  const { texts, owner } = await readAll(t, dir)
  ok(texts.length > 350 && texts.length < 450)
  strictEqual(owner.count('damaged'), 500 - texts.length)
  strictEqual(owner.totals.get(LANE), 500)
})

test('files that hold nothing to be read are kept aside, and empty ones removed', async (t) => {
  const dir = temporaryDirectory()
  const [path] = await written(t, dir, names(0, 5))
  writeFileSync(path.replace('01.log', '02.log'), 'not a segment')
  writeFileSync(path.replace('01.log', '03.log'), '')
  const { texts, queue } = await readAll(t, dir)
  deepStrictEqual(texts, names(0, 5))
  await queue.close()
  deepStrictEqual(readdirSync(join(dir, LANE, 'aside')), ['000000000002.log'])
  strictEqual(existsSync(path.replace('01.log', '03.log')), false)
})

test('a segment of a later version is refused, and left alone', async (t) => {
  const dir = temporaryDirectory()
  const [path] = await written(t, dir, names(0, 5))
  const bytes = readFileSync(path)
  const end = HEADER + bytes.readUInt32LE(12)
  bytes.writeUInt16LE(2, 4)
  bytes.writeUInt32LE(crc32c(bytes, 0, end), end)
  writeFileSync(path, bytes)
  await rejects(Queue.open(new Owner().options({ dir })), /has version 2 of the queue's format/)
  deepStrictEqual(readFileSync(path), bytes)
})
