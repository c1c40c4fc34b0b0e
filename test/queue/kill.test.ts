import { ok, strictEqual } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { recordOf } from './appender.ts'
import { LANE, NEVER, Owner, open, stateOf, textOf } from './support.ts'

/** How often the child is killed; SLUICE_KILLS=1000 for a long campaign. */
const KILLS = Number(process.env.SLUICE_KILLS ?? 20)

/** Runs the child until it has answered for some records, kills it at once or a little later, and returns the highest record that was safe. */
async function runAndKill(dir: string, delayMs: number): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'appender.ts'), dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (chunk: string) => {
    if (text === '') setTimeout(() => child.kill('SIGKILL'), delayMs)
    text += chunk
  })
  const [, signal] = await once(child, 'close')
  strictEqual(signal, 'SIGKILL', 'the child ended by itself')
  let highest = -1
  for (const line of text.split('\n').slice(0, -1)) highest = Math.max(highest, Number(line.slice(1)))
  return highest
}

test(`killed ${KILLS} times, the queue has every record it answered for, once and in order, and its totals agree`, async (t) => {
  const dir = temporaryDirectory()
  let safe = -1
  for (let kill = 0; kill < KILLS; kill++) {
    safe = Math.max(safe, await runAndKill(dir, Math.random() * 60))
    // Every few kills the queue is looked at in between.
    if (kill % 5 !== 4) continue
    const owner = new Owner()
    const queue = await open(t, owner, { dir, segmentBytes: 32_768, bytesMax: 2 ** 30 })
    const total = owner.totals.get(LANE) as number
    ok(total > safe, `${total} records, ${safe} was safe`)
    const read = Number(textOf((await queue.cursor(LANE, 'reader', stateOf(0))).state))
    strictEqual(queue.state().lanes[0].readers.find(({ reader }) => reader === 'reader')?.records, total - read)
    await queue.close()
  }
  const owner = new Owner()
  const queue = await open(t, owner, { dir, segmentBytes: 32_768, bytesMax: 2 ** 30 })
  const audit = await queue.cursor(LANE, 'audit', stateOf(0))
  let next = 0
  while (next < (owner.totals.get(LANE) as number)) {
    const entries = (await audit.peek(2 ** 20, NEVER))!
    for (const { payload, skipped } of entries) {
      ok(recordOf(next).equals(payload) && skipped === null, `record ${next} is ${textOf(payload).slice(0, 20)}`)
      next++
    }
    audit.ack(entries[entries.length - 1], stateOf(next))
  }
  ok(next > safe && safe > KILLS, `${next} records, ${safe} was safe`)
  strictEqual(owner.count('damaged'), 0)
})
