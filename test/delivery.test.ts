import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { Account } from '../src/account.ts'
import { parseBatch, type RedactedBatch } from '../src/batch.ts'
import type { Exporter, Outcome } from '../src/component.ts'
import { Delivery } from '../src/delivery.ts'
import { encodeEntry } from '../src/entry.ts'
import { RefusedError } from '../src/errors.ts'
import { enqueuedLine, Ledger } from '../src/ledger.ts'
import { walkRecords } from '../src/otlp/request.ts'
import { SpanView } from '../src/otlp/views.ts'
import { Queue } from '../src/queue/queue.ts'
import { NO_TRACER } from '../src/telemetry/tracer.ts'
import { host } from './support/host.ts'
import { request, span } from './support/otlp-bytes.ts'

/** What a destination says to a request of these spans: nothing takes it. */
type Answer = (names: readonly string[]) => Outcome | undefined | RefusedError

const namesOf = (bytes: Uint8Array): string[] => {
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

/** Delivers batches of spans, each told by the names in it, and says what was sent, what arrived, and what the books say. */
async function delivered(batches: readonly (readonly string[])[], answer: Answer, ageMaxMs = 60_000, more: Pick<Exporter, 'abandon'> = {}) {
  const ledger = new Ledger()
  const options = {
    dir: undefined,
    bytesMax: 1 << 20,
    memoryBytesMax: 1 << 20,
    whenFull: 'refuse',
    lanes: [{ name: 'traces', priority: 1 }]
  } as const
  const queue = await Queue.open({
    ...options,
    checkpoint: () => ledger.snapshot('traces'),
    recover: () => () => undefined,
    onEvent: () => undefined
  })
  const account = new Account(ledger, 'traces')
  const cursor = await queue.cursor('traces', 'double', account.snapshot())
  for (const names of batches) {
    const batch = parseBatch('traces', request(names.map((name) => span({ name })))) as RedactedBatch
    const lines = [enqueuedLine(batch.items)]
    void queue.append('traces', encodeEntry(ledger.enqueued('traces'), Date.now(), lines, batch))
    ledger.add('traces', lines)
  }
  const stop = new AbortController()
  const sent: string[][] = []
  const arrived: string[] = []
  const exporter: Exporter = {
    ...more,
    async send({ bytes }) {
      const names = namesOf(bytes)
      sent.push(names)
      const said = answer(names)
      if (said instanceof RefusedError) throw said
      arrived.push(...names)
      return said
    }
  }
  const { log } = host()
  const delivery = new Delivery({
    ...{ name: 'double', signal: 'traces', exporter, cursor, account, log, tracer: NO_TRACER },
    ...{ batchBytesMax: 1 << 20, ageMaxMs }
  })
  const done = delivery.run(stop.signal)
  while (account.held > 0) await new Promise(setImmediate)
  stop.abort()
  await done
  await queue.close()
  const books = Object.fromEntries(account.samples('double').map(({ labels, value }) => [labels.reason || labels.outcome, value]))
  return { sent, arrived, books, isFailing: delivery.failing !== null }
}

const invalid = new RefusedError('invalid', 'no')

test('neighbours are merged and arrive in order; the first after a start goes alone, should it be the one that ends the process', async () => {
  const { sent, books } = await delivered([['a'], ['b', 'c'], ['d']], () => undefined)
  deepStrictEqual(sent, [['a'], ['b', 'c', 'd']])
  deepStrictEqual(books, { delivered: 4 })
})

test('a retryable failure leaves the batch at the head', async () => {
  let failures = 2
  const { sent, arrived, books } = await delivered([['a']], () =>
    failures-- > 0 ? new RefusedError('unavailable', 'away', { retryAfterMs: 1 }) : undefined
  )
  strictEqual(sent.length, 3)
  deepStrictEqual(arrived, ['a'])
  deepStrictEqual(books, { delivered: 1 })
})

test('what cannot be delivered in time is dropped as expired', async () => {
  const { arrived, books } = await delivered([['a', 'b']], () => new RefusedError('unavailable', 'away', { retryAfterMs: 1 }), 0)
  deepStrictEqual(arrived, [])
  deepStrictEqual(books, { delivered: 0, expired: 2 })
})

test('a refusal for good costs the batch that is refused, not its neighbours', async () => {
  const { arrived, books } = await delivered([['a'], ['b'], ['bad', 'with it'], ['c']], (names) =>
    names.includes('bad') ? invalid : undefined
  )
  deepStrictEqual(arrived, ['a', 'b', 'c'])
  deepStrictEqual(books, { delivered: 3, invalid: 2 })
})

test('a destination fails that minds all of it, or who asks; one that minds a record or two does not', async () => {
  const f = async (batches: string[], answer: Answer, expected: boolean): Promise<void> =>
    strictEqual(
      (
        await delivered(
          batches.map((name) => [name]),
          answer
        )
      ).isFailing,
      expected,
      batches.join()
    )
  const minds = (names: readonly string[]) => (names.some((name) => name.startsWith('bad')) ? invalid : undefined)
  await f(['bad'], minds, false)
  await f(['a', 'bad 1', 'bad 2'], minds, false)
  await f(['bad 1', 'bad 2', 'a', 'bad 3'], minds, false)
  await f(['a', 'bad 1', 'bad 2', 'bad 3'], minds, true)
  await f(['a'], () => new RefusedError('unauthenticated', 'who are you'), true)
  await f(['a'], () => new RefusedError('not-found', 'nothing here'), true)
})

test('what is too large is halved, down to the record', async () => {
  const tooLarge = new RefusedError('too-large', 'too large')
  const f = async (answer: Answer, expected: string[], books: object): Promise<void> => {
    const result = await delivered([['a', 'b', 'c', 'd', 'e']], answer)
    deepStrictEqual(result.arrived, expected)
    deepStrictEqual(result.books, books)
  }
  await f((names) => (names.length > 2 ? tooLarge : undefined), ['a', 'b', 'c', 'd', 'e'], { delivered: 5 })
  await f((names) => (names.includes('c') ? tooLarge : undefined), ['a', 'b', 'd', 'e'], { delivered: 4, 'too-large': 1 })
})

test('what a destination rejects of a batch is dropped', async () => {
  const { books } = await delivered([['a', 'b', 'c']], () => ({ rejected: 2, reason: 'old' }))
  deepStrictEqual(books, { delivered: 1, rejected: 2 })
})

test('parts that an exporter gives up are booked under their reasons, never more than there is', async () => {
  const dropped = (reason: string, items: number) => ({ reason, message: 'why', items })
  const f = async (outcome: Outcome, books: object): Promise<void> =>
    deepStrictEqual((await delivered([['a', 'b', 'c', 'd']], () => outcome)).books, books)
  await f(
    { rejected: 0, reason: '', dropped: [dropped('limited', 1), dropped('forbidden', 2)] },
    { delivered: 1, limited: 1, forbidden: 2 }
  )
  await f({ rejected: 1, reason: 'old', dropped: [dropped('limited', 2)] }, { delivered: 1, rejected: 1, limited: 2 })
  await f({ rejected: 3, reason: 'old', dropped: [dropped('limited', 2)] }, { delivered: 0, rejected: 3, limited: 1 })
  const part = parseBatch('traces', request([span({ name: 'b' })])) as RedactedBatch
  await f({ rejected: 0, reason: '', dropped: [{ ...dropped('invalid', 1), batch: part }] }, { delivered: 3, invalid: 1 })
})

test('an exporter that knows what arrived of a batch is asked when the batch expires', async () => {
  const away = new RefusedError('unavailable', 'away', { retryAfterMs: 1 })
  const { books } = await delivered([['a', 'b', 'c']], () => away, 0, {
    abandon: (_, reason) => ({ rejected: 0, reason: '', dropped: [{ reason, message: 'too old', items: 1 }] })
  })
  deepStrictEqual(books, { delivered: 2, expired: 1 })
})

test('a fault of an exporter costs the batch and no more', async () => {
  const { arrived, books } = await delivered([['a']], () => {
    throw new TypeError('a fault')
  })
  deepStrictEqual(arrived, [])
  deepStrictEqual(books, { delivered: 0, internal: 1 })
})

test('what the process ended over three times is set aside; what it survived is not', async () => {
  const f = async (starts: number, expected: object): Promise<void> => {
    const ledger = new Ledger()
    const account = new Account(ledger, 'traces')
    const batch = parseBatch('traces', request([span()])) as RedactedBatch
    const payload = Buffer.concat(encodeEntry(0, Date.now(), [], batch))
    ledger.add('traces', [enqueuedLine(1)])
    const stop = new AbortController()
    let letters = 0
    let survivals = 0
    const entries = [{ seq: 1, payload, acceptedAtMs: 0, skipped: null, segment: 1, end: 0 }]
    const cursor = {
      starts,
      peek: async () => entries.splice(0),
      ack: () => stop.abort(),
      survived: () => survivals++,
      deadLetter: async () => letters++
    }
    const exporter: Exporter = { send: async () => undefined }
    const { log } = host()
    const options = { name: 'double', signal: 'traces', exporter, account, log, tracer: NO_TRACER, batchBytesMax: 1, ageMaxMs: 1 } as const
    await new Delivery({ ...options, cursor: cursor as never }).run(stop.signal)
    const books = Object.fromEntries(account.samples('double').map(({ labels, value }) => [labels.reason || labels.outcome, value]))
    deepStrictEqual({ books, letters, survivals }, expected)
  }
  await f(1, { books: { delivered: 1 }, letters: 0, survivals: 1 })
  await f(3, { books: { delivered: 1 }, letters: 0, survivals: 1 })
  await f(4, { books: { delivered: 0, poison: 1 }, letters: 1, survivals: 0 })
})
