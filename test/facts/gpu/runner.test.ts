import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readdirSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, test } from 'node:test'
import { groupLives, signalGroup } from '../../../src/facts/gpu/process-group.ts'
import { type Run, Runner, type RunnerOptions } from '../../../src/facts/gpu/runner.ts'
import { openStandIn, type StandIn } from '../../support/nvidia-smi-stand-in.ts'

let smi: StandIn

beforeEach(() => {
  smi = openStandIn()
})
afterEach(() => {
  for (const pid of started()) signalGroup(pid, 'SIGKILL')
})

const QUICK = { timeoutMs: 150, killAfterMs: 50, reapWaitMs: 50 }
const runner = (options: Partial<RunnerOptions> = {}): Runner => new Runner({ command: smi.command, timeoutMs: 120_000, ...options })

function started(): number[] {
  try {
    return readFileSync(`${smi.folder}/starts`, 'utf8')
      .trim()
      .split('\n')
      .map((line) => Number.parseInt(line, 10))
  } catch {
    return []
  }
}

/** All living processes of the groups of what was started here, children of children among them. */
function living(): number {
  const groups = new Set(started().map(String))
  return readdirSync('/proc').filter((pid) => {
    try {
      const [state, , group] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ')
      return state !== 'Z' && groups.has(group)
    } catch {
      return false
    }
  }).length
}

async function until(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 120_000
  while (!condition()) {
    ok(performance.now() < endMs, `never came: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const told = ({ end, status, stdout, stderr }: Run): object => ({ end, status, stdout, stderr })

test('a run gives the status and what was said on both streams', async () => {
  smi.set('any', { stdout: 'GPU 0\n', stderr: 'careful\n', status: 14 })
  deepStrictEqual(told(await runner().run(['-q'])), { end: 'exit', status: 14, stdout: 'GPU 0\n', stderr: 'careful\n' })
  smi.set('any', { stdout: 'half a li', suicide: true })
  deepStrictEqual(told(await runner().run(['-q'])), { end: 'exit', status: undefined, stdout: 'half a li', stderr: '' })
})

test('arguments reach the program as they are, without a shell', async () => {
  smi.set('any', {})
  await runner().run(['$(touch evil)', '; exit 3', '*'])
  match(readFileSync(`${smi.folder}/starts`, 'utf8'), / \$\(touch evil\) ; exit 3 \*\n$/)
})

test('the program does not see the secrets of the gateway', async () => {
  process.env.STAND_IN_SECRET = 'hunter2'
  const env = new Runner({ command: 'env', timeoutMs: 120_000 })
  const { stdout } = await env.run([])
  delete process.env.STAND_IN_SECRET
  match(stdout, /^PATH=/m)
  ok(!stdout.includes('hunter2'))
})

test('what cannot be started is an end as others are', async () => {
  const f = async (command: string, end: Run['end']): Promise<void> =>
    strictEqual((await new Runner({ command, timeoutMs: 120_000 }).run([])).end, end, command)
  await f('no-such-program-anywhere', 'missing')
  await f(`${smi.folder}/nothing`, 'missing')
  await f('', 'missing')
  await f(smi.folder, 'missing')
  chmodSync(smi.command, 0o644)
  await f(smi.command, 'forbidden')
})

test('what comes late is killed: politely, and then not', async () => {
  smi.set('any', { stdout: 'half', delay: 1000 })
  const polite = await runner({ ...QUICK, killAfterMs: 120_000 }).run([])
  strictEqual(polite.end, 'late')
  ok(polite.durationMs < 60_000, `${polite.durationMs} ms`)

  smi.set('any', { stdout: 'half', hang: 'itself' })
  // Time enough to say half of it.
  deepStrictEqual(told(await runner({ ...QUICK, timeoutMs: 3_000 }).run([])), {
    end: 'late',
    status: undefined,
    stdout: 'half',
    stderr: ''
  })
  strictEqual(living(), 0)
})

test('a wrapper is killed with its children', async () => {
  smi.set('any', { hang: 'child' })
  strictEqual((await runner(QUICK).run([])).end, 'late')
  await until(() => living() === 0)
})

test('a grandchild that holds the pipes does not hold the answer', async () => {
  smi.set('any', { stdout: 'all\n', hang: 'child, and gone' })
  const run = await runner({ reapWaitMs: 100 }).run([])
  deepStrictEqual(told(run), { end: 'exit', status: 0, stdout: 'all\n', stderr: '' })
  ok(run.durationMs < 60_000, `${run.durationMs} ms`)
  await until(() => living() === 0)
})

test('what no kill ends is left alone, never doubled, and its end is noticed', async () => {
  smi.set('any', { hang: 'itself' })
  const immortal = runner({ ...QUICK, signal: () => undefined })
  strictEqual((await immortal.run([])).end, 'stuck')
  for (let i = 0; i < 5; i++) strictEqual((await immortal.run([])).end, 'busy')
  strictEqual(immortal.isOccupied(), true)
  await until(() => started().length > 0)
  strictEqual(started().length, 1)
  strictEqual(living(), 1)

  smi.set('any', { stdout: 'fine' })
  signalGroup(started()[0], 'SIGKILL')
  await until(() => !immortal.isOccupied())
  strictEqual((await immortal.run([])).stdout, 'fine')
})

test('two runs are never under way at once', async () => {
  smi.set('any', { delay: 0.2 })
  const one = runner()
  const ends = await Promise.all([one.run([]), one.run([]), one.run([])])
  deepStrictEqual(
    ends.map(({ end }) => end),
    ['exit', 'busy', 'busy']
  )
  strictEqual(started().length, 1)
})

test('what says too much is cut off', async () => {
  const f = async (options: Partial<RunnerOptions>, kept: number): Promise<void> => {
    const run = await new Runner({ command: 'yes', timeoutMs: 120_000, ...options }).run([])
    strictEqual(run.end, 'flood')
    ok(run.stdout.length <= kept && run.durationMs < 60_000, `${run.stdout.length} bytes in ${run.durationMs} ms`)
  }
  await f({}, 8 * 1024 * 1024)
  await f({ stdoutBytesMax: 1000 }, 1000)
  smi.set('any', { stderr: 'x'.repeat(2000) })
  strictEqual((await runner({ stderrBytesMax: 1000 }).run([])).end, 'flood')
})

test('stop ends the run under way at once, and there is no other', async () => {
  smi.set('any', { hang: 'itself' })
  const one = runner({ killAfterMs: 120_000 })
  const run = one.run([])
  await until(() => started().length === 1)
  one.stop()
  strictEqual((await run).end, 'stopped')
  strictEqual(living(), 0)
  strictEqual((await one.run([])).end, 'stopped')
  strictEqual(started().length, 1)
})

test('a group lives as long as one of its processes does, and not for its dead', async () => {
  const leader = spawn('/bin/sh', ['-c', 'sleep 1000 & exit 0'], { detached: true, stdio: 'ignore' })
  await once(leader, 'exit')
  strictEqual(groupLives(leader.pid!), true)
  signalGroup(leader.pid!, 'SIGKILL')
  await until(() => !groupLives(leader.pid!))
  strictEqual(groupLives(process.pid), false, 'a group that leads no session of its own is not ours')
})
