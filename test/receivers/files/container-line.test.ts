import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ContainerLine, STDERR, STDOUT } from '../../../src/receivers/files/container-line.ts'

const line = new ContainerLine()

test('lines of CRI', () => {
  const f = (text: string, stream: number, isPartial: boolean, content: string, time: string): void => {
    const bytes = Buffer.from(`before${text}behind`)
    const [start, end] = [6, bytes.length - 6]
    strictEqual(line.cri(bytes, start, end), true, text)
    const at = `${new Date(line.timeMs).toISOString().slice(0, -1)}${String(line.timeNanos).padStart(6, '0')}`
    deepStrictEqual([line.stream, line.isPartial, bytes.toString('utf8', line.contentStart, end), at], [stream, isPartial, content, time])
  }
  f('2016-10-06T00:17:09.669794202Z stdout F hello  world', STDOUT, false, 'hello  world', '2016-10-06T00:17:09.669794202')
  f('2016-10-06T00:17:09.669794202+02:30 stderr P part ', STDERR, true, 'part ', '2016-10-05T21:47:09.669794202')
  f('2016-10-06T00:17:09Z stdout F ', STDOUT, false, '', '2016-10-06T00:17:09.000000000')
  f('2016-10-06T00:17:09Z stdout F', STDOUT, false, '', '2016-10-06T00:17:09.000000000')
  f('2016-10-06T00:17:09Z stdout P:x:y é', STDOUT, true, 'é', '2016-10-06T00:17:09.000000000')
  f('2016-10-06T00:17:09.1Z stdout no tag', STDOUT, false, 'no tag', '2016-10-06T00:17:09.100000000')
  f('2016-10-06T00:17:09.1Z stdout Full', STDOUT, false, 'Full', '2016-10-06T00:17:09.100000000')
  f('2016-10-06T00:17:09.1Z stdout', STDOUT, false, '', '2016-10-06T00:17:09.100000000')
})

test('other lines are not of CRI', () => {
  const f = (text: string): void => strictEqual(line.cri(Buffer.from(text), 0, Buffer.byteLength(text)), false, text)
  f('')
  f('2016-10-06T00:17:09.669794202Z stdin F hello')
  f('2016-10-06T00:17:09.669794202Z  stdout F hello')
  f('2016-10-06 00:17:09.669794202Z stdout F hello')
  f('2016-13-06T00:17:09.669794202Z stdout F hello')
  f('2016-10-06T00:17:09.Z stdout F hello')
  f('2016-10-06T00:17:09.1 stdout F hello')
  f('2016-10-06T00:17:09.1+2:00 stdout F hello')
  f('2016-10-06T00:17:09.1Z stdoutF hello')
  f('2016-10-06T00:17:09.1Z INFO stdout F hello')
})

test('lines of Docker, and JSON that is none', () => {
  const f = (value: unknown, expected: readonly unknown[] | null): void => {
    const is = line.docker(typeof value === 'string' ? value : JSON.stringify(value))
    deepStrictEqual(is ? [line.stream, line.isPartial, line.text, line.timeMs, line.attributes] : null, expected)
  }
  const time = '2026-08-14T12:00:00.5Z'
  const ms = Date.parse(time)
  f({ log: 'a\n', stream: 'stdout', time }, [STDOUT, false, 'a', ms, null])
  f({ log: 'a', stream: 'stderr', time }, [STDERR, true, 'a', ms, null])
  f({ log: '\n', stream: 'stderr', time, attrs: { tag: 'x', n: 1 } }, [STDERR, false, '', ms, { 'docker.attrs.tag': 'x' }])
  f({ log: 'a', level: 'info', time }, null)
  f({ log: 'a', stream: 'stdout', time: 'now' }, null)
  f({ log: 1, stream: 'stdout', time }, null)
  f('{"log":', null)
  f('null', null)
  f('{"log":"a","stream":"stdout","time":"2026-08-14T12:00:00Z","__proto__":{"attrs":{}}}', [STDOUT, true, 'a', ms - 500, null])
})

test('any bytes are read or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(60), (bytes, keep) => {
      const valid = Buffer.from('2016-10-06T00:17:09.669794202Z stdout F hello ')
      const mixed = Buffer.concat([valid.subarray(0, keep), bytes])
      if (line.cri(mixed, 0, mixed.length)) strictEqual(line.contentStart <= mixed.length, true)
      line.docker(mixed.toString('latin1'))
    })
  )
})
