import { rejects, strictEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import zlib from 'node:zlib'
import { assert, asyncProperty, constantFrom, integer } from 'fast-check'
import { type Coding, codingOf, inflate } from '../../src/net/inflate.ts'
import { ByteBudget } from '../../src/net/limits.ts'

const MIB = 1024 * 1024

const DEFLATERS: Record<string, (bytes: Buffer) => Buffer> = {
  gzip: (bytes) => zlib.gzipSync(bytes),
  deflate: (bytes) => zlib.deflateSync(bytes),
  'raw deflate': (bytes) => zlib.deflateRawSync(bytes),
  zstd: (bytes) => zlib.zstdCompressSync(bytes),
  br: (bytes) => zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 3 } }),
  'two gzip members': (bytes) => Buffer.concat([zlib.gzipSync(bytes.subarray(0, 9)), zlib.gzipSync(bytes.subarray(9))])
}
const codingNamed = (name: string): Coding => (/gzip|zstd|br/.exec(name)?.[0] ?? 'deflate') as Coding

/** Text that packs about as well as telemetry does. */
function textOf(size: number): Buffer {
  const bytes = Buffer.alloc(size)
  for (let i = 0; i < size; i++) bytes[i] = 97 + ((i * i) % 7) + (i % 11 === 0 ? i % 13 : 0)
  return bytes
}

test('the coding of a header', () => {
  const f = (header: string | undefined, expected: Coding): void => strictEqual(codingOf(header), expected)
  f(undefined, 'identity')
  f('', 'identity')
  f('identity', 'identity')
  f('gzip', 'gzip')
  f('GZIP', 'gzip')
  f('x-gzip', 'gzip')
  f(' zstd ', 'zstd')
  f('Deflate', 'deflate')
  const refused = (header: string, message: RegExp): void => throws(() => codingOf(header), { code: 'unsupported', message })
  refused('compress', /^this encoding is not spoken here, expected one of gzip, deflate, br, zstd, identity$/)
  refused('gzip, gzip', /^more than one encoding/)
  refused('identity, gzip', /^more than one encoding/)
})

test('every coding gives back what went in, at once or aside', async () => {
  for (const [name, deflate] of Object.entries(DEFLATERS)) {
    for (const size of [0, 1, 10, 5000, 200_000, MIB, MIB + 1, 3 * MIB]) {
      const bytes = textOf(size)
      const budget = new ByteBudget(64 * MIB)
      const lease = budget.lease()
      const inflated = await inflate(deflate(bytes), codingNamed(name), 8 * MIB, lease)
      strictEqual(Buffer.compare(inflated, bytes), 0, `${name}, ${size} bytes`)
      strictEqual(budget.heldBytes, size, `${name}, ${size} bytes: lease`)
    }
  }
})

test('an empty body is empty in every coding', () => {
  for (const coding of ['identity', 'gzip', 'deflate', 'br', 'zstd'] as const) {
    strictEqual((inflate(Buffer.alloc(0), coding, 10, new ByteBudget(0).lease()) as Buffer).length, 0)
  }
})

test('a bomb is stopped at the limit, and never holds more than that', async () => {
  const zeros = Buffer.alloc(64 * MIB)
  for (const [name, deflate] of Object.entries(DEFLATERS)) {
    for (const limit of [1000, MIB, 4 * MIB]) {
      const budget = new ByteBudget(64 * MIB)
      const lease = budget.lease()
      const bomb = deflate(zeros)
      await rejects(async () => inflate(bomb, codingNamed(name), limit, lease), { code: 'too-large' }, name)
      strictEqual(budget.heldBytes <= limit, true, `${name}: ${budget.heldBytes} held of ${limit}`)
    }
  }
})

test('a bomb that lies about its size is stopped too', async () => {
  const bomb = zlib.gzipSync(Buffer.alloc(64 * MIB))
  for (const claim of [0, 1, 100, MIB, 0xffff_ffff]) {
    bomb.writeUInt32LE(claim, bomb.length - 4)
    await rejects(async () => inflate(bomb, 'gzip', 2 * MIB, new ByteBudget(8 * MIB).lease()), { code: 'too-large' })
  }
})

test('what does not fit the budget is refused as busy, at once or aside', async () => {
  for (const size of [5000, 3 * MIB]) {
    const budget = new ByteBudget(4 * MIB)
    budget.lease().take(4 * MIB - 100)
    await rejects(async () => inflate(zlib.gzipSync(textOf(size)), 'gzip', 8 * MIB, budget.lease()), { code: 'busy' })
  }
})

test('a zstd window beyond 8 MiB is refused, not allocated', async () => {
  const wide = zlib.zstdCompressSync(textOf(9000), { params: { [zlib.constants.ZSTD_c_windowLog]: 27 } })
  // Magic, descriptor without a size and not of a single segment, window of 2^27.
  wide[4] &= 0x1f
  const frame = Buffer.concat([wide.subarray(0, 4), Buffer.from([0, (27 - 10) << 3]), Buffer.from([1, 0, 0])])
  await rejects(async () => inflate(frame, 'zstd', MIB, new ByteBudget(MIB).lease()), { code: 'invalid' })
})

test('a body that is cut off or damaged is refused or gives other bytes, and nothing worse', async () => {
  const names = Object.keys(DEFLATERS)
  const run = async (name: string, size: number, cut: number, flip: number): Promise<void> => {
    const whole = DEFLATERS[name](textOf(size))
    const bytes = Buffer.from(whole.subarray(0, Math.max(1, whole.length - (cut % whole.length))))
    if (flip > 0) bytes[flip % bytes.length] ^= 1 << (flip % 8)
    const lease = new ByteBudget(8 * MIB).lease()
    await Promise.resolve()
      .then(() => inflate(bytes, codingNamed(name), 4 * MIB, lease))
      .catch((error) => {
        if (error.name !== 'RefusedError') throw error
      })
  }
  await assert(
    asyncProperty(
      constantFrom(...names),
      integer({ min: 0, max: 30_000 }),
      integer({ min: 0, max: 30_000 }),
      integer({ min: 0, max: 2 ** 30 }),
      run
    ),
    {
      numRuns: 300
    }
  )
  await rejects(async () => inflate(zlib.gzipSync(textOf(5000)).subarray(0, -9), 'gzip', MIB, new ByteBudget(MIB).lease()), {
    code: 'invalid',
    message: /^the gzip body is damaged or cut off: /
  })
})

test('a body that ends early is refused in every coding, at once or aside', async () => {
  for (const [name, deflate] of Object.entries(DEFLATERS)) {
    for (const size of [5000, 3 * MIB]) {
      const cut = deflate(textOf(size)).subarray(0, -3)
      await rejects(
        async () => inflate(cut, codingNamed(name), 8 * MIB, new ByteBudget(16 * MIB).lease()),
        { code: 'invalid' },
        `${name}, ${size}`
      )
    }
  }
})
