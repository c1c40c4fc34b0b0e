import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { deflateSync, gzipSync } from 'node:zlib'
import { post } from './posting.ts'
import { started } from './started.ts'

const MESSAGE = { version: '1.1', host: 'worker-1', short_message: 'no', timestamp: 1767323045.678, level: 3, _user: 'u1' }

test('GELF over HTTP is taken, one message or several', async (t) => {
  const receiver = await started(t, { httpAddress: '127.0.0.1:0' })
  const f = async (body: string, status: number, bodies: string[]): Promise<void> => {
    strictEqual((await post(receiver, '/gelf', 'application/json', body)).status, status)
    deepStrictEqual(
      receiver.records.splice(0).map((record) => record.body),
      bodies
    )
  }
  const one = JSON.stringify(MESSAGE)
  await f(one, 202, ['no'])
  await f(`${one}\n${one}`, 202, ['no', 'no'])
  await f(`${one}\nnot a message`, 202, ['no', 'not a message'])
  await f('not a message', 400, [])
})

test('what a GELF message says beside the rules is an attribute', async (t) => {
  const receiver = await started(t, { httpAddress: '127.0.0.1:0' })
  const f = async (fields: object, expected: object): Promise<void> => {
    await post(receiver, '/gelf', 'application/json', JSON.stringify({ short_message: 'no', ...fields }))
    const [{ body, attributes, severity, time }] = receiver.records.splice(0)
    deepStrictEqual([body, attributes, severity, time], ['no', expected, undefined, undefined])
  }
  await f({ level: 9, timestamp: 'soon' }, { 'gelf.level': 9, 'gelf.timestamp': 'soon' })
  await f({ level: true, timestamp: 12.5 }, { 'gelf.level': true, 'gelf.timestamp': 12.5 })
  await f({ level: null, timestamp: null }, {})
  await f({ _message: 'another', a: 1, _a: 2, _: 3 }, { a: 1, _a: 2, _: 3, _message: 'another' })
})

test('a GELF message is understood', async (t) => {
  const receiver = await started(t, { httpAddress: '127.0.0.1:0' })
  await post(receiver, '/gelf', 'application/json', JSON.stringify(MESSAGE))
  const [{ time, severity, attributes, scope }] = receiver.records
  deepStrictEqual([time, severity, attributes.user, scope], ['1767323045678000000', 17, 'u1', 'sluice.logs.gelf-http'])
})

test('GELF is inflated whatever its encoding is called', async (t) => {
  const receiver = await started(t, { httpAddress: '127.0.0.1:0' })
  const one = JSON.stringify(MESSAGE)
  const f = async (body: Buffer, coding: string, status: number): Promise<void> => {
    const headers: Record<string, string> = coding === '' ? {} : { 'content-encoding': coding }
    strictEqual((await post(receiver, '/gelf', 'application/json', body, headers)).status, status)
    strictEqual(receiver.records.splice(0).length, status === 202 ? 1 : 0)
  }
  await f(deflateSync(one), 'gzip,deflate', 202)
  await f(gzipSync(one), 'gzip,deflate', 202)
  await f(deflateSync(one), '', 202)
  await f(gzipSync(one), '', 202)
  await f(Buffer.from(one), 'gzip,deflate', 202)
  await f(gzipSync(one).subarray(0, 40), '', 400)
  await f(gzipSync(JSON.stringify({ short_message: 'a'.repeat(3_000_000) })), '', 413)
})
