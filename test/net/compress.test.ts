import { deepStrictEqual, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
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
