// Once a push has settled, the receiver may free the bytes of its batch. So no component may keep a view of them: here they are overwritten.
import { ok, strictEqual } from 'node:assert/strict'
import { mock, test } from 'node:test'
import { z } from 'zod'
import { type Batch, parseBatch, type Signal } from '../../src/batch.ts'
import type { Folder, Processor, Redactor } from '../../src/component.ts'
import { components } from '../../src/components.ts'
import { host } from '../support/host.ts'
import { attribute, fixed64, message, request, span, string, varint } from '../support/otlp-bytes.ts'

const NOW_MS = 1_700_000_001_000
const time = fixed64(3, BigInt(NOW_MS) * 1_000_000n)
const many = (record: (i: number) => Buffer): Buffer[] => Array.from({ length: 200 }, (_, i) => record(i))

const exemplar = message(
  5,
  fixed64(2, BigInt(NOW_MS) * 1_000_000n),
  Buffer.from([0x31, 7, 0, 0, 0, 0, 0, 0, 0]),
  message(5, Buffer.alloc(16, 7))
)
const point = (i: number): Buffer =>
  message(
    1,
    time,
    Buffer.from([0x31, 5, 0, 0, 0, 0, 0, 0, 0]),
    exemplar,
    attribute(7, 'stage', `tts-${i % 5}`),
    attribute(7, 'queue', 'jobs')
  )
const sum = (i: number): Buffer =>
  Buffer.concat([string(1, `jobs_${i % 7}`), string(2, 'How many jobs.'), string(3, '1'), message(7, point(i), varint(2, 2), varint(3, 1))])
const attributes = { 'http.request.method': 'GET', 'http.route': '/projects', password: 'hunter2', 'gen_ai.request.model': 'whisper' }

const logRecords = request(
  many((i) => Buffer.concat([message(5, string(1, `token=abcdef0123456789 line ${i}`)), attribute(6, 'stage', 'tts')]))
)

const REQUESTS: Record<Signal, Buffer> = {
  traces: request(
    many((i) => span({ name: `GET /${i % 3}`, traceId: `${i}`.padStart(32, '0'), attributes, status: i % 10 === 0 ? 2 : 0 }))
  ),
  logs: logRecords,
  metrics: request(many(sum)),
  profiles: request(many(() => varint(1, 1))),
  errors: logRecords,
  envelopes: logRecords,
  stats: request(many(sum))
}

for (const { prepare } of components.processors) await prepare?.()

interface Chain {
  readonly processors: readonly Processor[]
  readonly redactor: Redactor
  readonly folders: readonly { signals: readonly Signal[]; folder: Folder }[]
}

function chain(): Chain {
  const made = <T>({ type, options, create }: { type: string; options: z.core.$ZodLooseShape; create: (...all: never[]) => unknown }): T =>
    create(z.strictObject(options).parse({}) as never, host({ name: type }) as never) as T
  return {
    processors: components.processors.map((definition) => made<Processor>(definition)),
    redactor: made<Redactor>(components.redactor),
    folders: components.folders.map((definition) => ({ signals: definition.signals, folder: made<Folder>(definition) }))
  }
}

// Takes a batch the way that the pipeline does, and returns what would be queued. What each step hands on may be the bytes that came in, so all
// of it is overwritten.
function take({ processors, redactor, folders }: Chain, batch: Batch, overwrite: boolean): Buffer {
  const passed = [batch]
  let left: Batch | null = batch
  for (const processor of processors) {
    left = left === null ? null : processor.process(left)
    if (left !== null) passed.push(left)
  }
  const redacted = left === null ? null : redactor.process(left)
  if (redacted === null) return Buffer.alloc(0)
  for (const processor of processors) processor.kept?.(redacted)
  for (const { signals, folder } of folders) if (signals.includes(redacted.signal)) folder.fold(redacted)
  const queued = Buffer.from(redacted.bytes)
  if (overwrite) for (const { bytes } of [...passed, redacted]) bytes.fill(0xff)
  return queued
}

// Everything that the components say after some batches of all signals; the bytes are overwritten after each, or left alone.
function said(overwrite: boolean): string[][] {
  const all = chain()
  const queued: string[] = []
  for (let round = 0; round < 3; round++) {
    for (const [signal, bytes] of Object.entries(REQUESTS)) {
      const own = Buffer.from(new Uint8Array(bytes).buffer)
      queued.push(take(all, parseBatch(signal as Signal, own, NOW_MS), overwrite).toString('latin1'))
    }
  }
  const collected = all.processors.flatMap((processor) => {
    const batch = processor.collect?.() ?? null
    if (batch !== null)
      for (const { signals, folder } of all.folders) if (signals.includes(batch.signal)) folder.fold(all.redactor.process(batch) as never)
    return batch === null ? [] : [Buffer.from(batch.bytes).toString('latin1')]
  })
  const pages = all.folders.flatMap(({ folder }) =>
    ['text/plain', 'application/openmetrics-text; version=1.0.0'].map((accept) => folder.page(accept).body)
  )
  for (const processor of all.processors) processor.stop?.()
  for (const { folder } of all.folders) folder.stop?.()
  // Each run has an id of its own.
  return [queued, collected, pages].map((texts) => texts.map((text) => text.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'id')))
}

test('no component keeps a view of the bytes that it was given', () => {
  mock.timers.enable({ apis: ['Date'], now: NOW_MS })
  try {
    const [queued, collected, pages] = said(false)
    // Otherwise the test would have nothing to look at.
    ok(queued.every((text, i) => text.length > 0 || i % 7 === 0 || i % 7 === 3))
    ok(collected.join('').includes('whisper'))
    ok(pages.every((page) => page.includes('jobs_3') && page.includes('stage="tts-4"')))
    strictEqual(queued.join('').includes('hunter2'), false)
    const overwritten = said(true)
    for (const [i, texts] of [queued, collected, pages].entries()) {
      strictEqual(overwritten[i].length, texts.length)
      for (const [j, text] of texts.entries())
        ok(overwritten[i][j] === text, `${['queued batch', 'collected batch', 'page'][i]} ${j} differs`)
    }
  } finally {
    mock.timers.reset()
  }
})
