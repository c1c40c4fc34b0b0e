import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, cpSync, existsSync, linkSync, mkdirSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { until } from '../support/gateway-process.ts'
import type { NetworkNamespace } from './pod-network.ts'
import type { ResolvedContainer } from './pod-resolver.ts'

const SCRIPT = join(import.meta.dirname, 'container.sh')
const SETPRIV = '/usr/bin/setpriv'
const EXIT_WITHIN_MS = 30_000

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
  /** Runs a program in the container, as an exec probe does; its exit code. */
  exec(command: readonly string[]): Promise<number>
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
  const place = join(dir, `container-${container.name}`)
  mkdirSync(place)
  const { command, args } = container
  const line = command.length > 0 ? [...command, ...args] : [...image.entrypoint, ...(args.length > 0 ? args : image.command)]
  const env = Object.entries({ HOSTNAME: 'pod', ...image.env, ...container.env }).map(([name, value]) => `${name}=${value}`)
  const mounts = container.mounts.flatMap(({ source, target, readOnly }) => [source, target, String(readOnly)])
  const process = ['/usr/bin/env', '-i', ...env, '/usr/sbin/chroot', join(place, 'root'), ...rightsOf(container), ...line]
  const child = spawn(
    'nsenter',
    [
      ...['--net', `--target=${network.pid}`, 'unshare', '--mount', '--pid', '--fork', '--kill-child'],
      ...['sh', SCRIPT, place, image.files, String(container.readOnlyRoot), ...mounts, '--', ...process]
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] }
  )
  t.after(() => child.kill('SIGKILL'))
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', (text) => lines.push(text))
  // Its first process, seen from here: the only child of unshare. None when it has ended already.
  const pid = await until(
    () => (hasEnded(child) ? 0 : Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')) || -1),
    (found) => found >= 0
  )
  return {
    name: container.name,
    lines,
    exec: (command) => execInside(pid, container, env, command),
    async stop() {
      const timer = setTimeout(() => child.kill('SIGKILL'), EXIT_WITHIN_MS)
      try {
        if (!hasEnded(child)) globalThis.process.kill(pid, 'SIGTERM')
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

async function execInside(pid: number, { user, group }: ResolvedContainer, env: string[], command: readonly string[]): Promise<number> {
  const inside = ['--mount', '--net', '--pid', `--target=${pid}`, '--root', '--wd=/', `--setuid=${user}`, `--setgid=${group}`]
  const child = spawn('nsenter', [...inside, ...command], {
    stdio: 'ignore',
    env: Object.fromEntries(env.map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]))
  })
  const [code] = await once(child, 'exit')
  return code as number
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
