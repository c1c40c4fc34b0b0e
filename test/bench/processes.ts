// The processes under measurement: started, watched through /proc, ended.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const READY_WITHIN_MS = 20_000
const END_WITHIN_MS = 10_000
/** What the kernel counts CPU time in, on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100
const KEPT_OUTPUT_CHARACTERS = 4000

export interface Program {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Record<string, string>
  /** Serves when this is on a line of its output, or when these ports accept. */
  readonly ready: RegExp | readonly number[]
}

export interface Running {
  readonly pid: number
  /** What stood on the line that said it was ready. */
  readonly said: string
  /** From the start to being ready. */
  readonly readyMs: number
  end(): Promise<void>
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a program and resolves when it serves. Throws with the end of its output when it does not. */
export async function start({ command, args, env = {}, ready }: Program): Promise<Running> {
  const startedAtMs = performance.now()
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env } })
  running.add(child)
  let output = ''
  let found: (line: string) => void = () => undefined
  const hear = (text: string): void => {
    output = (output + text).slice(-KEPT_OUTPUT_CHARACTERS)
    if (ready instanceof RegExp) for (const line of output.split('\n')) if (ready.test(line)) found(line)
  }
  child.stdout.setEncoding('utf8').on('data', hear)
  child.stderr.setEncoding('utf8').on('data', hear)
  const said = await new Promise<string>((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`${command} ${why}: ${output.trim().split('\n').slice(-3).join(' | ')}`))
    found = resolve
    child.once('error', (error) => fail(error.message))
    child.once('exit', (code) => fail(`ended with ${code}`))
    setTimeout(() => fail('was not ready in time'), READY_WITHIN_MS).unref()
    if (!(ready instanceof RegExp)) void Promise.all(ready.map(accepting)).then(() => resolve(''))
  }).finally(() => {
    if (child.exitCode !== null) running.delete(child)
  })
  const readyMs = performance.now() - startedAtMs
  const end = async (): Promise<void> => {
    running.delete(child)
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    const force = setTimeout(() => child.kill('SIGKILL'), END_WITHIN_MS)
    child.kill('SIGTERM')
    await ended
    clearTimeout(force)
  }
  return { pid: child.pid!, said, readyMs, end }
}

async function accepting(port: number): Promise<void> {
  const deadlineMs = performance.now() + READY_WITHIN_MS
  while (performance.now() < deadlineMs) {
    const socket = connect(port, '127.0.0.1')
    const accepted = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)]).catch(
      () => false
    )
    socket.destroy()
    if (accepted) return
    await sleep(20)
  }
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** CPU time of a process and all its threads so far, in seconds. */
export function cpuSeconds(pid: number): number {
  // Behind the name, which may hold anything: state is field 3, utime and stime are fields 14 and 15.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Resolves when a process has become quiet: it has used less than a twentieth of a core for a while. */
export async function quiet(pid: number, withinMs: number): Promise<void> {
  const deadlineMs = performance.now() + withinMs
  let before = cpuSeconds(pid)
  for (let still = 0; still < 2 && performance.now() < deadlineMs; ) {
    await sleep(200)
    const now = cpuSeconds(pid)
    still = now - before <= 0.01 ? still + 1 : 0
    before = now
  }
}

/** Resident memory in MB: all of it, and the part that is not pages of files. */
export function residentMegabytes(pid: number): { all: number; anonymous: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const read = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? Number.NaN) / 1024
  return { all: read('VmRSS'), anonymous: read('RssAnon') }
}
