import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Queue } from '../../src/queue/queue.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { countingDisk } from './failing-disk.ts'
import { drain, LANE, NEVER, names, Owner, open, stateOf, take, textOf } from './support.ts'

const isLog = (path: string): boolean => path.endsWith('.log')

/** Resolves when the queue has told of this. */
async function told(owner: Owner, kind: string): Promise<void> {
  while (!owner.events.some((event) => event.kind === kind && event.lane === LANE)) await new Promise((resolve) => setTimeout(resolve, 1))
}

test('a full disk costs nothing: records are in memory, readers go on, and all is written when there is room again', async (t) => {
  const dir = temporaryDirectory()
  const disk = countingDisk()
  const owner = new Owner()
  const queue = await open(t, owner, { dir, disk, segmentBytes: 4096 })
  const cursor = await queue.cursor(LANE, 'a', stateOf(0))
  const audit = await queue.cursor(LANE, 'audit', stateOf(0))
  await Promise.all(names(0, 100).map((name) => owner.append(queue, name)))
  disk.verdict = (call) => (call === 'write' || call === 'create' ? 'ENOSPC' : null)
  for (const name of names(100, 400)) await owner.append(queue, name)
  strictEqual(queue.state().degraded, 'ENOSPC: create')
  ok(queue.state().memoryBytes > 300 * 32)
  deepStrictEqual(await take(cursor, 350), names(0, 350))
  disk.verdict = () => null
  await told(owner, 'recovered')
  for (const name of names(400, 500)) await owner.append(queue, name)
  strictEqual(queue.state().degraded, null)
  deepStrictEqual(await take(cursor, 150), names(350, 500))
  await queue.close()
  strictEqual(owner.kinds().includes('lost'), false)
  const after = new Owner()
  const again = await open(t, after, { dir, segmentBytes: 4096 })
  deepStrictEqual(await drain(again, await again.cursor(LANE, 'audit', stateOf(0))), names(0, 500))
  strictEqual(after.totals.get(LANE), 500)
  strictEqual(textOf(audit.state), '0')
})

test('after a failed sync the file is given up, and what was not synced is written again elsewhere, once', async (t) => {
  const dir = temporaryDirectory()
  const disk = countingDisk()
  const owner = new Owner()
  const queue = await open(t, owner, { dir, disk })
  const cursor = await queue.cursor(LANE, 'a', stateOf(0))
  await Promise.all(names(0, 10).map((name) => owner.append(queue, name)))
  let failures = 1
  disk.verdict = (call, path) => (call === 'sync' && isLog(path) && failures-- > 0 ? 'EIO' : null)
  await Promise.all(names(10, 20).map((name) => owner.append(queue, name)))
  await owner.append(queue, 'r20')
  deepStrictEqual(
    readdirSync(join(dir, LANE)).filter((name) => isLog(name)),
    ['000000000001.log', '000000000002.log']
  )
  deepStrictEqual(owner.events, [])
  // The first file has the ten records too: they reached it, and its sync failed.
  await queue.close()
  const again = await open(t, new Owner(), { dir })
  deepStrictEqual(await drain(again, await again.cursor(LANE, 'a', stateOf(0))), names(0, 21))
  strictEqual(textOf(cursor.state), '0')
})

test('a disk that takes a few bytes at a time is written to in full', async (t) => {
  const dir = temporaryDirectory()
  const disk = countingDisk()
  disk.verdict = (call, path) => (call === 'write' && isLog(path) ? 7 : null)
  const owner = new Owner()
  const queue = await open(t, owner, { dir, disk })
  const cursor = await queue.cursor(LANE, 'a', stateOf(0))
  await Promise.all(names(0, 30).map((name) => owner.append(queue, name)))
  await queue.close()
  strictEqual(textOf(cursor.state), '0')
  const again = await open(t, new Owner(), { dir })
  deepStrictEqual(await drain(again, await again.cursor(LANE, 'a', stateOf(0))), names(0, 30))
})

