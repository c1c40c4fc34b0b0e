import { ok } from 'node:assert/strict'
import { test } from 'node:test'
import { assail } from './sockets.ts'

// More of the same with `npm run fuzz`.
const connections = Number(process.env.SLUICE_FUZZ_CONNECTIONS ?? 1_024)
const seed = Number(process.env.SLUICE_FUZZ_SEED ?? Date.now() % 2 ** 30)

for (const transport of ['http', 'grpc'] as const) {
  test(`whatever bytes come over ${transport}, each connection ends in an answer or a close, and the gateway goes on`, async (t) => {
    const { answered, closed } = await assail(t, { connections, seed, transports: [transport] })
    t.diagnostic(`seed ${seed}: ${answered} answered, ${closed} closed without a word`)
    ok(answered > connections / 4)
  })
}
