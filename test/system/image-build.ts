// Builds our Dockerfile in directories: every stage is one, its steps run in it as their root. What the images that it begins with would bring is
// this machine's: a Debian with npm for the stages that build, and Node with the C library, and nothing else, for the ones that run.
import { execFileSync } from 'node:child_process'
import { chownSync, cpSync, existsSync, lstatSync, lutimesSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { execForm, expand, type Instruction, pairsOf, readDockerfile, type Stage } from './dockerfile.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const STEP_WITHIN_MS = 240_000

export interface BuiltImage {
  /** The tree that the image is, without what its base brings. */
  readonly root: string
  readonly env: Readonly<Record<string, string>>
  readonly user: string
  readonly workdir: string
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
  readonly health: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

interface Surroundings {
  /** The stages that are built already, by name. */
  readonly roots: ReadonlyMap<string, string>
  readonly context: string
  readonly given: Readonly<Record<string, string>>
}

/**
 * Builds every stage below `dir`, or the one that `only` names, and says what the last of them is. `given` are build arguments.
 * Throws with the output of the step that fails.
 */
export function buildImage(
  dir: string,
  { only, given = {} }: { only?: string; given?: Readonly<Record<string, string>> } = {}
): BuiltImage {
  const context = join(dir, 'context')
  copyContext(context)
  const roots = new Map<string, string>()
  let image: BuiltImage | undefined
  for (const stage of readDockerfile(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'), given)) {
    if (only !== undefined && stage.name !== only) continue
    const root = join(dir, `stage-${stage.name}`)
    mkdirSync(root)
    roots.set(stage.name, root)
    image = buildStage(stage, root, { roots, context, given })
  }
  return image!
}

// .dockerignore as ours is written: everything is left out but what a later line brings back.
function copyContext(context: string): void {
  const lines = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  if (lines[0] !== '*') throw new Error('.dockerignore is not a list of what is let in')
  const out = lines.filter((line) => line.endsWith('/*')).map((line) => line.slice(0, -2))
  for (const line of lines.filter((each) => each.startsWith('!'))) {
    const path = line.slice(1)
    if (!out.includes(path)) cpSync(join(ROOT, path), join(context, path), { recursive: true })
  }
}

function buildStage({ from, name, instructions }: Stage, root: string, { roots, context, given }: Surroundings): BuiltImage {
  const kind = from.includes('/distroless/') ? 'runtime' : 'debian'
  const env: Record<string, string> = {
    PATH: kind === 'debian' ? '/nodejs/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin' : '/nodejs/bin'
  }
  const args: Record<string, string> = {}
  const labels: Record<string, string> = {}
  let [user, workdir] = ['0:0', '/']
  const lists: Record<string, string[]> = {}
  const exec = ({ word, rest, line }: Instruction): string[] => {
    const list = execForm(rest)
    if (list === null) throw new Error(`line ${line}: ${word} needs a shell at run time`)
    return list
  }
  for (const instruction of instructions) {
    const { word, flags, line } = instruction
    const rest = ['RUN', 'CMD', 'ENTRYPOINT', 'HEALTHCHECK'].includes(word)
      ? instruction.rest
      : expand(instruction.rest, { ...args, ...env })
    if (word === 'ARG') for (const [key, value] of pairsOf(rest)) args[key] = given[key] ?? value
    else if (word === 'ENV') for (const [key, value] of pairsOf(rest)) env[key] = value
    else if (word === 'LABEL') for (const [key, value] of pairsOf(rest)) labels[key] = value
    else if (word === 'USER') user = rest
    else if (word === 'WORKDIR') {
      workdir = rest
      mkdirSync(join(root, workdir), { recursive: true })
    } else if (word === 'COPY')
      copy(rest.split(/\s+/), flags, { root, workdir, source: flags.from === undefined ? context : roots.get(flags.from) })
    else if (word === 'RUN')
      run(root, kind, execForm(rest) ?? ['/bin/sh', '-c', rest], { ...args, ...env }, user, workdir, `${name}, line ${line}`)
    else if (word === 'HEALTHCHECK') lists.HEALTHCHECK = exec({ ...instruction, rest: rest.replace(/^CMD\s+/, '') })
    else if (word === 'ENTRYPOINT' || word === 'CMD') lists[word] = exec(instruction)
    else if (word !== 'EXPOSE' && word !== 'STOPSIGNAL') throw new Error(`line ${line}: ${word} is not known here`)
  }
  const { ENTRYPOINT: entrypoint = [], CMD: command = [], HEALTHCHECK: health = [] } = lists
  return { root, env, user, workdir, entrypoint, command, health, labels }
}

function copy(
  names: string[],
  { chown }: Readonly<Record<string, string>>,
  { root, workdir, source }: { root: string; workdir: string; source: string | undefined }
): void {
  if (source === undefined) throw new Error(`COPY --from of a stage that is not there: ${names}`)
  const target = names.pop()!
  const isInto = target.endsWith('/') || names.length > 1
  for (const each of names) {
    const to = join(root, target.startsWith('/') ? '/' : workdir, target, isInto ? each.split('/').at(-1)! : '')
    mkdirSync(dirname(to), { recursive: true })
    cpSync(join(source, each), to, { recursive: true, verbatimSymlinks: true })
    own(to, chown?.split(':').map(Number) ?? [0, 0])
  }
}

// The builder gives all files the same time; here it only must not be what Node's cache goes by.
function own(path: string, [uid, gid]: readonly number[]): void {
  const entry = lstatSync(path)
  if (entry.isSymbolicLink()) lutimesSync(path, 0, 0)
  else chownSync(path, uid, gid)
  if (entry.isDirectory()) for (const name of readdirSync(path)) own(join(path, name), [uid, gid])
}

/** The commands, for a shell in a mount namespace of its own, that put under `root` what its base image would bring. */
export function baseMounts(root: string, kind: 'debian' | 'runtime'): string {
  const shared = kind === 'debian' ? ['usr', 'bin', 'sbin', 'lib', 'lib64', 'etc', 'dev'] : ['usr/lib', 'lib', 'lib64', 'dev']
  const bind = (from: string, to: string): string => `mkdir -p ${root}${to} && mount --rbind ${from} ${root}${to}`
  return [
    'set -e; mount --make-rprivate /',
    `mkdir -p ${root}/nodejs/bin ${root}/proc && touch ${root}/nodejs/bin/node && mount --bind ${process.execPath} ${root}/nodejs/bin/node`,
    ...shared.filter((path) => existsSync(`/${path}`)).map((path) => bind(`/${path}`, `/${path}`)),
    ...(kind === 'debian'
      ? [
          `mkdir -p ${root}/tmp ${root}/var/lib/dpkg ${root}/var/lib/apt/lists/partial ${root}/var/cache/apt/archives/partial`,
          `chmod 1777 ${root}/tmp`,
          `touch ${root}/var/lib/dpkg/status`,
          bind(join(homedir(), '.npm'), '/root/.npm')
        ]
      : [])
  ].join('\n')
}

function run(
  root: string,
  kind: 'debian' | 'runtime',
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  user: string,
  workdir: string,
  place: string
): void {
  const script = `${baseMounts(root, kind)}
mount -t proc proc ${root}/proc
cd ${root}${workdir} && exec chroot --userspec=${user} ${root} /nodejs/bin/node -e '
  const { spawnSync } = require("node:child_process")
  const [command, ...args] = process.argv.slice(1)
  process.exit(spawnSync(command, args, { ...JSON.parse(process.env.STEP), stdio: ["ignore", "inherit", "inherit"] }).status ?? 1)' -- "$@"`
  // What runs in the middle of a build may use any port; only what fetches packages needs this machine's network.
  const network = kind === 'runtime' ? ['--net'] : []
  const passed = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /^(npm_config_.*|(https?|no)_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE)$/i.test(name))
  )
  try {
    execFileSync(
      'unshare',
      [
        '--mount',
        '--pid',
        '--fork',
        '--kill-child',
        ...network,
        'sh',
        '-c',
        `${network.length > 0 ? 'ip link set lo up\n' : ''}${script}`,
        'sh',
        ...argv
      ],
      {
        env: {
          PATH: process.env.PATH,
          STEP: JSON.stringify({ cwd: workdir, env: { ...(kind === 'debian' ? { ...passed, HOME: '/root' } : {}), ...env } })
        },
        stdio: 'pipe',
        timeout: STEP_WITHIN_MS,
        killSignal: 'SIGKILL',
        maxBuffer: 2 ** 26
      }
    )
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: Buffer; stderr?: Buffer }
    throw new Error(`${place}: ${`${stdout}${stderr}`.slice(-2000)}`)
  }
}
