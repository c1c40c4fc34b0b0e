import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import type { Written } from '../support/log-file-writer.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const WRITER = join(import.meta.dirname, '..', 'support', 'log-file-writer.ts')
const FILES = Number(process.env.SLUICE_SCENARIO_FILES ?? 20)
const KILLS = Number(process.env.SLUICE_SCENARIO_FILE_KILLS ?? 3)
const LINES_PER_SECOND = Number(process.env.SLUICE_SCENARIO_LINES_PER_SECOND ?? 20_000)
const SEED = Number(process.env.SLUICE_SCENARIO_SEED ?? 1 + (Date.now() % 2 ** 30))
const OPEN_MAX = Number(process.env.SLUICE_SCENARIO_OPEN_MAX ?? 8192)
const UP_MS = 1_500
/** So often nothing new has come when nothing more will; and when something is wrong, however slow the machine is. */
const QUIET_LOOKS = 60
const STUCK_LOOKS = 400
/** A line of the writer has so many bytes, and a name and a number. */
const LINE_BYTES_MIN = 125

/** Lines that did not come. */
interface Missing {
  readonly name: string
  readonly from: number
  readonly to: number
}

// biome-ignore lint/suspicious/noExplicitAny: a tree as protobufjs makes it
type Tree = any

const yaml = (dir: string, url: string): string => `
receivers: { otlp: { http: 127.0.0.1:0, grpc: off }, logs: off, files: { include: ["${dir}/logs/*.log"], openMax: ${OPEN_MAX} } }
admin: { listen: 127.0.0.1:0 }
queue: { dir: ${dir}/queue, sizeMax: 4GiB }
exporters: { otlp: { endpoint: "${url}" } }
`

test(`${FILES} files rotated while they are written, and ${KILLS} times kill -9: no line is lost whose file is kept, seed ${SEED}`, async (t) => {
  const dir = temporaryDirectory()
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
  const [{ lines, rotations, deleted }] = (await told) as [Written]
  const missing = (): Missing[] => Object.entries(lines).flatMap(([name, count]) => missingOf(name, seen.get(name), count))
  // Nobody can read what the writer has deleted: where the machine was so slow that it did, reading is over when nothing more comes.
  let [before, quiet] = [-1, 0]
  await until(
    () => {
      quiet = received === before ? quiet + 1 : 0
      before = received
      return missing()
    },
    (ranges) => ranges.length === 0 || quiet > (deleted > 0 ? QUIET_LOOKS : STUCK_LOOKS),
    90_000
  )
  if (deleted === 0) deepStrictEqual(missing(), [], 'lines are missing, and nothing more comes')
  await until(
    () => scrape(gateway, 'sluice_files_lag_bytes'),
    (lag) => sumOf(lag) === 0
  )
  await until(
    () => scrape(gateway, 'sluice_items_held'),
    (held) => sumOf(held) === 0
  )
  await countLost()
  const gone = missing()
  deepStrictEqual(
    gone.filter((range) => isThere(join(dir, 'logs'), range)),
    [],
    'lines are missing whose files are there'
  )
  const goneBytes = gone.reduce((sum, { from, to }) => sum + (to - from + 1) * LINE_BYTES_MIN, 0)
  ok(goneBytes <= lost, `${goneBytes} bytes are missing, ${lost} were counted as lost`)
  if (deleted === 0) strictEqual(lost, 0)
  strictEqual(await gateway.end('SIGTERM'), 0)

  const total = Object.values(lines).reduce((sum, count) => sum + count, 0)
  const deletions = deleted === 0 ? '' : `; ${deleted} files deleted, some ${goneBytes} bytes missing, ${lost} counted as lost`
  t.diagnostic(`${total} lines, ${rotations} rotations, ${received - total} lines came twice${deletions}`)
  // Each time at most what was read since positions were saved, a second ago, and what was on its way then.
  const most = KILLS * LINES_PER_SECOND * 4
  ok(received - total <= most, `${received - total} lines came twice, of ${most} that may`)
})

// The lines that did not come, as ranges.
function missingOf(name: string, counts: ReadonlyMap<number, number> | undefined, count: number): Missing[] {
  const ranges: Missing[] = []
  for (let from = 0; from < count; from++) {
    if (counts?.has(from)) continue
    let to = from
    while (to + 1 < count && !counts?.has(to + 1)) to++
    ranges.push({ name, from, to })
    from = to
  }
  return ranges
}

// Whether some of the lines are in a file.
function isThere(dir: string, { name, from, to }: Missing): boolean {
  const files = readdirSync(dir).filter((file) => file.startsWith(`${name}.log`))
  return files.some((file) => {
    const numbers = Array.from(readFileSync(join(dir, file), 'utf8').matchAll(/ F \S+ (\d+) /g), ([, number]) => Number(number))
    return numbers.some((number) => number >= from && number <= to)
  })
}