test('whichever single call fails, and for how long, every accepted record is there once and the totals agree', async () => {
  const run = async (failAt: number, failures: number): Promise<boolean> => {
    const dir = temporaryDirectory()
    const disk = countingDisk()
    const owner = new Owner()
    const queue = await Queue.open(owner.options({ dir, disk, segmentBytes: 4096, retryFirstMs: 1 }))
    await queue.cursor(LANE, 'audit', stateOf(0))
    const cursor = await queue.cursor(LANE, 'a', stateOf(0))
    let calls = 0
    disk.verdict = (call) => {
      if (call === 'close') return null
      calls++
      return calls > failAt && calls <= failAt + failures ? 'EIO' : null
    }
    for (let at = 0; at < 15; at++) {
      await owner.append(queue, `r${at}`.padEnd(600))
      if (at % 3 === 2) await take(cursor, 3)
    }
    const wasReached = calls > failAt
    disk.verdict = () => null
    await queue.close()
    const after = new Owner()
    const again = await Queue.open(after.options({ dir }))
    const texts = await drain(again, await again.cursor(LANE, 'audit', stateOf(0)))
    deepStrictEqual(
      texts.map((text) => text.trim()),
      names(0, 15),
      `failing ${failures} calls from call ${failAt}`
    )
    strictEqual(after.totals.get(LANE), 15)
    const reader = await again.cursor(LANE, 'a', stateOf(0))
    strictEqual(textOf(reader.state), '15')
    await again.close()
    return wasReached
  }
  for (const failures of [1, 4]) {
    let reached = 0
    for (let failAt = 0; failAt < 40; failAt += failures) reached += Number(await run(failAt, failures))
    ok(reached >= 10, `${reached} failures were reached`)
  }
})

test('memory for a disk that refuses is bounded; beyond that the queue refuses, or the newest of the lowest priority stay', async (t) => {
  const f = async (whenFull: 'refuse' | 'evict'): Promise<{ owner: Owner; texts: string[]; refused: string[] }> => {
    const disk = countingDisk()
    const owner = new Owner()
    const queue = await open(t, owner, { dir: temporaryDirectory(), disk, memoryBytesMax: 65_536, segmentBytes: 8192, whenFull })
    const cursor = await queue.cursor(LANE, 'a', stateOf(0))
    disk.verdict = (call) => (call === 'create' ? 'EROFS' : null)
    throws(() => owner.append(queue, 'x'.repeat(70_000)), { name: 'QueueFullError', reason: 'record' })
    const refused: string[] = []
    for (const name of names(0, 100)) {
      try {
        await owner.append(queue, name.padEnd(1000))
      } catch (error) {
        refused.push((error as { reason: string }).reason)
      }
      ok(queue.state().memoryBytes <= 65_536)
    }
    strictEqual(queue.fits(1000), whenFull === 'evict')
    return { owner, refused, texts: (await drain(queue, cursor)).map((text) => text.trim()) }
  }
  const refuse = await f('refuse')
  deepStrictEqual(refuse.texts, names(0, refuse.texts.length))
  deepStrictEqual([...new Set(refuse.refused)], ['memory'])
  strictEqual(refuse.texts.length + refuse.refused.length, 100)
  const evict = await f('evict')
  deepStrictEqual(evict.texts, names(100 - evict.texts.length, 100))
  strictEqual(evict.owner.count('evicted'), 100 - evict.texts.length)
})

test('a disk that hangs is not waited for beyond the bound of memory', async (t) => {
  const disk = countingDisk()
  const owner = new Owner()
  let go = (): void => {}
  const hanging = new Promise<void>((resolve) => {
    go = resolve
  })
  const open_ = disk.open
  disk.open = async (path, purpose) => {
    const file = await open_(path, purpose)
    return isLog(path) ? { ...file, sync: () => hanging.then(() => file.sync()) } : file
  }
  const queue = await open(t, owner, { dir: temporaryDirectory(), disk, memoryBytesMax: 16_384 })
  const cursor = await queue.cursor(LANE, 'a', stateOf(0))
  const accepted: Promise<void>[] = []
  throws(
    () => {
      for (let at = 0; at < 100; at++) accepted.push(owner.append(queue, 'x'.repeat(1000)))
    },
    { name: 'QueueFullError', reason: 'memory' }
  )
  ok(accepted.length > 8 && accepted.length < 17)
  const stop = new AbortController()
  const peek = cursor.peek(1, stop.signal)
  setImmediate(() => stop.abort())
  strictEqual(await peek, null)
  go()
  await Promise.all(accepted)
  strictEqual((await take(cursor, accepted.length)).length, accepted.length)
})

test('what is in memory alone when the queue closes is told of', async (t) => {
  const disk = countingDisk()
  const owner = new Owner()
  const queue = await open(t, owner, { dir: temporaryDirectory(), disk })
  await queue.cursor(LANE, 'a', stateOf(0))
  disk.verdict = (call) => (call === 'create' ? 'ENOSPC' : null)
  await Promise.all(names(0, 5).map((name) => owner.append(queue, name)))
  await queue.close()
  strictEqual(owner.count('lost'), 5)
})

