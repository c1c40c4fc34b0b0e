import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { checkRequest } from '../../src/otlp/check.ts'
import type { Patch } from '../../src/otlp/patch.ts'
import { concatenate, editRecords, editResources, splitRequest, walkRecords } from '../../src/otlp/request.ts'
import { SpanView } from '../../src/otlp/views.ts'
import { attribute, message, request, span, string } from '../support/otlp-bytes.ts'

const named = (...names: string[]): Buffer[] => names.map((name) => span({ name }))

function namesOf(bytes: Uint8Array): string[] {
  const names: string[] = []
  const view = new SpanView()
  walkRecords(bytes, {
    record(of, start, end) {
      view.open(of, start, end)
      names.push(Buffer.from(of.subarray(view.nameStart, view.nameEnd)).toString())
    }
  })
  return names
}

const keep = (bytes: Uint8Array, kept: (name: string) => boolean) => {
  const view = new SpanView()
  return editRecords(bytes, {
    record(of, start, end) {
      view.open(of, start, end)
      return kept(Buffer.from(of.subarray(view.nameStart, view.nameEnd)).toString())
    }
  })
}

test('parts are visited in order, whatever the order on the wire', () => {
  const resource = message(1, attribute(1, 'service.name', 'late'))
  const scope = message(1, string(1, 'scope'))
  const bytes = message(1, message(2, message(2, span({ name: 'one' })), scope), resource)
  const seen: string[] = []
  walkRecords(bytes, {
    resourceEntry: () => seen.push('resource entry'),
    resource: () => seen.push('resource'),
    scopeEntry: () => seen.push('scope entry'),
    scope: () => seen.push('scope'),
    record: () => seen.push('record')
  })
  deepStrictEqual(seen, ['resource entry', 'resource', 'scope entry', 'scope', 'record'])
})

test('records are kept and cut, and nothing else changes', () => {
  const f = (kept: string[]): void => {
    const bytes = Buffer.concat([request(named('a', 'b', 'c')), request(named('d')), string(9, 'unknown')])
    const edited = keep(bytes, (name) => kept.includes(name))
    deepStrictEqual(namesOf(edited.bytes), kept)
    strictEqual(edited.records, kept.length)
    strictEqual(checkRequest('traces', edited.bytes), kept.length)
    ok(Buffer.from(edited.bytes).includes('unknown'))
  }
  f(['a', 'b', 'c', 'd'])
  f(['a'])
  f(['b'])
  f(['c', 'd'])
  f(['d'])
  f([])
})

test('keeping all returns the very same bytes', () => {
  const bytes = request(named('a', 'b'))
  strictEqual(keep(bytes, () => true).bytes, bytes)
  strictEqual(editResources(bytes, { resource() {}, missing: () => null }), bytes)
})

test('what has lost all its records goes with them', () => {
  const bytes = Buffer.concat([request(named('a'), { 'service.name': 'first' }), request(named('b'), { 'service.name': 'second' })])
  deepStrictEqual(keep(bytes, (name) => name === 'b').bytes, request(named('b'), { 'service.name': 'second' }))
  strictEqual(keep(bytes, () => false).bytes.length, 0)
  const empty = request([])
  strictEqual(keep(empty, () => false).bytes, empty, 'what came without records stays')
})

test('an edit inside a record corrects every length around it', () => {
  const f = (before: string, after: string): void => {
    const view = new SpanView()
    const { bytes } = editRecords(request([span({ name: 'first' }), span({ name: before }), span({ name: 'last' })]), {
      record(of, start, end, patch) {
        view.open(of, start, end)
        if (Buffer.from(of.subarray(view.nameStart, view.nameEnd)).toString() !== before) return true
        patch.replace(view.nameStart - (before.length > 127 ? 3 : 2), view.nameEnd, string(5, after))
        return true
      }
    })
    deepStrictEqual(bytes, request([span({ name: 'first' }), span({ name: after }), span({ name: 'last' })]))
  }
  f('short', 'x'.repeat(200)) // lengths grow by a byte
  f('short', 'x'.repeat(20_000)) // and by two
  f('x'.repeat(200), 'short') // and shrink
  f('same', 'size')
})

test('resources are edited in their pieces, or made', () => {
  const added = attribute(1, 'added', 'yes')
  const f = (bytes: Uint8Array, expected: Uint8Array): void =>
    deepStrictEqual(
      editResources(bytes, {
        resource: (_, __, end, patch, last) => last && patch.replace(end, end, added),
        missing: () => added
      }),
      expected
    )
  f(request(named('a'), { one: '1' }), request(named('a'), { one: '1', added: 'yes' }))
  const scope = message(2, message(2, span()))
  const piece = message(1, attribute(1, 'one', '1'))
  f(message(1, scope), message(1, message(1, added), scope))
  f(message(1, piece, scope, piece), message(1, piece, scope, message(1, attribute(1, 'one', '1'), added)))
})

test('resources and records are edited in one go as one after the other, in any order on the wire', () => {
  const added = attribute(1, 'added', 'yes')
  const resources = {
    resource: (_: unknown, __: number, end: number, patch: Patch, last: boolean) => {
      if (last) patch.replace(end, end, added)
    },
    missing: () => added
  }
  const marks = Buffer.concat([string(3, 'before'), string(3, 'marked'), string(3, 'after')])
  const markStart = string(3, 'before').length
  const f = (keep: (name: string) => boolean, ...entries: Buffer[]): void => {
    const view = new SpanView()
    const records = {
      record: (of: Uint8Array, start: number, end: number, patch: Patch) => {
        view.open(of, start, end)
        patch.replace(end, end, marks, markStart, markStart + string(3, 'marked').length)
        return keep(Buffer.from(of.subarray(view.nameStart, view.nameEnd)).toString())
      }
    }
    const bytes = Buffer.concat(entries)
    deepStrictEqual(editRecords(bytes, records, resources).bytes, editResources(editRecords(bytes, records).bytes, resources))
  }
  const piece = message(1, attribute(1, 'one', '1'))
  const scope = (...names: string[]): Buffer => message(2, ...names.map((name) => message(2, span({ name }))))
  const entries = [
    message(1, piece, scope('a', 'b')),
    message(1, scope('a'), piece),
    message(1, piece, scope('b'), piece, scope('a')),
    message(1, scope('b'))
  ]
  for (const keep of [() => true, () => false, (name: string) => name === 'a']) {
    for (const entry of entries) f(keep, entry)
    f(keep, ...entries)
  }
})

test('a request is split by record and joined again', () => {
  const names = Array.from({ length: 100 }, (_, i) => `span-${i}`)
  const bytes = concatenate([request(named(...names.slice(0, 60))), request(named(...names.slice(60)), { 'service.name': 'other' })])
  const f = (bytesMax: number, parts: (count: number) => boolean): void => {
    const requests = splitRequest('traces', bytes, bytesMax)
    ok(parts(requests.length), `${bytesMax}: ${requests.length} parts`)
    deepStrictEqual(requests.flatMap(namesOf), names)
    for (const part of requests) {
      strictEqual(checkRequest('traces', part), namesOf(part).length)
      ok(part.length <= bytesMax || namesOf(part).length === 1, `${part.length} bytes`)
    }
  }
  f(bytes.length, (count) => count === 1)
  f(bytes.length - 1, (count) => count === 2)
  f(Math.ceil(bytes.length / 2), (count) => count >= 2 && count <= 3)
  f(1_000, (count) => count > 5)
  f(1, (count) => count === 100)
})
