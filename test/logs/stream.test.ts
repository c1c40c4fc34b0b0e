import { deepStrictEqual, ok } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { LogEntry } from '../../src/logs/log-entry.ts'
import type { LogFormat, LogSource } from '../../src/logs/log-source.ts'
import { Stream, type StreamSink } from '../../src/logs/stream.ts'
import { cpuMs } from '../support/cpu-time.ts'

const TRACES = join(import.meta.dirname, 'traces')

interface Record {
  readonly lines: number
  readonly body: string
  readonly severity: number
  readonly cut: boolean
}

class Sink implements StreamSink {
  readonly lineBytesMax: number
  readonly records: Record[] = []
  marked = -1
  blanks = 0
  held = 0
  misreads = 0

  constructor(lineBytesMax = 262_144) {
    this.lineBytesMax = lineBytesMax
  }

  take(_stream: Stream, entry: LogEntry, lines: number, cut: boolean): void {
    this.records.push({ lines, body: String(entry.body), severity: entry.severityNumber, cut })
  }

  mark(_stream: Stream, position: number): void {
    this.marked = position
  }

  blank(lines: number): void {
    this.blanks += lines
  }

  misread(): void {
    this.misreads++
  }

  hold(_stream: Stream, characters: number): void {
    this.held += characters
  }

  closed(): void {}
}

function open(sink: Sink, format: LogFormat = 'auto'): Stream {
  return new Stream({ resource: {}, attributes: {}, scope: 'test', format }, sink)
}

function read(lines: readonly string[], lineBytesMax?: number): Sink {
  const sink = new Sink(lineBytesMax)
  const stream = open(sink)
  for (const line of lines) stream.line(line, 1000)
  stream.close()
  return sink
}

const sizes = (lines: readonly string[]): number[] => read(lines).records.map((record) => record.lines)

// Files of what programs wrote, with a line @@ before each record.
for (const name of readdirSync(TRACES)) {
  const written = readFileSync(join(TRACES, name), 'utf8').split('\n').slice(0, -1)
  test(`records are told apart: ${name}`, () => {
    const expected: string[][] = []
    for (const line of written) {
      if (line === '@@') expected.push([])
      else expected.at(-1)?.push(line)
    }
    const firstAndCount = expected.map((lines) => {
      while (lines.at(-1)?.trim() === '') lines.pop()
      return [lines[0], lines.length]
    })
    const lines = written.filter((line) => line !== '@@')
    const found: [string, number][] = []
    let at = 0
    for (const size of sizes(lines)) {
      while (lines[at].trim() === '') at++
      found.push([lines[at], size])
      at += size
    }
    deepStrictEqual(found, firstAndCount)
  })
}

test('the traces are many', () => {
  const count = readdirSync(TRACES).reduce((sum, name) => sum + readFileSync(join(TRACES, name), 'utf8').split('@@\n').length - 1, 0)
  ok(count >= 80, `${count} records`)
})

test('writers that share a stream are told apart by the mark of their rank', () => {
  const f = (lines: string[], expected: [size: number, lastLine: string][]): void =>
    deepStrictEqual(
      read(lines).records.map((record) => [record.lines, record.body.split('\n').at(-1)]),
      expected
    )
  const trace = (mark: string, value: string): string[] => [
    `${mark}Traceback (most recent call last):`,
    `${mark}  File "/app/train.py", line 3, in <module>`,
    `${mark}ValueError: ${value}`
  ]
  const interleaved = (a: string[], b: string[]): string[] => a.flatMap((line, i) => [line, b[i]])
  f(interleaved(trace('[rank0]: ', 'a'), trace('[rank1]: ', 'b')), [
    [3, 'ValueError: a'],
    [3, 'ValueError: b']
  ])
  f(interleaved(trace('[default0]:', 'a'), trace('', 'b')), [
    [3, 'ValueError: a'],
    [3, 'ValueError: b']
  ])
  f(interleaved(trace('[1,0]<stderr>:', 'a'), trace('[1,1]<stderr>:', 'b')), [
    [3, 'ValueError: a'],
    [3, 'ValueError: b']
  ])
  f(interleaved(trace('(EngineCore_0 pid=272) ', 'a'), trace('(EngineCore_1 pid=273) ', 'b')), [
    [3, 'ValueError: a'],
    [3, 'ValueError: b']
  ])
  f(['\u001b[36m(EngineCore_0 pid=272)\u001b[0;0m ERROR 08-14 12:00:00 [core.py:7] failed', '(EngineCore_0 pid=272)  more'], [[2, ' more']])
})

test('so many writers of one stream are told apart, and no more', () => {
  const lines = Array.from({ length: 200 }, (_, rank) => `[rank${rank}]: Traceback (most recent call last):`)
  const sink = new Sink()
  const stream = open(sink)
  for (const line of lines) stream.line(line, 1)
  deepStrictEqual(sink.records.length, 200 - 64)
  stream.close()
  deepStrictEqual(sink.records.length, 200)
  deepStrictEqual(sink.held, 0)
})

test('a line that nothing can follow does not wait, and one that something can follow waits', () => {
  const f = (line: string, expected: number): void => {
    const sink = new Sink()
    open(sink).line(line, 1)
    deepStrictEqual(sink.records.length, expected, line)
  }
  f('{"message":"x"}', 1)
  f('plain words', 1)
  f('time=1 level=info msg=x', 1)
  f('127.0.0.1 - - [14/Aug/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 5', 1)
  f('  at the start of a line', 1)
  f('2026-08-14 12:00:00 INFO x', 0)
  f('Traceback (most recent call last):', 0)
  f('INFO:root:x', 0)
  f('TypeError: x', 0)
})

