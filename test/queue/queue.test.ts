import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Queue, QueueFullError } from '../../src/queue/queue.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { countingDisk } from './failing-disk.ts'
import { drain, LANE, NEVER, names, Owner, open, stateOf, take, textOf } from './support.ts'

for (const where of ['on disk', 'in memory']) {
  test(`${where}, a reader gets the records in order, from where it began`, async (t) => {
    const owner = new Owner()
    const queue = await open(t, owner, { dir: where === 'on disk' ? temporaryDirectory() : undefined })
    const first = await queue.cursor(LANE, 'first', stateOf(0))
    await Promise.all(names(0, 3).map((name) => owner.append(queue, name)))
    const second = await queue.cursor(LANE, 'second', stateOf(0))
    await owner.append(queue, 'r3')
    deepStrictEqual(await take(first, 4), ['r0', 'r1', 'r2', 'r3'])
    deepStrictEqual(await take(second, 1), ['r3'])
    strictEqual(queue.state().oldestMs, 0)
  })

  test(`${where}, what is not acknowledged comes again, and a peek takes what fits`, async (t) => {
    const owner = new Owner()
    const queue = await open(t, owner, { dir: where === 'on disk' ? temporaryDirectory() : undefined })
    const cursor = await queue.cursor(LANE, 'a', stateOf(0))
    await Promise.all(names(0, 9).map((name) => owner.append(queue, name)))
    const f = async (bytesMax: number, expected: string[]): Promise<void> => {
      deepStrictEqual(
        (await cursor.peek(bytesMax, NEVER))?.map(({ payload }) => textOf(payload)),
        expected
      )
    }
    await f(100, ['r0'])
    await take(cursor, 1)
    await f(5, ['r1', 'r2'])
    await f(5, ['r1', 'r2'])
    await f(0, ['r1'])
    await f(100, names(1, 9))
  })

  test(`${where}, a peek waits for a record, and ends when it is stopped`, async (t) => {
    const owner = new Owner()
    const queue = await open(t, owner, { dir: where === 'on disk' ? temporaryDirectory() : undefined })
    const cursor = await queue.cursor(LANE, 'a', stateOf(0))
    const waiting = take(cursor, 1)
    await owner.append(queue, 'r0')
    deepStrictEqual(await waiting, ['r0'])
    const stop = new AbortController()
    const stopped = cursor.peek(1, stop.signal)
    stop.abort()
    strictEqual(await stopped, null)
    strictEqual(await cursor.peek(1, AbortSignal.abort()), null)
    const closed = cursor.peek(1, NEVER)
    await queue.close()
    strictEqual(await closed, null)
    throws(() => queue.append(LANE, []), { name: 'QueueFullError', reason: 'closed' })
  })

  test(`${where}, a full queue refuses before it takes more, and takes again what fits when a reader went on`, async (t) => {
    const owner = new Owner()
    const queue = await open(t, owner, {
      dir: where === 'on disk' ? temporaryDirectory() : undefined,
      bytesMax: 65_536,
      segmentBytes: 4096
    })
    const cursor = await queue.cursor(LANE, 'a', stateOf(0))
    const text = 'x'.repeat(1000)
    let accepted = 0
    while (queue.fits(1000)) {
      await owner.append(queue, text)
      accepted++
    }
    ok(accepted > 50 && queue.state().bytes <= 65_536, `${accepted} records`)
    throws(() => owner.append(queue, text), { name: 'QueueFullError', reason: 'cap' })
    throws(() => owner.append(queue, 'x'.repeat(70_000)), { name: 'QueueFullError', reason: 'record' })
    await take(cursor, 30)
    await cursor.persisted()
    ok(queue.fits(1000, LANE))
    await owner.append(queue, 'last')
    strictEqual((await drain(queue, cursor)).length, accepted - 30 + 1)
    strictEqual(owner.totals.get(LANE), accepted + 1)
  })

  test(`${where}, a record may be larger than a segment`, async (t) => {
    const owner = new Owner()
    const queue = await open(t, owner, { dir: where === 'on disk' ? temporaryDirectory() : undefined, segmentBytes: 4096 })
    const cursor = await queue.cursor(LANE, 'a', stateOf(0))
    const texts = ['a', 'b'.repeat(1_000_000), 'c', 'd'.repeat(5000), 'e'.repeat(5000), 'f']
    await Promise.all(texts.map((text) => owner.append(queue, text)))
    deepStrictEqual(await take(cursor, 6), texts)
  })

  test(`${where}, eviction takes the oldest of the lowest priority and never gives way for a lower one`, async (t) => {
    const owner = new Owner()
    const lanes = [
      { name: 'errors', priority: 2 },
      { name: LANE, priority: 0 },
      { name: 'logs', priority: 1 }
    ]
    const dir = where === 'on disk' ? temporaryDirectory() : undefined
    const queue = await open(t, owner, { dir, bytesMax: 65_536, segmentBytes: 4096, whenFull: 'evict', lanes })
    const cursors = await Promise.all(lanes.map(({ name }) => queue.cursor(name, 'a', stateOf(0))))
    const fill = async (lane: string, count: number): Promise<void> => {
      for (let at = 0; at < count; at++) await owner.append(queue, `${lane}${at}`.padEnd(1000), lane)
    }
    await fill('logs', 20)
    await fill(LANE, 20)
    await fill('errors', 58)
    ok(queue.state().bytes <= 65_536)
    const left = await Promise.all(cursors.map((cursor) => drain(queue, cursor)))
    strictEqual(left[0].length, 58)
    strictEqual(left[1].length, 0)
    ok(left[2].length < 20 && left[2].at(-1)?.trim() === 'logs19')
    strictEqual(owner.count('evicted'), 98 - 58 - left[2].length)
    await fill('errors', 58)
    for (let at = 0; at < 100; at++) {
      try {
        void owner.append(queue, 'x'.repeat(1000), LANE)
      } catch (error) {
        ok(error instanceof QueueFullError)
      }
    }
    strictEqual((await drain(queue, cursors[0])).length, 58)
  })

  test(`${where}, a reader is told of an eviction at the record after it, and the owner of its state there`, async (t) => {
    const owner = new Owner()
    const dir = where === 'on disk' ? temporaryDirectory() : undefined
    const queue = await open(t, owner, { dir, bytesMax: 16_384, segmentBytes: 4096, whenFull: 'evict' })
    const slow = await queue.cursor(LANE, 'slow', stateOf(0))
    const fast = await queue.cursor(LANE, 'fast', stateOf(0))
    await owner.append(queue, 'r0'.padEnd(1000))
    const inFlight = (await slow.peek(1000, NEVER))![0]
    for (let at = 1; at < 40; at++) {
      await owner.append(queue, `r${at}`.padEnd(1000))
      await take(fast, 1)
    }
    const gone = Number(textOf(owner.events.filter(({ kind }) => kind === 'evicted').at(-1)!.checkpoint))
    ok(gone > 20, `${gone} evicted`)
    slow.ack(inFlight, stateOf(1))
    const next = (await slow.peek(1, NEVER))![0]
    deepStrictEqual([textOf(next.payload).trim(), next.skipped, next.seq], [`r${gone}`, 'evicted', gone + 1])
    slow.ack(next, stateOf(2))
    strictEqual((await slow.peek(1, NEVER))![0].skipped, null)
    strictEqual(queue.state().lanes[0].readers.find(({ reader }) => reader === 'slow')?.records, 40 - gone - 1)
  })

  test(`${where}, a lane that nobody reads holds nothing back`, async (t) => {
    const owner = new Owner()
    const queue = await open(t, owner, {
      dir: where === 'on disk' ? temporaryDirectory() : undefined,
      bytesMax: 65_536,
      segmentBytes: 4096
    })
    await queue.cursor(LANE, 'old', stateOf(7))
    await owner.append(queue, 'r0')
    deepStrictEqual(await queue.keepCursors([]), [{ lane: LANE, reader: 'old', state: stateOf(7) }])
    for (let at = 0; at < 200; at++) await owner.append(queue, 'x'.repeat(1000))
    ok(queue.state().bytes < 3 * 4096)
  })
}

