// Runs a built image as a container would be: its own root, which cannot be written to, its own processes and network, the image's user, environment,
// entrypoint and command.
import { ok } from 'node:assert/strict'
import { type ChildProcess, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { until } from '../support/gateway-process.ts'
import { type BuiltImage, baseMounts } from './image-build.ts'

const EXEC_WITHIN_MS = 60_000

export interface Container {
  /** Of its first process, seen from here. */
  readonly pid: number
  /** What it has written to stderr. */
  readonly log: readonly string[]
  /** As `docker exec`. */
  exec(argv: readonly string[]): SpawnSyncReturns<string>
  /** The same, and not waited for. */
  begin(argv: readonly string[]): ChildProcess
  /** Asks its first process to stop; resolves to the exit code. */
  stop(): Promise<number | null>
}

export interface RunOptions {
  /** In place of the image's command. */
  readonly args?: readonly string[]
  /** In place of the image's entrypoint. */
  readonly entrypoint?: readonly string[]
  /** Beside the image's. */
  readonly env?: Readonly<Record<string, string>>
  /** A volume on /var/lib/sluice. */
  readonly volume?: boolean
}

/** Starts a container, and resolves when the gateway in it is ready. It is gone when the test has ended. */
export async function startContainer(t: TestContext, image: BuiltImage, options: RunOptions = {}): Promise<Container> {
  const { file, args, env } = commandOf(image, options)
  const runner = spawn(file, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(runner, 'exit') as Promise<[number | null]>
  const log: string[] = []
  runner.stderr.setEncoding('utf8').on('data', (text: string) => log.push(text))
  // The kill that unshare would pass on is forgotten where the user changes; without its first process nothing of a namespace is left.
  t.after(async () => {
    for (const child of [pidIn(runner), runner.pid]) if (child !== undefined && runner.exitCode === null) killed(child)
    await ended
  })
  await until(
    () => ({ log: log.join(''), code: runner.exitCode }),
    ({ log: said, code }) => said.includes('"msg":"ready"') || code !== null
  )
  ok(runner.exitCode === null, log.join(''))
  const pid = pidIn(runner)!
  const inside = (argv: readonly string[]): string[] => {
    const [uid, gid] = image.user.split(':')
    return ['--target', String(pid), '--mount', '--pid', '--net', `--root=/proc/${pid}/root`, '-S', uid, '-G', gid, ...argv]
  }
  const surroundings = { ...image.env, ...options.env }
  return {
    pid,
    log,
    exec: (argv) => spawnSync('nsenter', inside(argv), { env: surroundings, encoding: 'utf8', timeout: EXEC_WITHIN_MS }),
    begin: (argv) => spawn('nsenter', inside(argv), { env: surroundings, stdio: ['ignore', 'pipe', 'pipe'] }),
    async stop() {
      process.kill(pid, 'SIGTERM')
      return (await ended)[0]
    }
  }
}

/** Runs a container to its end, as `docker run`. */
export function runContainer(image: BuiltImage, options: RunOptions & { readonly input?: string }): SpawnSyncReturns<string> {
  const { file, args, env } = commandOf(image, options)
  return spawnSync(file, args, { env, input: options.input ?? '', encoding: 'utf8', timeout: EXEC_WITHIN_MS })
}

function commandOf(image: BuiltImage, { args, entrypoint = image.entrypoint, env, volume = false }: RunOptions) {
  const { root, user, workdir, command } = image
  const [uid, gid] = user.split(':')
  const script = `${baseMounts(root, 'runtime')}
ip link set lo up
mount --rbind ${root} ${root} && mount -o remount,ro,bind ${root}
${volume ? `mount -t tmpfs -o uid=${uid},gid=${gid} volume ${root}/var/lib/sluice` : ''}
mount -t proc proc ${root}/proc
cd ${root} && exec chroot --userspec=${user} ${root} /nodejs/bin/node -e '
  const { cwd, env, argv: [file, ...args] } = JSON.parse(process.env.CONTAINER)
  process.chdir(cwd)
  process.execve(file, [file, ...args], env)'`
  const container = { cwd: workdir, env: { ...image.env, ...env }, argv: [...entrypoint, ...(args ?? command)] }
  return {
    file: 'unshare',
    args: ['--mount', '--pid', '--net', '--fork', '--kill-child', 'sh', '-c', script],
    env: { PATH: process.env.PATH, CONTAINER: JSON.stringify(container) }
  }
}

function pidIn({ pid }: ChildProcess): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')) || undefined
  } catch {
    return undefined
  }
}

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone.
  }
}
