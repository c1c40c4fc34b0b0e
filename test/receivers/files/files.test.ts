import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync
} from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { RefusedError } from '../../../src/errors.ts'
import { until } from '../../support/gateway-process.ts'
import { Following } from './following.ts'

const lines = (from: number, to: number): string => Array.from({ length: to - from }, (_, i) => `line ${from + i}\n`).join('')
const expected = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `line ${from + i}`)

test('lines of new files are read from their beginning, those of old ones from where they end', async (t) => {
  const f = new Following(t)
  const old = join(f.logs, 'old.log')
  writeFileSync(old, 'before\nhalf a li')
  await f.start()
  appendFileSync(old, 'ne\nbehind\n')
  appendFileSync(join(f.logs, 'new.log'), 'first\n')
  deepStrictEqual((await f.come(2)).sort(), ['behind', 'first'])
  const { attributes, scope } = f.records.find(({ body }) => body === 'first')!
  deepStrictEqual(attributes, { 'log.file.path': join(f.logs, 'new.log'), 'log.file.name': 'new.log' })
  strictEqual(scope, 'sluice.logs.files')
})

test('startAt says where to start', async (t) => {
  const f = async (startAt: string, text: string, all: string[]): Promise<void> => {
    const followed = new Following(t)
    writeFileSync(join(followed.logs, 'a.log'), text)
    await followed.start({ startAt })
    appendFileSync(join(followed.logs, 'a.log'), '2026-08-14T12:00:00Z stdout F last\n')
    await followed.come(all.length)
    deepStrictEqual(followed.bodies, all)
    await followed.stop()
  }
  await f('auto', 'first\n', ['last'])
  await f('end', '2026-08-14T12:00:00Z stdout F first\n', ['last'])
  await f('beginning', 'first\n', ['first', 'last'])
  await f('auto', '2026-08-14T12:00:00Z stdout F first\n', ['first', 'last'])
  await f('auto', '{"log":"first\\n","stream":"stdout","time":"2026-08-14T12:00:00Z"}\n', ['first', 'last'])
})

test('a rotated file is read to its end, then the new one', async (t) => {
  const f = new Following(t)
  const path = join(f.logs, 'a.log')
  await f.start()
  writeFileSync(path, lines(0, 10))
  await f.come(10)
  appendFileSync(path, lines(10, 2000))
  renameSync(path, `${path}.1`)
  appendFileSync(`${path}.1`, lines(2000, 2001))
  writeFileSync(path, lines(2001, 2010))
  await f.come(2010)
  deepStrictEqual(f.bodies, expected(0, 2010))
  deepStrictEqual(f.counted('sluice_files_rotations_total', 'kind'), { renamed: 1 })
  // Somebody has not noticed yet.
  appendFileSync(`${path}.1`, 'late\n')
  appendFileSync(path, lines(2010, 2011))
  deepStrictEqual((await f.come(2012)).slice(2010).sort(), ['late', 'line 2010'])
})

test('a file that was rotated more than once between two looks is not missed', async (t) => {
  const f = new Following(t)
  const path = join(f.logs, 'a.log')
  await f.start({ pollInterval: '200ms' })
  writeFileSync(path, lines(0, 10))
  await f.come(10)
  for (let i = 1; i <= 5; i++) {
    renameSync(path, `${path}.2026-${i}`)
    writeFileSync(path, lines(i * 10, i * 10 + 10))
  }
  await f.come(60)
  deepStrictEqual(f.bodies, expected(0, 60))
})

test('a stack trace, and a line, that rotation cuts are one', async (t) => {
  const f = new Following(t)
  const path = join(f.logs, 'a.log')
  await f.start({ joinWithin: '2s' })
  const at = '2026-08-14T12:00:00.5Z'
  writeFileSync(path, `${at} stderr F Traceback (most recent call last):\n${at} stdout P one half and \n`)
  await until(
    () => f.gauge('sluice_files_watched'),
    (watched) => watched === 1
  )
  renameSync(path, `${path}.1`)
  writeFileSync(
    path,
    `${at} stderr F   File "a.py", line 1, in <module>\n${at} stdout F the other\n${at} stderr F     f()\n${at} stderr F ValueError: no\n`
  )
  await f.come(2)
  deepStrictEqual(f.bodies.sort(), [
    'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n    f()\nValueError: no',
    'one half and the other'
  ])
})

test('a file that is emptied is read from its beginning; what was not read is taken from the copy', async (t) => {
  const f = new Following(t)
  const path = join(f.logs, 'a.log')
  await f.start()
  writeFileSync(path, lines(0, 100))
  await f.come(100)
  // All at once, so that the lines from 100 to 200 cannot have been read.
  appendFileSync(path, lines(100, 200))
  copyFileSync(path, `${path}.1`)
  truncateSync(path)
  appendFileSync(path, lines(200, 600))
  await f.come(600)
  deepStrictEqual(f.bodies, expected(0, 600))
  deepStrictEqual(f.counted('sluice_files_rotations_total', 'kind'), { truncated: 1 })
  truncateSync(path)
  appendFileSync(path, lines(600, 610))
  await f.come(610)
  deepStrictEqual(f.bodies.slice(600), expected(600, 610))
})

