import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { Output } from './output.ts'
import { groupLives, signalGroup } from './process-group.ts'

/** How a run came to its end. */
export type RunEnd =
  | 'exit' // by itself: `status` says how
  | 'late' // killed at the deadline
  | 'flood' // killed because it said more than is kept
  | 'stuck' // not even the kill ended it
  | 'busy' // not started, because the one before still lives
  | 'missing' // there is no such program
  | 'forbidden' // there is, but it may not be run
  | 'unstartable' // the system had no room for another process
  | 'stopped' // the gateway is going down

export interface Run {
  readonly end: RunEnd
  /** The exit status; undefined when a signal ended it, or nobody did. */
  readonly status: number | undefined
  readonly stdout: string
  readonly stderr: string
  readonly durationMs: number
}

export interface RunnerOptions {
  /** A name to be looked up in PATH, or a path. */
  readonly command: string
  /** How long one run may take. */
  readonly timeoutMs: number
  /** After the polite signal, before the other one. */
  readonly killAfterMs?: number
  /** How long to wait for the end of what was killed, and for a pipe that a grandchild holds open. */
  readonly reapWaitMs?: number
  readonly stdoutBytesMax?: number
  readonly stderrBytesMax?: number
  /** How a group is signalled; for tests of what no signal ends. */
  readonly signal?: (groupId: number, signal: NodeJS.Signals) => void
}

/** nvidia-smi sees no more of our environment than this: it holds the keys of exporters. */
const ENVIRONMENT = /^(PATH|HOME|LANG|LD_LIBRARY_PATH|SYSTEMROOT|SystemRoot|NVIDIA_.*|CUDA_.*)$/

/**
 * Runs one program, never twice at a time, never through a shell. A run always answers, within its deadline and the waits after it, even where the
 * child does not: what survives the kill, as a process that waits inside a driver does, is left behind and watched, and until it is gone every
 * further run is answered `busy`. The child leads a group of its own, so that a wrapper's children are counted and killed with it.
 */
export class Runner {
  private readonly options: Required<RunnerOptions>
  private isRunning = false
  private isStopped = false
  /** Ends the wait of the run that is under way. */
  private cutShort: () => void = () => undefined
  /** The group of a child that outlived its run. */
  private leftBehind: number | undefined

  constructor(options: RunnerOptions) {
    this.options = {
      killAfterMs: 1_000,
      reapWaitMs: 1_000,
      stdoutBytesMax: 8 * 1024 * 1024,
      stderrBytesMax: 64 * 1024,
      signal: signalGroup,
      ...options
    }
  }

  /** Whether a child of ours lives, so that no other may start. */
  isOccupied(): boolean {
    if (this.leftBehind !== undefined && !groupLives(this.leftBehind)) this.leftBehind = undefined
    return this.isRunning || this.leftBehind !== undefined
  }

  /** Never throws: whatever happens is a kind of end. */
  async run(args: readonly string[]): Promise<Run> {
    if (this.isStopped) return without('stopped')
    if (this.isOccupied()) return without('busy')
    this.isRunning = true
    try {
      const program = await findProgram(this.options.command)
      return program === 'missing' || program === 'forbidden' ? without(program) : await this.runProgram(program, args)
    } catch {
      return without('unstartable')
    } finally {
      this.isRunning = false
    }
  }

  /** Ends what runs, at once; nothing runs afterwards. */
  stop(): void {
    this.isStopped = true
    this.cutShort()
  }

  private async runProgram(program: string, args: readonly string[]): Promise<Run> {
    // Loaded here, because a gateway that has no GPU never needs it.
    const { execa } = await import('execa')
    const startedAt = performance.now()
    const child = execa(program, args, {
      reject: false,
      buffer: false,
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      detached: true,
      extendEnv: false,
      env: environment()
    })
    const groupId = child.pid
    if (groupId === undefined) return without(endOf((await child).code))
    const killAtExit = (): void => this.options.signal(groupId, 'SIGKILL')
    process.once('exit', killAtExit)

    const exit = Promise.withResolvers<void>()
    child.once('exit', () => exit.resolve())
    const enough = Promise.withResolvers<void>()
    this.cutShort = enough.resolve
    if (this.isStopped) enough.resolve()
    const stdout = new Output(child.stdout, this.options.stdoutBytesMax, enough.resolve)
    const stderr = new Output(child.stderr, this.options.stderrBytesMax, enough.resolve)

    const inTime = await within(this.options.timeoutMs, exit.promise, enough.promise)
    const hasExited = hasEnded(child) || (await this.kill(groupId, exit.promise))
    // A grandchild may hold the pipes open long after the child is gone.
    const drained = hasExited && (await within(this.options.reapWaitMs, Promise.all([stdout.ended, stderr.ended])))
    stdout.close()
    stderr.close()
    if (!drained || !inTime) this.leave(groupId)
    if (!hasExited) child.unref()
    process.removeListener('exit', killAtExit)

    let end: RunEnd = inTime ? 'exit' : 'late'
    if (stdout.overflowed || stderr.overflowed) end = 'flood'
    else if (this.isStopped) end = 'stopped'
    else if (!hasExited) end = 'stuck'
    return {
      end,
      status: child.exitCode ?? undefined,
      stdout: stdout.text(),
      stderr: stderr.text(),
      durationMs: performance.now() - startedAt
    }
  }

  /** Politely, then not; says whether the child is gone. */
  private async kill(groupId: number, exit: Promise<void>): Promise<boolean> {
    const { signal, killAfterMs, reapWaitMs } = this.options
    if (!this.isStopped) {
      signal(groupId, 'SIGTERM')
      if (await within(killAfterMs, exit)) return true
    }
    signal(groupId, 'SIGKILL')
    return within(reapWaitMs, exit)
  }

  /** Kills what is left of a group, and remembers it until it is gone. */
  private leave(groupId: number): void {
    if (!groupLives(groupId)) return
    this.options.signal(groupId, 'SIGKILL')
    this.leftBehind = groupId
  }
}

function hasEnded(child: { readonly exitCode: number | null; readonly signalCode: string | null }): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** Whether one of the promises resolved before the time was up. */
async function within(ms: number, ...promises: readonly Promise<unknown>[]): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const timeUp = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false)
  })
  const isInTime = await Promise.race([timeUp, ...promises.map((each) => each.then(() => true))])
  clearTimeout(timer)
  return isInTime
}

function without(end: RunEnd): Run {
  return { end, status: undefined, stdout: '', stderr: '', durationMs: 0 }
}

function endOf(code: string | undefined): RunEnd {
  if (code === 'ENOENT') return 'missing'
  return code === 'EACCES' || code === 'EPERM' || code === 'ENOEXEC' ? 'forbidden' : 'unstartable'
}

function environment(): Record<string, string> {
  const seen: Record<string, string> = { LC_ALL: 'C' }
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined && ENVIRONMENT.test(name)) seen[name] = value
  return seen
}

async function findProgram(command: string): Promise<string> {
  const places = command.includes('/') ? [command] : (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, command))
  let problem = 'missing'
  for (const place of places) {
    try {
      await access(place, constants.X_OK)
      if ((await stat(place)).isFile()) return place
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EACCES') problem = 'forbidden'
    }
  }
  return problem
}
