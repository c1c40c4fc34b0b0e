import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, cpSync, existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { until } from '../support/gateway-process.ts'
import type { NetworkNamespace } from './pod-network.ts'
import type { ResolvedContainer } from './pod-resolver.ts'

const SCRIPT = join(import.meta.dirname, 'container.sh')
const SETPRIV = '/usr/bin/setpriv'
const EXIT_WITHIN_MS = 60_000
const EXEC_WITHIN_MS = 60_000

/** What an image says of itself. */
export interface Image {
  /** The directory that holds its files, setpriv among them; `/` for those of this machine. */
  readonly files: string
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** A running container: a process in the network namespace of its pod, with mounts and process ids of its own. */
export interface Container {
  readonly name: string
  /** Every line that it has written. */
  readonly lines: readonly string[]
  /** Runs a program in the container, as an exec probe does; its exit code, or null when it took too long. */
  exec(command: readonly string[], timeoutMs?: number): Promise<number | null>
  /** Ends it without a warning. */
  kill(): Promise<void>
  /** Sends SIGTERM and waits for the exit code; null after SIGKILL, when it did not end in time. */
  stop(): Promise<number | null>
  /** The exit code, when it has ended by itself. */
  ended(): Promise<number | null>
}

/** Starts a container as a runtime does: the pod's command and arguments in place of the image's, the image's environment under the pod's. */
export async function startContainer(
  t: { after(done: () => unknown): void },
  { image, container, network, dir }: { image: Image; container: ResolvedContainer; network: NetworkNamespace; dir: string }
): Promise<Container> {
  const place = mkdtempSync(join(dir, `container-${container.name}-`))
  const { command, args } = container
  const line = command.length > 0 ? [...command, ...args] : [...image.entrypoint, ...(args.length > 0 ? args : image.command)]
  const env = Object.entries({ HOSTNAME: 'pod', ...image.env, ...container.env }).map(([name, value]) => `${name}=${value}`)
  const mounts = container.mounts.flatMap(({ source, target, readOnly }) => [source, target, String(readOnly)])
  const program = ['/usr/bin/env', '-i', ...env, '/usr/sbin/chroot', join(place, 'root'), ...rightsOf(container), ...line]
  const child = spawn(
    'nsenter',
    [
      ...['--net', `--target=${network.pid}`, 'unshare', '--mount', '--pid', '--fork', '--kill-child'],
      ...['sh', SCRIPT, place, image.files, String(container.readOnlyRoot), ...mounts, '--', ...program]
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] }
  )
  let pid = 0
  t.after(async () => {
    if (hasEnded(child)) return
    // The rights that a process gives up take along its end by --kill-child.
    if (pid > 0) process.kill(pid, 'SIGKILL')
    child.kill('SIGKILL')
    await endOf(child)
  })
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', (text) => lines.push(text))
  // Its first process, seen from here: the only child of unshare. None when it has ended already.
  pid = await until(
    () => (hasEnded(child) ? 0 : Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')) || -1),
    (found) => found >= 0
  )
  const send = (signal: NodeJS.Signals): void => void (hasEnded(child) || process.kill(pid, signal))
  return {
    name: container.name,
    lines,
    exec: (command, timeoutMs = EXEC_WITHIN_MS) => execInside(pid, container, env, command, timeoutMs),
    async kill() {
      send('SIGKILL')
      await endOf(child)
    },
    async stop() {
      const timer = setTimeout(() => send('SIGKILL'), EXIT_WITHIN_MS)
      try {
        send('SIGTERM')
        return await endOf(child)
      } finally {
        clearTimeout(timer)
      }
    },
    ended: () => endOf(child)
  }
}

// `drop: [ALL]` leaves nothing even to root.
function rightsOf({ user, group, privileged }: ResolvedContainer): string[] {
  const ids = [`--reuid=${user}`, `--regid=${group}`, '--clear-groups']
  return [SETPRIV, ...ids, ...(privileged ? [] : ['--no-new-privs', '--inh-caps=-all', '--bounding-set=-all']), '--']
}

async function execInside(
  pid: number,
  container: ResolvedContainer,
  env: readonly string[],
  command: readonly string[],
  timeout: number
): Promise<number | null> {
  const namespaces = ['--mount', '--net', '--pid', `--target=${pid}`, '--root', '--wd=/']
  const child = spawn('/usr/bin/nsenter', [...namespaces, '--', ...rightsOf(container), ...command], {
    stdio: 'ignore',
    timeout,
    killSignal: 'SIGKILL',
    env: Object.fromEntries(env.map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]))
  })
  return endOf(child)
}

async function endOf(child: ChildProcess): Promise<number | null> {
  if (!hasEnded(child)) await once(child, 'exit')
  return child.exitCode
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** An image's files: a directory with what takes rights away, which a runtime does from outside. */
export function makeImageFiles(dir: string): string {
  mkdirSync(dir)
  addProgram(dir, SETPRIV, SETPRIV)
  return dir
}

/** Puts a program of this machine into an image's files, with the libraries that it is linked to. */
export function addProgram(files: string, program: string, target: string): void {
  addFile(files, program, target)
  const libraries = execFileSync('ldd', [program], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g)
  for (const [, library] of libraries) addFile(files, library, library)
}

/** Puts a directory of this machine into an image's files. */
export function addDirectory(files: string, directory: string, target: string): void {
  cpSync(directory, join(files, target), { recursive: true })
}

function addFile(files: string, file: string, target: string): void {
  const place = join(files, target)
  if (existsSync(place)) return
  mkdirSync(dirname(place), { recursive: true })
  try {
    linkSync(realpathSync(file), place)
  } catch {
    copyFileSync(file, place)
  }
}