test('what a reader had from memory alone is not given out again as new after a crash', async (t) => {
  const dir = temporaryDirectory()
  const disk = countingDisk()
  const owner = new Owner()
  const queue = await open(t, owner, { dir, disk })
  const cursor = await queue.cursor(LANE, 'a', stateOf(0))
  disk.verdict = (call) => (call === 'create' ? 'ENOSPC' : null)
  await Promise.all(names(0, 5).map((name) => owner.append(queue, name)))
  deepStrictEqual(await take(cursor, 5), names(0, 5))
  await queue.close()
  const after = new Owner()
  const again = await open(t, after, { dir })
  const reader = await again.cursor(LANE, 'a', stateOf(0))
  strictEqual(textOf(reader.state), '5')
  await after.append(again, 'next')
  deepStrictEqual(await take(reader, 1), ['next'])
})

test('a page that cannot be read costs the records on it, and a read that fails once costs nothing', async (t) => {
  const dir = temporaryDirectory()
  const owner = new Owner()
  const before = await open(t, owner, { dir, segmentBytes: 2 ** 20 })
  await before.cursor(LANE, 'a', stateOf(0))
  await before.cursor(LANE, 'b', stateOf(0))
  for (const name of names(0, 100)) await owner.append(before, name.padEnd(1000))
  await before.close()
  const disk = countingDisk()
  const open_ = disk.open
  let isReadable = false
  disk.open = async (path, purpose) => {
    const file = await open_(path, purpose)
    if (!isLog(path)) return file
    const bad = 40_960
    const read = async (into: Uint8Array, position: number): Promise<number> => {
      if (isReadable || position > bad || position + into.length <= bad) return file.read(into, position)
      throw Object.assign(new Error('EIO: read'), { code: 'EIO' })
    }
    return { ...file, read }
  }
  const after = new Owner()
  const queue = await open(t, after, { dir, disk })
  const cursor = await queue.cursor(LANE, 'a', stateOf(0))
  const stop = new AbortController()
  const first = cursor.peek(1000, stop.signal)
  await told(after, 'unreadable')
  isReadable = true
  strictEqual(textOf((await first)![0].payload).trim(), 'r0')
  strictEqual((await take(cursor, 100)).length, 100)

  isReadable = false
  const other = await queue.cursor(LANE, 'b', stateOf(0))
  const texts: string[] = []
  while (texts.at(-1) !== 'r99') {
    const entries = (await other.peek(2 ** 20, NEVER))!
    for (const entry of entries) texts.push(textOf(entry.payload).trim())
    other.ack(entries[entries.length - 1], stateOf(texts.length))
  }
  // A page has parts of five or six of these records.
  ok(texts.length >= 94 && texts.length < 100, `${texts.length} of 100`)
  strictEqual(after.count('damaged'), 100 - texts.length)
})

test('a directory without room still opens, and serves from memory', async (t) => {
  const dir = temporaryDirectory()
  const disk = countingDisk()
  disk.verdict = (call) => (call === 'read' || call === 'open' || call === 'list' ? null : 'ENOSPC')
  const owner = new Owner()
  const queue = await open(t, owner, { dir, disk })
  const cursor = await queue.cursor(LANE, 'a', stateOf(0))
  await owner.append(queue, 'r0')
  deepStrictEqual(await take(cursor, 1), ['r0'])
  ok(queue.state().degraded !== null)
})

test('while the list of cursors finds no room nothing else takes what room there is', async (t) => {
  const dir = temporaryDirectory()
  const disk = countingDisk()
  let full = true
  let laneWrites = 0
  disk.verdict = (call, path) => {
    if (call === 'write' && isLog(path)) laneWrites++
    return full && call === 'write' && path.includes('cursors') ? 'ENOSPC' : null
  }
  const owner = new Owner()
  const queue = await open(t, owner, { dir, disk })
  const cursor = await queue.cursor(LANE, 'a', stateOf(0))
  for (const name of names(0, 50)) await owner.append(queue, name)
  deepStrictEqual(await take(cursor, 20), names(0, 20))
  strictEqual(laneWrites, 0)
  ok(queue.state().degraded?.includes('ENOSPC'))
  full = false
  await told(owner, 'recovered')
  ok(laneWrites > 0)
  deepStrictEqual(await take(cursor, 30), names(20, 50))
  // Each of the two files has taken its room, for lists that are longer than this one.
  await queue.close()
  for (const name of ['cursors.a', 'cursors.b']) ok(statSync(join(dir, name)).size >= 32 * 1024, name)
})