test('what waits is let go by time', () => {
  const sink = new Sink()
  const stream = open(sink)
  const before = performance.now()
  stream.line('ERROR:root:x', 1)
  const now = performance.now()
  const sinceMs = stream.releaseIdle(before - 1000)
  ok(before <= sinceMs && sinceMs <= now)
  deepStrictEqual(sink.records.length, 0)
  deepStrictEqual(stream.releaseIdle(now + 1), Number.POSITIVE_INFINITY)
  deepStrictEqual(sink.records.length, 1)
})

test('a trace that nobody gave a level is an error; what is no trace keeps what it has', () => {
  const f = (lines: string[], expected: number): void => deepStrictEqual(read(lines).records[0].severity, expected)
  f(['Traceback (most recent call last):', '  File "x.py", line 1, in f', 'ValueError: x'], 17)
  f(["thread 'main' panicked at a.rs:1:1:", 'gone', 'note: run with `RUST_BACKTRACE=1`'], 17)
  f(['plain words'], 0)
  f(['{', '  "a": 1', '}'], 0)
})

test('a joined record ends at its limits and says so; the rest makes another', () => {
  const frames = (count: number): string[] => Array.from({ length: count }, (_, i) => `  File "x.py", line ${i}, in f`)
  const f = (lines: string[], lineBytesMax: number, expected: [number, boolean][]): void =>
    deepStrictEqual(
      read(lines, lineBytesMax).records.map((record) => [record.lines, record.cut]),
      expected
    )
  f(['Traceback (most recent call last):', ...frames(2500)], 1_000_000, [
    [1000, true],
    [1000, true],
    [501, false]
  ])
  f(['Traceback (most recent call last):', ...frames(4)], 100, [
    [3, true],
    [2, false]
  ])
})

test('a line that is too long is cut between characters', () => {
  const f = (line: string, expected: string): void => {
    const [record] = read([line], 10).records
    deepStrictEqual([record.body, record.cut], [expected, true])
  }
  f('plain words', 'plain word')
  f('nine char\u{1f600}', 'nine char')
})

test('blank lines make no record, and belong to one only when it goes on', () => {
  const sink = read(['', 'Traceback (most recent call last):', '  File "x.py", line 1', 'ValueError: x', '', '  ', 'plain words', ' '])
  deepStrictEqual([sink.records.map(({ lines }) => lines), sink.blanks], [[3, 1], 4])
})

test('a position is marked when nothing up to it waits any more', () => {
  const sink = new Sink()
  const stream = open(sink)
  const f = (line: string, position: number, expected: number): void => {
    stream.line(line, 1, position)
    deepStrictEqual(sink.marked, expected)
  }
  f('plain words', 10, 10)
  f('', 11, 11)
  f('[rank0]: Traceback (most recent call last):', 20, 11)
  f('[rank1]: Traceback (most recent call last):', 30, 11)
  f('[rank0]:   File "x.py", line 1', 40, 11)
  f('[rank0]: {"a":1}', 50, 20)
  f('[rank0]: plain', 55, 20)
  f('plain words', 60, 20)
  stream.close()
  deepStrictEqual(sink.marked, 60)
})

test('records that came with more than a line are joined too, and keep what the first one knew', () => {
  const sink = new Sink()
  const stream = open(sink)
  const entry = new LogEntry()
  const times: number[] = []
  sink.take = (_stream, taken, lines) => times.push(taken.timeMs, lines)
  const f = (timeMs: number, body: string, serviceName = ''): void => {
    entry.reset(1)
    entry.timeMs = timeMs
    entry.body = body
    entry.serviceName = serviceName
    stream.entry(entry)
  }
  f(1, 'Traceback (most recent call last):')
  f(2, '  File "x.py", line 1')
  f(3, 'plain words of another service', 'other')
  f(4, 'ValueError: x')
  stream.close()
  deepStrictEqual(times, [3, 1, 1, 3])
})

test('however the lines come, every line is in some record, and nothing is held after the end', () => {
  const pool = readdirSync(TRACES).flatMap((name) => readFileSync(join(TRACES, name), 'utf8').split('\n'))
  let seed = 1
  const random = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % below
  }
  for (let round = 0; round < 200; round++) {
    const lines = Array.from({ length: 100 }, () => (random(4) === 0 ? `[rank${random(3)}]: ` : '') + pool[random(pool.length)])
    const sink = read(lines, 4096)
    deepStrictEqual(sink.records.reduce((sum, record) => sum + record.lines, 0) + sink.blanks >= 100, true)
    deepStrictEqual([sink.held, sink.misreads], [0, 0])
  }
})

test('a fault in understanding costs the understanding, and not the line', () => {
  const sink = new Sink()
  const source = { resource: {}, attributes: {}, scope: 'test' } as LogSource
  Object.defineProperty(source, 'format', {
    get: () => {
      throw new TypeError('a fault')
    }
  })
  new Stream(source, sink).line('plain words', 1)
  deepStrictEqual([sink.records.map(({ body }) => body), sink.misreads], [['plain words'], 1])
})

test('lines that look like everything and are nothing cost no more than their length', () => {
  const f = (piece: string): void => {
    const timed = (length: number): number => {
      const line = piece.repeat(Math.ceil(length / piece.length))
      return cpuMs(() => read(['ERROR:root:x', line, `${line}:`, `  ${line}`, `a${line})`, 'plain']))
    }
    timed(1000)
    const ms = timed(250_000)
    ok(ms < 250, `${JSON.stringify(piece)}: ${ms} ms`)
  }
  for (const piece of [
    'a.',
    'Error',
    'Error: ',
    '\u001b[',
    '\u001b[1',
    ' ',
    '(',
    '[',
    '[1',
    '1',
    ':1',
    '^',
    '.rb:1',
    '] ',
    'x pid=1',
    '\\',
    'IN',
    '"'
  ])
    f(piece)
})
