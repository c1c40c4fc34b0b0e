import { deepStrictEqual, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib'
import { compress } from '../../src/net/compress.ts'

test('bodies of every size come out as they went in, and smaller', async () => {
  for (const size of [0, 1, 1000, 128 * 1024, 128 * 1024 + 1, 3_000_000]) {
    const body = Buffer.alloc(size, 'telemetry repeats itself, ')
    const gzipped = await compress(body, 'gzip')
    const zstd = await compress(body, 'zstd')
    deepStrictEqual(gunzipSync(gzipped), body)
    deepStrictEqual(zstdDecompressSync(zstd), body)
    ok(size < 1000 || (gzipped.length < size / 5 && zstd.length < size / 5))
  }
})

test('bodies of every size come out as small as with all the memory that gzip can take', async () => {
  const words = 'telemetry,gateway,spans,of,GPU,workers'.split(',')
  const text = Array.from({ length: 30_000 }, (_, i) => `${words[(i * i) % words.length]} ${(i * 7919) % 1000}`).join(' ')
  // Around the sizes of windows, which are 262 bytes more than what can be looked back on.
  for (const size of [249, 250, 251, 1786, 1787, 16_122, 16_123, 32_506, 32_507, 100_000]) {
    const body = Buffer.from(text.slice(0, size))
    const gzipped = await compress(body, 'gzip')
    deepStrictEqual(gunzipSync(gzipped), body)
    ok(gzipped.length <= gzipSync(body, { level: 1, memLevel: 9 }).length, `${size} bytes became ${gzipped.length}`)
  }
})