test('the copy may match as well, and is read once', async (t) => {
  const f = new Following(t)
  const path = join(f.logs, 'a.log')
  await f.start({ include: [join(f.logs, 'a.log*')] })
  writeFileSync(path, lines(0, 100))
  await f.come(100)
  appendFileSync(path, lines(100, 200))
  copyFileSync(path, `${path}.1`)
  await f.come(200)
  truncateSync(path)
  appendFileSync(path, lines(200, 210))
  await f.come(210)
  renameSync(path, `${path}.2`)
  writeFileSync(path, lines(210, 220))
  await f.come(220)
  await f.stop()
  deepStrictEqual(f.bodies, expected(0, 220))
})

test('holes that a writer leaves who did not notice are skipped', async (t) => {
  const f = new Following(t)
  const path = join(f.logs, 'a.log')
  await f.start()
  writeFileSync(path, lines(0, 1000))
  await f.come(1000)
  const size = lines(0, 1000).length
  truncateSync(path)
  truncateSync(path, size)
  appendFileSync(path, lines(1000, 1010))
  await f.come(1010)
  deepStrictEqual(f.bodies, expected(0, 1010))
})

test('a deleted file is read to its end, and its last line needs no newline', { timeout: 30_000 }, async (t) => {
  const f = new Following(t)
  const path = join(f.logs, 'pod/a.log')
  mkdirSync(dirname(path))
  let open = false
  await f.start({}, async () => {
    if (!open) throw new RefusedError('overloaded', 'full')
  })
  writeFileSync(path, lines(0, 50_000))
  await until(
    () => f.gauge('sluice_files_watched'),
    (watched) => watched === 1
  )
  rmSync(dirname(path), { recursive: true })
  open = true
  await f.come(50_000)
  deepStrictEqual(f.bodies, expected(0, 50_000))
})

test('reading goes on where it was, durably; without warning, what was not known to be durable comes twice', async (t) => {
  const f = new Following(t)
  const path = join(f.logs, 'a.log')
  await f.start()
  writeFileSync(path, lines(0, 100))
  await f.come(100)
  await f.stop()
  appendFileSync(path, lines(100, 110))
  await f.start()
  await f.come(110)
  deepStrictEqual(f.bodies, expected(0, 110))
  await f.stop()
  // Refused for good: what is not durable is read again.
  await f.start({}, async () => {
    throw new RefusedError('overloaded', 'full')
  })
  appendFileSync(path, lines(110, 120))
  await until(
    () => f.gauge('sluice_files_lag_bytes'),
    (lag) => lag === 0
  )
  await f.stop()
  await f.start()
  await f.come(120)
  deepStrictEqual(f.bodies, expected(0, 120))
  strictEqual(f.counted('sluice_files_resumed_bytes_total', 'receiver').files, undefined)
})

test('what happened to files meanwhile: renamed, more than once, compressed, copied, emptied, replaced, new', async (t) => {
  const f = new Following(t)
  const at = (name: string): string => join(f.logs, name)
  const names = ['renamed', 'twice', 'gzip', 'copied', 'emptied', 'replaced']
  await f.start()
  for (const name of names) writeFileSync(at(`${name}.log`), `${name} 0 is a line that is long enough\n`)
  await f.come(names.length)
  await f.stop()
  const more = (name: string, n: number, file = `${name}.log`): void => appendFileSync(at(file), `${name} ${n}\n`)
  for (const name of names) more(name, 1)
  renameSync(at('renamed.log'), at('renamed.log.1'))
  more('renamed', 2)
  renameSync(at('twice.log'), at('twice.log.20260814-1'))
  more('twice', 2)
  renameSync(at('twice.log'), at('twice.log.20260814-2'))
  more('twice', 3)
  for (const n of [2, 3, 4]) {
    const rotated = at(`gzip.log.${9 - n}`)
    renameSync(at('gzip.log'), rotated)
    if (n < 4) {
      const { readFileSync } = await import('node:fs')
      writeFileSync(`${rotated}.gz`, gzipSync(readFileSync(rotated)))
      rmSync(rotated)
    }
    more('gzip', n)
  }
  copyFileSync(at('copied.log'), at('copied.log.1'))
  truncateSync(at('copied.log'))
  more('copied', 2)
  truncateSync(at('emptied.log'))
  more('emptied', 2)
  rmSync(at('replaced.log'))
  writeFileSync(at('replaced.log'), 'replaced 2 by something that is longer than what was there, inode and all\n')
  more('new', 1)
  renameSync(at('new.log'), at('new.log.1'))
  more('new', 2)
  await f.start()
  await f.come(names.length + 14)
  await f.stop()
  const of = (name: string): unknown[] =>
    f.bodies.filter((body) => String(body).startsWith(name)).map((body) => Number(String(body).split(' ')[1]))
  deepStrictEqual(of('renamed'), [0, 1, 2])
  deepStrictEqual(of('twice'), [0, 1, 2, 3])
  deepStrictEqual(of('gzip'), [0, 1, 2, 3, 4])
  deepStrictEqual(of('copied'), [0, 1, 2])
  deepStrictEqual(of('emptied'), [0, 2])
  deepStrictEqual(of('replaced'), [0, 2])
  deepStrictEqual(of('new'), [1, 2])
})