test('readers go on where they were after a restart, and the owner has its totals', async (t) => {
  const dir = temporaryDirectory()
  const owner = new Owner()
  const before = await open(t, owner, { dir, segmentBytes: 4096 })
  const cursor = await before.cursor(LANE, 'a', stateOf(0))
  await Promise.all(names(0, 1000).map((name) => owner.append(before, name)))
  await take(cursor, 300)
  await before.close()
  const after = new Owner()
  const queue = await open(t, after, { dir, segmentBytes: 4096 })
  strictEqual(after.totals.get(LANE), 1000)
  // A clean end stores the state at the end, so that nothing has to be read.
  deepStrictEqual(after.recovered.get(LANE), [])
  const again = await queue.cursor(LANE, 'a', stateOf(0))
  strictEqual(textOf(again.state), '300')
  await after.append(queue, 'r1000')
  deepStrictEqual(await take(again, 701), names(300, 1001))
  deepStrictEqual(after.events, [])
})

test('segments go when every reader is durably past them, and not before', async (t) => {
  const dir = temporaryDirectory()
  const owner = new Owner()
  const queue = await open(t, owner, { dir, segmentBytes: 4096 })
  const fast = await queue.cursor(LANE, 'fast', stateOf(0))
  const slow = await queue.cursor(LANE, 'slow', stateOf(0))
  for (let at = 0; at < 20; at++) await owner.append(queue, 'x'.repeat(1000))
  const files = () => readdirSync(join(dir, LANE)).length
  strictEqual(files(), 7)
  await take(fast, 20)
  await fast.persisted()
  strictEqual(files(), 7)
  await take(slow, 10)
  strictEqual(files(), 7)
  await slow.persisted()
  await queue.close()
  strictEqual(files(), 4)
  strictEqual(owner.events.length, 0)
})

