import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync
} from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { RefusedError } from '../../../src/errors.ts'
import { Sockets } from '../../../src/net/sockets.ts'
import { until } from '../../support/gateway-process.ts'
import { Following } from './following.ts'

const lines = (from: number, to: number): string => Array.from({ length: to - from }, (_, i) => `line ${from + i}\n`).join('')
const expected = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `line ${from + i}`)

// At the same time, since most of it is waiting.
describe('files', { concurrency: true }, () => {
  it('lines of new files are read from their beginning, those of old ones from where they end', async (t) => {
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

  it('startAt says where to start', async (t) => {
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

  it('a rotated file is read to its end, then the new one', async (t) => {
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

  it('a file that was rotated more than once between two looks is not missed', async (t) => {
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

  it('a stack trace, and a line, that rotation cuts are one', async (t) => {
    const f = new Following(t)
    const path = join(f.logs, 'a.log')
    await f.start({ joinWithin: '1m' })
    const at = '2026-08-14T12:00:00.5Z'
    writeFileSync(path, `${at} stderr F Traceback (most recent call last):\n${at} stdout P one half and \n`)
    await until(
      () => f.gauge('sluice_files_watched'),
      (watched) => watched === 1
    )
    renameSync(path, `${path}.1`)
    const rest = `${at} stderr F   File "a.py", line 1, in <module>\n${at} stdout F the other\n${at} stderr F     f()\n${at} stderr F ValueError: no\n`
    writeFileSync(path, rest)
    await until(
      () => f.counted('sluice_log_bytes_total', 'transport').files,
      (bytes) => bytes > rest.length
    )
    await f.stop()
    deepStrictEqual(f.bodies.sort(), [
      'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n    f()\nValueError: no',
      'one half and the other'
    ])
  })

  it('a file that is emptied is read from its beginning; what was not read is taken from the copy', async (t) => {
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

  it('the copy may match as well, and is read once', async (t) => {
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

  it('holes that a writer leaves who did not notice are skipped', async (t) => {
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

  it('a deleted file is read to its end, and its last line needs no newline', async (t) => {
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

  it('reading goes on where it was, durably; without warning, what was not known to be durable comes twice', async (t) => {
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

  it('what happened to files meanwhile: renamed, more than once, compressed, copied, emptied, replaced, new', async (t) => {
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

  it('a file that was begun last before a stop, and compressed since, is read once', async (t) => {
    const f = new Following(t)
    const at = (name: string): string => join(f.logs, name)
    const compress = (from: string, to: string): void => {
      writeFileSync(at(to), gzipSync(readFileSync(at(from))))
      rmSync(at(from))
    }
    for (const begun of ['', 'begun\n']) {
      const count = f.records.length
      await f.start()
      writeFileSync(at('app.log'), `first, with ${begun.length}, is a line that is long enough\n`)
      await f.come(count + 1)
      renameSync(at('app.log'), at('app.log.1'))
      writeFileSync(at('app.log'), begun)
      await until(
        () => f.counted('sluice_files_rotations_total', 'kind').renamed,
        (renamed) => renamed === 1
      )
      await f.come(count + 1 + Math.sign(begun.length))
      await f.stop()
      appendFileSync(at('app.log'), 'second is a line that is long enough\n')
      compress('app.log.1', 'app.log.2.gz')
      compress('app.log', 'app.log.1.gz')
      writeFileSync(at('app.log'), 'third is a line that is long enough\n')
      await f.start()
      await f.come(count + 3 + 2 * Math.sign(begun.length))
      await f.stop()
      const ends = (body: unknown): string => String(body).split(/[, ]/)[0]
      const all = f.bodies.slice(count).map(ends)
      deepStrictEqual(all, begun === '' ? ['first', 'second', 'third'] : ['first', 'begun', 'begun', 'second', 'third'])
      for (const name of ['app.log', 'app.log.1.gz', 'app.log.2.gz']) rmSync(at(name))
    }
  })

  it('what went while nobody looked is read where it can be found, and counted as lost where it cannot', async (t) => {
    const f = new Following(t)
    const at = (name: string): string => join(f.logs, name)
    const first = (name: string): string => `${name} 0 is a line that is long enough\n`
    const names = ['alone', 'deleted', 'replaced', 'emptied', 'copied', 'pending']
    await f.start()
    for (const name of names) writeFileSync(at(`${name}.log`), first(name))
    await f.come(names.length)
    await f.stop()
    // All is refused, so that nothing behind the first lines is durable, but their sizes are known.
    await f.start({}, async () => {
      throw new RefusedError('overloaded', 'full')
    })
    for (const name of names) appendFileSync(at(`${name}.log`), `${name} 1\n`)
    renameSync(at('pending.log'), at('pending.log.1'))
    writeFileSync(at('pending.log'), 'pending 2 is a line that waits for the one before\n')
    await until(
      () => f.counted('sluice_files_rotations_total', 'kind').renamed,
      (renamed) => renamed === 1
    )
    await until(
      () => f.gauge('sluice_files_lag_bytes'),
      (lag) => lag === 0
    )
    await f.stop()
    renameSync(at('alone.log'), at('alone.log.1'))
    rmSync(at('deleted.log'))
    rmSync(at('replaced.log'))
    writeFileSync(at('replaced.log'), 'replaced 2\n')
    truncateSync(at('emptied.log'))
    copyFileSync(at('copied.log'), at('copied.log.1'))
    truncateSync(at('copied.log'))
    rmSync(at('pending.log.1'))
    rmSync(at('pending.log'))
    await f.start()
    await f.come(names.length + 3)
    await f.stop()
    deepStrictEqual(f.bodies.slice(names.length).sort(), ['alone 1', 'copied 1', 'replaced 2'])
    deepStrictEqual(f.counted('sluice_files_lost_bytes_total', 'kind'), {
      deleted: 'deleted 1\nreplaced 1\npending 1\npending 2 is a line that waits for the one before\n'.length,
      truncated: 'emptied 1\n'.length
    })
    // Once.
    await f.start()
    await f.stop()
    deepStrictEqual(f.counted('sluice_files_lost_bytes_total', 'kind'), {})
  })

  it('whatever stands in a file', async (t) => {
    const f = new Following(t)
    await f.start({ lineMax: '1KiB' })
    const path = join(f.logs, 'a.log')
    const cut = (text: string): string => `${text.repeat(1024 / Buffer.byteLength(text))}`
    writeFileSync(
      path,
      Buffer.concat([Buffer.from('ok \xff\xfe\n', 'latin1'), Buffer.from('half 😀').subarray(0, 7), Buffer.from('\r\nwith\0zero\n\n')])
    )
    deepStrictEqual(await f.come(3), ['ok ��', 'half �', 'with\0zero'])
    // 100 MB without an end, then its end.
    const piece = Buffer.alloc(10_000_000, 'é')
    for (let i = 0; i < 10; i++) appendFileSync(path, piece)
    await f.come(4)
    const { body, attributes } = f.records[3]
    deepStrictEqual([body, attributes['log.truncated']], [cut('é'), true])
    appendFileSync(path, 'é\nbehind\n')
    deepStrictEqual((await f.come(5))[4], 'behind')
    deepStrictEqual(f.counted('sluice_log_lines_total', 'outcome'), { accepted: 4, truncated: 1, blank: 1 })
  })

  it('an unfinished line is taken when it is whole', async (t) => {
    const f = new Following(t)
    const path = join(f.logs, 'a.log')
    await f.start()
    let text = ''
    for (let i = 0; i < 40; i++) {
      const piece = `${i} `.repeat(1000)
      appendFileSync(path, piece)
      text += piece
      await until(
        () => f.gauge('sluice_files_lag_bytes'),
        (lag) => lag === 0
      )
    }
    strictEqual(f.records.length, 0)
    appendFileSync(path, 'end\nnext\n')
    deepStrictEqual(await f.come(2), [`${text}end`, 'next'])
  })

  it('parts of lines of containers are joined, each stream by itself; a last part may never come', async (t) => {
    const f = new Following(t)
    await f.start({ lineMax: '64KiB' })
    const at = '2026-08-14T12:00:00.123456789Z'
    const docker = (log: string, stream = 'stdout'): string => `${JSON.stringify({ log, stream, time: at })}\n`
    const big = 'b'.repeat(40_000)
    writeFileSync(
      join(f.logs, 'a.log'),
      [
        `${at} stdout P one \n${at} stderr P ONE \n${at} stdout P two \n${at} stderr F TWO\n${at} stdout F three\n`,
        docker('four '),
        docker('FIVE \n', 'stderr'),
        docker('six\n'),
        `${at} stdout P ${big}\n${at} stdout P ${big}\n${at} stdout F ${big}\n`,
        `${at} stderr F \n${at} stdout without a tag\n${at} nowhere F seven\n${at} stdout P never\n`
      ].join('')
    )
    await f.come(8)
    // Each stream is in order; what comes first of two that wait is not said.
    const of = (stream: string | undefined) => f.records.filter(({ attributes }) => attributes['log.iostream'] === stream)
    const told = (stream: string | undefined) =>
      of(stream).map(({ body, attributes }) => [String(body).slice(0, 40), attributes['log.truncated']])
    deepStrictEqual(told('stderr'), [
      ['ONE TWO', undefined],
      ['FIVE ', undefined]
    ])
    deepStrictEqual(told('stdout'), [
      ['one two three', undefined],
      ['four six', undefined],
      ['b'.repeat(40), true],
      ['without a tag', undefined],
      ['never', undefined]
    ])
    deepStrictEqual(told(undefined), [['nowhere F seven', undefined]])
    strictEqual(of('stdout')[0].time, '1786708800123456789')
    strictEqual(String(of('stdout')[2].body).length, 65_536)
  })

  it('a flood of one file does not keep the others from being read', async (t) => {
    const f = new Following(t)
    const order: string[] = []
    await f.start({ pendingMax: '256KiB', batchMax: '64KiB' }, async () => {
      await new Promise((resolve) => setTimeout(resolve, 5))
    })
    writeFileSync(join(f.logs, 'flood.log'), lines(0, 100_000))
    for (let i = 0; i < 20; i++) writeFileSync(join(f.logs, `quiet-${i}.log`), `quiet ${i}\n`)
    await until(
      () => {
        order.splice(0, order.length, ...f.bodies.map(String))
        return order.filter((body) => body.startsWith('quiet')).length
      },
      (count) => count === 20
    )
    ok(order.length < 70_000, `${order.length} lines came before the quiet ones`)
    await f.come(100_020)
  })

  it('a directory that appears later, a link, two paths to one file, links in a circle, pipes, compressed files', async (t) => {
    const f = new Following(t)
    const later = join(f.logs, 'later/deep')
    await f.start({ include: [join(f.logs, '*.log*'), join(f.logs, 'later/*/*.log')] })
    mkdirSync(later, { recursive: true })
    writeFileSync(join(later, 'a.log'), 'in a directory\n')
    await f.come(1)
    symlinkSync(join(later, 'a.log'), join(f.logs, 'link.log'))
    linkSync(join(later, 'a.log'), join(f.logs, 'hard.log'))
    spawnSync('mkfifo', [join(f.logs, 'pipe.log')])
    writeFileSync(join(f.logs, 'other.log.gz'), gzipSync('packed\n'))
    symlinkSync(join(f.logs, 'loop.log'), join(f.logs, 'loop.log'))
    symlinkSync('/nowhere', join(f.logs, 'broken.log'))
    mkdirSync(join(f.logs, 'directory.log'))
    appendFileSync(join(later, 'a.log'), 'once\n')
    deepStrictEqual(await f.come(2), ['in a directory', 'once'])
    await until(
      () => f.gauge('sluice_files_waiting'),
      (waiting) => waiting === 4
    )
    strictEqual(f.gauge('sluice_files_watched'), 1)
    deepStrictEqual(f.bodies, ['in a directory', 'once'])
  })

  it('more files than may be followed or held open', async (t) => {
    const f = new Following(t)
    await f.start({ filesMax: 60, openMax: 16 })
    const at = (i: number): string => join(f.logs, `${i}.log`)
    for (let i = 0; i < 50; i++) writeFileSync(at(i), `${i} first\n`)
    await f.come(50)
    for (let i = 0; i < 50; i++) {
      if (i % 3 === 0) renameSync(at(i), `${at(i)}.1`)
      appendFileSync(i % 3 === 0 ? `${at(i)}.1` : at(i), `${i} second\n`)
      if (i % 3 === 0) appendFileSync(at(i), `${i} third\n`)
    }
    await f.come(117)
    strictEqual(new Set(f.bodies).size, 117)
    strictEqual(f.records.length, 117)
    for (let i = 50; i < 100; i++) writeFileSync(at(i), `${i} first\n`)
    await f.come(127)
    deepStrictEqual([f.gauge('sluice_files_watched'), f.gauge('sluice_files_waiting')], [60, 40])
  })

  it('rotated files that wait for their turn are open as far as there is room; what is deleted meanwhile is counted', async (t) => {
    const f = new Following(t)
    const path = join(f.logs, 'a.log')
    let isOpen = true
    await f.start({ openMax: 16, batchMax: '64KiB', pendingMax: '64KiB' }, async () => {
      if (!isOpen) throw new RefusedError('overloaded', 'full')
    })
    const piece = (i: number): string => lines(i * 10, i * 10 + 10)
    writeFileSync(path, piece(0))
    await f.come(10)
    isOpen = false
    appendFileSync(path, 'x'.repeat(99).concat('\n').repeat(3000))
    // After one turn of reading no more may be pending.
    await until(
      () => f.gauge('sluice_files_lag_bytes'),
      (lag) => lag > 0 && lag < 300_000
    )
    for (let i = 1; i <= 100; i++) {
      renameSync(path, `${path}.${i}`)
      writeFileSync(path, piece(i))
    }
    const before = f.gauge('sluice_files_lag_bytes')
    await until(
      () => f.counted('sluice_files_rotations_total', 'kind').renamed,
      (renamed) => renamed === 1
    )
    strictEqual(f.gauge('sluice_files_lag_bytes'), before + lines(10, 1010).length)
    ok(f.gauge('sluice_files_open') <= 16, `${f.gauge('sluice_files_open')} are open`)
    for (let i = 61; i <= 70; i++) rmSync(`${path}.${i}`)
    isOpen = true
    let openMost = 0
    const numbered = (): number[] => f.bodies.filter((body) => String(body).startsWith('line')).map((body) => Number(String(body).slice(5)))
    await until(
      () => {
        openMost = Math.max(openMost, f.gauge('sluice_files_open'))
        return numbered().length
      },
      (count) => count >= 910
    )
    // Files that were made in one tick of the file system's clock come in no order.
    deepStrictEqual(
      numbered().sort((a, b) => a - b),
      Array.from({ length: 1010 }, (_, i) => i).filter((line) => line < 600 || line >= 700)
    )
    deepStrictEqual(f.counted('sluice_files_lost_bytes_total', 'kind'), { deleted: lines(600, 700).length })
    ok(openMost <= 16, `${openMost} were open`)
    strictEqual(f.gauge('sluice_files_lag_bytes'), 0)
  })

  it('what is known to be unread is told of files that wait, too', async (t) => {
    const f = new Following(t)
    await f.start({ filesMax: 1 })
    writeFileSync(join(f.logs, 'a.log'), 'first\n')
    await f.come(1)
    writeFileSync(join(f.logs, 'b.log'), 'second\n')
    await until(
      () => f.gauge('sluice_files_lag_bytes'),
      (lag) => lag === 'second\n'.length
    )
  })

  it('a rotated file that was read to its end is read on, if somebody wrote there while the gateway was away', async (t) => {
    const f = new Following(t)
    const path = join(f.logs, 'a.log')
    await f.start()
    writeFileSync(path, lines(0, 100))
    await f.come(100)
    renameSync(path, `${path}.1`)
    writeFileSync(path, lines(100, 200))
    await f.come(200)
    await f.stop()
    appendFileSync(`${path}.1`, 'late\n')
    renameSync(`${path}.1`, `${path}.2`)
    await f.start()
    deepStrictEqual((await f.come(201)).slice(200), ['late'])
    await f.stop()
    await f.start()
    await f.stop()
    strictEqual(f.records.length, 201)
  })

  it('saved positions that are damaged are set aside, and what is whole of them is used', async (t) => {
    const f = new Following(t)
    const [a, b] = [join(f.logs, 'a.log'), join(f.logs, 'b.log')]
    await f.start()
    writeFileSync(a, 'a 1\n')
    writeFileSync(b, 'b 1\n')
    await f.come(2)
    await f.stop()
    const saved = join(f.dir, 'state/positions')
    const text = readFileSync(saved, 'utf8')
    writeFileSync(saved, text.replace(/^.*b\.log.*$/m, '{"dev":'))
    appendFileSync(a, 'a 2\n')
    await f.start()
    await f.come(4)
    deepStrictEqual(f.bodies.slice(2).sort(), ['a 2', 'b 1'])
    deepStrictEqual(f.counted('sluice_files_failures_total', 'reason'), { damaged: 1 })
    await f.stop()
    for (const [i, damage] of [
      '',
      '\0\0\0',
      '[]\n',
      text.slice(0, text.length / 2),
      text.replaceAll('"offset":', '"offset":-')
    ].entries()) {
      writeFileSync(saved, damage)
      await f.start({ startAt: 'end' })
      appendFileSync(a, `after ${i}\n`)
      await until(
        () => f.bodies.includes(`after ${i}`),
        (came) => came
      )
      await f.stop()
    }
  })

  it('without a directory, positions are kept for as long as the process lives, and it says so', async (t) => {
    const f = new Following(t)
    const sockets = new Sockets()
    const parts = { stateDir: undefined, sockets }
    await f.start({}, undefined, parts)
    const path = join(f.logs, 'a.log')
    writeFileSync(path, 'one\n')
    await f.come(1)
    await f.stop()
    appendFileSync(path, 'two\n')
    await f.start({ lineMax: '1KiB' }, undefined, parts)
    deepStrictEqual(await f.come(2), ['one', 'two'])
    match(f.warnings[0], /is not kept, since the queue is in memory/)
    strictEqual(f.warnings.length, 1)
  })

  it('one that takes over begins when the one before it has left', async (t) => {
    const [f, g] = [new Following(t), new Following(t)]
    const sockets = new Sockets()
    const path = join(f.logs, 'a.log')
    const include = [path]
    const stateDir = join(f.dir, 'state')
    await f.start({ include }, undefined, { sockets, stateDir })
    writeFileSync(path, lines(0, 1000))
    await f.come(1000)
    await g.start({ include, lineMax: '1KiB' }, undefined, { sockets, stateDir })
    appendFileSync(path, lines(1000, 2000))
    await f.come(2000)
    await f.stop()
    appendFileSync(path, lines(2000, 3000))
    await g.come(1000)
    deepStrictEqual([...f.bodies, ...g.bodies], expected(0, 3000))
    // A reload that fails ends the new one, and the old one stays.
    const h = new Following(t)
    await h.start({ include }, undefined, { sockets, stateDir })
    await h.stop()
    appendFileSync(path, lines(3000, 3001))
    deepStrictEqual((await g.come(1001)).at(-1), 'line 3000')
    deepStrictEqual(h.bodies, [])
  })

  it('old files are followed from their end', async (t) => {
    const f = new Following(t)
    await f.start({ ignoreOlder: '1h', startAt: 'beginning' })
    const path = join(f.logs, 'a.log')
    writeFileSync(join(f.logs, 'b.tmp'), 'old\n')
    utimesSync(join(f.logs, 'b.tmp'), 1e9, 1e9)
    renameSync(join(f.logs, 'b.tmp'), path)
    await until(
      () => f.gauge('sluice_files_watched'),
      (watched) => watched === 1
    )
    appendFileSync(path, 'new\n')
    deepStrictEqual(await f.come(1), ['new'])
  })

  it('formats may differ by glob, and what is excluded is not followed', async (t) => {
    const f = new Following(t)
    await f.start({ formats: { '*-text.log': 'text' }, exclude: ['secret*', join(f.logs, 'own/**')] })
    mkdirSync(join(f.logs, 'own/deep'), { recursive: true })
    for (const name of ['a.log', 'a-text.log', 'secret.log', 'own/a.log', 'own/deep/a.log'])
      writeFileSync(join(f.logs, name), '{"msg":"hello"}\n')
    deepStrictEqual((await f.come(2)).sort(), ['hello', '{"msg":"hello"}'])
    strictEqual(f.gauge('sluice_files_watched'), 2)
  })
})
