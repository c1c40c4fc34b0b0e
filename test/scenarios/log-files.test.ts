import { ok, strictEqual } from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { scrape, startGateway, sumOf, temporaryDirectory, until } from '../support/gateway-process.ts'
import type { Written } from '../support/log-file-writer.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'

const WRITER = join(import.meta.dirname, '..', 'support', 'log-file-writer.ts')
const FILES = Number(process.env.SLUICE_SCENARIO_FILES ?? 20)
const KILLS = Number(process.env.SLUICE_SCENARIO_FILE_KILLS ?? 3)
const LINES_PER_SECOND = Number(process.env.SLUICE_SCENARIO_LINES_PER_SECOND ?? 20_000)
const SEED = Number(process.env.SLUICE_SCENARIO_SEED ?? 1 + (Date.now() % 2 ** 30))
const UP_MS = 1_500

// biome-ignore lint/suspicious/noExplicitAny: a tree as protobufjs makes it
type Tree = any

const yaml = (dir: string, url: string): string => `
receivers: { otlp: { http: 127.0.0.1:0, grpc: off }, logs: off, files: { include: ["${dir}/logs/*.log"] } }
admin: { listen: 127.0.0.1:0 }
queue: { dir: ${dir}/queue, sizeMax: 4GiB }
exporters: { otlp: { endpoint: "${url}" } }
`

test(`${FILES} files rotated while they are written, and ${KILLS} times kill -9: no line is lost, seed ${SEED}`, async (t) => {
  const dir = temporaryDirectory(t)
  mkdirSync(join(dir, 'logs'))
  const backend = await OtlpBackend.start(t, { countOnly: true })
  // By writer: how often each of its lines came.
  const seen = new Map<string, Map<number, number>>()
  let received = 0
  backend.onLogs = (message: Tree) => {
    const scopes: Tree[] = message.resourceLogs.flatMap(({ scopeLogs }: Tree) => scopeLogs)
    for (const { body } of scopes.flatMap(({ logRecords }) => logRecords)) {
      const [writer, number] = String(body.stringValue).split(' ', 2)
      const counts = seen.get(writer) ?? new Map<number, number>()
      seen.set(writer, counts)
      counts.set(Number(number), (counts.get(Number(number)) ?? 0) + 1)
      received++
    }
  }
  // Before the files, so that they are new when they come.
  let gateway = await startGateway(t, { yaml: yaml(dir, backend.url) })
  const options = { dir: join(dir, 'logs'), files: FILES, seed: SEED, linesPerSecond: LINES_PER_SECOND }
  const writer = fork(WRITER, [JSON.stringify(options)])
  t.after(() => writer.kill('SIGKILL'))
  // A file that the gateway came too late for is counted; here nothing is deleted before it is 50 s old.
  let lost = 0
  const countLost = async (): Promise<void> => {
    lost += sumOf(await scrape(gateway, 'sluice_files_lost_bytes_total'))
  }
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(UP_MS)
    await countLost()
    await gateway.end('SIGKILL')
    gateway = await startGateway(t, { yaml: yaml(dir, backend.url) })
  }
  await sleep(UP_MS)
  const told = once(writer, 'message')
  writer.send('stop')
  const [{ lines, rotations }] = (await told) as [Written]
  const missing = (): string[] => Object.entries(lines).flatMap(([name, count]) => missingOf(name, seen.get(name), count))
  await until(missing, (ranges) => ranges.length === 0, 90_000)
  await until(
    () => scrape(gateway, 'sluice_files_lag_bytes'),
    (lag) => sumOf(lag) === 0
  )
  await until(
    () => scrape(gateway, 'sluice_items_held'),
    (held) => sumOf(held) === 0
  )
  await countLost()
  strictEqual(lost, 0)
  strictEqual(await gateway.end('SIGTERM'), 0)

  const total = Object.values(lines).reduce((sum, count) => sum + count, 0)
  t.diagnostic(`${total} lines, ${rotations} rotations, ${received - total} lines came twice`)
  // Each time at most what was read since positions were saved, a second ago, and what was on its way then.
  const most = KILLS * LINES_PER_SECOND * 4
  ok(received - total <= most, `${received - total} lines came twice, of ${most} that may`)
})

// The lines that did not come, as ranges.
function missingOf(name: string, counts: ReadonlyMap<number, number> | undefined, count: number): string[] {
  const ranges: string[] = []
  for (let from = 0; from < count; from++) {
    if (counts?.has(from)) continue
    let to = from
    while (to + 1 < count && !counts?.has(to + 1)) to++
    ranges.push(`${name}: ${from} to ${to} of ${count}`)
    from = to
  }
  return ranges
}