test('a reader that the configuration no longer has holds nothing, over a restart too', async (t) => {
  const dir = temporaryDirectory()
  const owner = new Owner()
  const before = await open(t, owner, { dir, segmentBytes: 4096 })
  await before.cursor(LANE, 'old', stateOf(1))
  const cursor = await before.cursor(LANE, 'new', stateOf(0))
  for (let at = 0; at < 20; at++) await owner.append(before, 'x'.repeat(1000))
  await take(cursor, 20)
  await before.close()
  strictEqual(readdirSync(join(dir, LANE)).length, 7)
  const queue = await open(t, new Owner(), { dir, segmentBytes: 4096 })
  deepStrictEqual(await queue.keepCursors([{ lane: LANE, reader: 'new' }]), [{ lane: LANE, reader: 'old', state: stateOf(1) }])
  await queue.close()
  strictEqual(readdirSync(join(dir, LANE)).length, 0)
  const last = new Owner()
  await open(t, last, { dir })
  strictEqual(last.totals.get(LANE), 20)
})

test('what a newest segment holds is freed when everybody has read it and room is short', async (t) => {
  const owner = new Owner()
  const queue = await open(t, owner, { dir: temporaryDirectory(), bytesMax: 20_000, segmentBytes: 5000 })
  const cursor = await queue.cursor(LANE, 'a', stateOf(0))
  for (let round = 0; round < 5; round++) {
    let count = 0
    for (; queue.fits(1000); count++) await owner.append(queue, 'x'.repeat(1000))
    ok(count >= 18, `round ${round}: ${count}`)
    await take(cursor, count)
    await cursor.persisted()
  }
})

test('one directory is for one queue', async (t) => {
  const dir = temporaryDirectory()
  const queue = await open(t, new Owner(), { dir })
  await Queue.open(new Owner().options({ dir })).then(
    () => ok(false, 'opened twice'),
    (error) => ok(/in use by another process \(process \d+/.test(error.message), error.message)
  )
  await queue.close()
  await open(t, new Owner(), { dir })
})

test('files and directories are for this user alone', async (t) => {
  const dir = join(temporaryDirectory(), 'queue')
  const owner = new Owner()
  const queue = await open(t, owner, { dir })
  const cursor = await queue.cursor(LANE, 'a', stateOf(0))
  await owner.append(queue, 'r0')
  await cursor.deadLetter(Buffer.from('r0'), Buffer.from('why '))
  const paths = readdirSync(dir, { recursive: true }).map((name) => join(dir, String(name)))
  ok(paths.length >= 7)
  for (const path of [dir, ...paths]) strictEqual(statSync(path).mode & 0o777, statSync(path).isDirectory() ? 0o700 : 0o600, path)
})

test('dead letters are durable, bounded, and the oldest give way', async (t) => {
  const dir = temporaryDirectory()
  const owner = new Owner()
  const queue = await open(t, owner, { dir, deadLetterBytesMax: 65_536 })
  const cursor = await queue.cursor(LANE, 'a', stateOf(0))
  for (let at = 0; at < 100; at++) await cursor.deadLetter(Buffer.from(`r${at}`.padEnd(1000)), Buffer.from('why '))
  await cursor.deadLetter(Buffer.alloc(70_000), Buffer.from('too large '))
  const letters: string[] = []
  await queue.deadLetters(LANE, (letter) => letters.push(textOf(letter).trim()))
  ok(letters.length > 40 && letters.length < 64, `${letters.length} left`)
  deepStrictEqual(
    [letters.at(-1), owner.count('dead-lettered'), owner.count('dead-letters-dropped')],
    ['why r99', 100, 101 - letters.length]
  )
  ok(queue.state().lanes[0].deadLetterBytes <= 65_536)
  await queue.close()
  const after = await open(t, new Owner(), { dir, deadLetterBytesMax: 65_536 })
  const kept: string[] = []
  await after.deadLetters(LANE, (letter) => kept.push(textOf(letter).trim()))
  deepStrictEqual(kept, letters)
})

test('starts with the same head are counted through crashes, not through clean ends, and until it is survived or acknowledged', async () => {
  const dir = temporaryDirectory()
  const owner = new Owner()
  const options = owner.options({ dir })
  let queue = await Queue.open(options)
  let cursor = await queue.cursor(LANE, 'a', stateOf(0))
  await Promise.all(names(0, 3).map((name) => owner.append(queue, name)))
  const crash = async (): Promise<void> => {
    // Nothing of a clean end is written; only the directory is given up.
    ;(queue as unknown as { lock: { release(): void } }).lock.release()
    queue = await Queue.open(options)
    cursor = await queue.cursor(LANE, 'a', stateOf(0))
  }
  const f = async (starts: number, records: number): Promise<void> => {
    strictEqual((await cursor.peek(100, NEVER))?.length, records)
    strictEqual(cursor.starts, starts)
  }
  await f(1, 1)
  await crash()
  await f(2, 1)
  await queue.close()
  queue = await Queue.open(options)
  cursor = await queue.cursor(LANE, 'a', stateOf(0))
  await f(2, 1)
  await crash()
  await f(3, 1)
  cursor.survived()
  await cursor.persisted()
  await crash()
  await f(1, 1)
  cursor.ack((await cursor.peek(100, NEVER))![0], stateOf(1))
  await f(0, 2)
  await cursor.persisted()
  await crash()
  await f(1, 1)
  await queue.close()
})

test('appends of one tick, and those during a write, share a write', async (t) => {
  const owner = new Owner()
  const disk = countingDisk()
  const queue = await open(t, owner, { dir: temporaryDirectory(), disk })
  await queue.cursor(LANE, 'a', stateOf(0))
  await owner.append(queue, 'r0')
  disk.calls.length = 0
  const all = Promise.all(names(0, 50).map((name) => owner.append(queue, name)))
  await all
  deepStrictEqual(
    disk.calls.filter((call) => call === 'write' || call === 'sync'),
    ['write', 'sync']
  )
  disk.calls.length = 0
  const first = owner.append(queue, 'a')
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  await Promise.all([first, ...names(0, 50).map((name) => owner.append(queue, name))])
  ok(disk.calls.filter((call) => call === 'sync').length <= 2)
})

test('a record is answered for when it, and the name of a new file, are synced; a file goes after the cursors are', async (t) => {
  const owner = new Owner()
  const disk = countingDisk()
  const queue = await open(t, owner, { dir: temporaryDirectory(), disk, segmentBytes: 4096 })
  const cursor = await queue.cursor(LANE, 'a', stateOf(0))
  disk.calls.length = 0
  await owner.append(queue, 'x'.repeat(3000))
  deepStrictEqual(disk.calls, ['makeDirectory', 'syncDirectory', 'create', 'write', 'sync', 'syncDirectory'])
  disk.calls.length = 0
  await owner.append(queue, 'x'.repeat(500))
  deepStrictEqual(disk.calls, ['write', 'sync'])
  disk.calls.length = 0
  await owner.append(queue, 'x'.repeat(1000))
  deepStrictEqual(disk.calls, ['create', 'write', 'sync', 'syncDirectory'])
  await take(cursor, 3)
  disk.calls.length = 0
  await cursor.persisted()
  deepStrictEqual(disk.calls.slice(-4), ['write', 'sync', 'remove', 'remove'])
})
