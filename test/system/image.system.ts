// Builds the Dockerfile without a container engine, and runs what comes out as a container would be: its own root, which cannot be written to,
// its own processes and network, the image's user, environment, entrypoint and command.
import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import description from '../../package.json' with { type: 'json' }
import { until } from '../support/gateway-process.ts'
import { readDockerfile } from './dockerfile.ts'
import { type BuiltImage, baseMounts, buildImage } from './image-build.ts'

const ROOT = join(import.meta.dirname, '..', '..')
/** What our layers may take. */
const BYTES_MAX = 12 * 2 ** 20

const namespaces = spawnSync('unshare', ['--mount', '--pid', '--net', '--fork', 'true']).status === 0 && process.getuid?.() === 0
const skip = namespaces ? false : 'needs root, and namespaces'

let dir = ''
let image: BuiltImage
if (skip === false) {
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'sluice-image-'))
    image = buildImage(dir)
  })
  after(() => rmSync(dir, { recursive: true, force: true }))
}

interface Container {
  readonly runner: ChildProcess
  /** Of its first process, seen from here. */
  readonly pid: number
  readonly log: string[]
  exec(argv: readonly string[]): { status: number | null; stdout: string; stderr: string }
}

async function started(
  t: TestContext,
  { env = {}, argv = [...image.entrypoint, ...image.command] }: { env?: Record<string, string>; argv?: string[] } = {}
): Promise<Container> {
  const { root, user, workdir } = image
  const script = `${baseMounts(root, 'runtime')}
ip link set lo up
mount --rbind ${root} ${root} && mount -o remount,ro,bind ${root}
mount -t proc proc ${root}/proc
cd ${root} && exec chroot --userspec=${user} ${root} /nodejs/bin/node -e '
  const { cwd, env, argv: [file, ...args] } = JSON.parse(process.env.CONTAINER)
  process.chdir(cwd)
  process.execve(file, [file, ...args], env)'`
  const container = { cwd: workdir, env: { ...image.env, ...env }, argv }
  const runner = spawn('unshare', ['--mount', '--pid', '--net', '--fork', '--kill-child', 'sh', '-c', script], {
    env: { PATH: process.env.PATH, CONTAINER: JSON.stringify(container) },
    stdio: ['ignore', 'ignore', 'pipe']
  })
  t.after(() => runner.kill('SIGKILL'))
  const log: string[] = []
  runner.stderr!.setEncoding('utf8').on('data', (text: string) => log.push(text))
  await until(
    () => ({ log: log.join(''), code: runner.exitCode }),
    ({ log: said, code }) => said.includes('"msg":"ready"') || code !== null
  )
  ok(runner.exitCode === null, log.join(''))
  const pid = Number(readFileSync(`/proc/${runner.pid}/task/${runner.pid}/children`, 'utf8'))
  const exec = (command: readonly string[]) => {
    const [uid, gid] = user.split(':')
    const args = ['--target', String(pid), '--mount', '--pid', '--net', `--root=${`/proc/${pid}/root`}`, '-S', uid, '-G', gid, ...command]
    return spawnSync('nsenter', args, { env: { ...image.env, ...env }, encoding: 'utf8', timeout: 20_000 })
  }
  return { runner, pid, log, exec }
}

async function stopped({ runner, pid }: Container): Promise<number | null> {
  const ended = once(runner, 'exit')
  process.kill(pid, 'SIGTERM')
  return ((await ended) as [number | null])[0]
}

test('the file keeps the rules for images', () => {
  const text = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
  const stages = readDockerfile(text)
  for (const { from, name } of stages) match(from, /^[\w.]+\/[\w./-]+:(?!latest)[\w.-]+$/, `stage ${name}: a registry and a tag`)
  match(readDockerfile(text, { BASE_DIGEST: '@sha256:0' }).at(-1)!.from, /:nonroot@sha256:0$/)
  const all = stages.flatMap(({ instructions }) => instructions)
  const last = stages.at(-1)!.instructions
  const only = (word: string): string => {
    const found = last.filter((each) => each.word === word)
    strictEqual(found.length, 1, word)
    return found[0].rest
  }
  strictEqual(only('USER'), '65532:65532')
  strictEqual(only('STOPSIGNAL'), 'SIGTERM')
  for (const word of ['ENTRYPOINT', 'CMD']) ok(Array.isArray(JSON.parse(only(word))), word)
  match(only('HEALTHCHECK'), /^CMD \[/)
  deepStrictEqual(
    last.filter(({ word }) => word === 'RUN' || word === 'ADD'),
    []
  )
  for (const { word, rest, line } of all) {
    ok(word !== 'ADD', `line ${line}: COPY says what it does`)
    ok(word !== 'RUN' || !/\bsudo\b|curl|wget|apt-get install|npm install/.test(rest), `line ${line}: ${rest}`)
    ok(word !== 'RUN' || !/npm ci/.test(rest) || /--ignore-scripts/.test(rest), `line ${line}: scripts of packages run`)
    ok(word !== 'WORKDIR' || rest.startsWith('/'), `line ${line}: ${rest}`)
    ok(!/password|secret|token|api_?key/i.test(rest) || word === 'RUN', `line ${line}: a secret`)
  }
  ok(
    !/x64|x86_64|arm64/.test(
      all
        .map(({ rest }) => rest)
        .join('\n')
        .replace('amd64) cpu=x64', '')
    ),
    'no step names one platform alone'
  )
  strictEqual(last.find(({ word, rest }) => word === 'ARG' && rest.startsWith('VERSION'))?.rest, `VERSION=${description.version}`)
})

test('it serves from a root that cannot be written to, is healthy, and ends on SIGTERM', { skip }, async (t) => {
  const container = await started(t)
  const { exec, pid } = container
  match(readFileSync(`/proc/${pid}/status`, 'utf8'), /^NSpid:\t\d+\t1$/m)
  match(readFileSync(`/proc/${pid}/status`, 'utf8'), /^Uid:\t65532\t65532/m)
  const health = exec(image.health)
  strictEqual(health.status, 0, `${health.stdout}${health.stderr}`)
  strictEqual(exec(['/sluice/bin/sluice', 'health']).stdout, 'ok\n')
  strictEqual(exec(['/sluice/bin/sluice', 'version']).stdout, `${description.version}\n`)
  const send = `
    const logRecords = [{ body: { stringValue: 'hello' } }]
    const body = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] })
    fetch('http://127.0.0.1:4318/v1/logs', { method: 'POST', headers: { 'content-type': 'application/json' }, body }).then(({ status }) => console.log(status))`
  strictEqual(exec(['/nodejs/bin/node', '-e', send]).stdout, '200\n')
  match(exec(['/nodejs/bin/node', '-e', 'require("fs").writeFileSync("/sluice/x", "")']).stderr, /EROFS/)
  strictEqual(await stopped(container), 0, container.log.join(''))
  strictEqual(existsSync(join(image.root, 'bin', 'sh')) || existsSync(join(image.root, 'usr', 'bin')), false, 'there is a shell')
})

test('what V8 made of the program comes with it, and is used', { skip }, async (t) => {
  const { exec } = await started(t, { env: { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' } })
  const { stdout, stderr } = exec(['/sluice/bin/sluice', 'version'])
  match(`${stdout}${stderr}`, /cache for .*sluice\.js was accepted/)
})

test('Unix datagram sockets work: koffi is there for the platform', { skip }, async (t) => {
  const { exec } = await started(t)
  const { stdout, stderr } = exec([
    '/nodejs/bin/node',
    '--input-type=module',
    '-e',
    'import(process.argv[1]).then(() => console.log("loaded"))',
    '/sluice/node_modules/koffi/index.js'
  ])
  strictEqual(stdout, 'loaded\n', stderr)
})

test('the dead that an nvidia-smi leaves behind are reaped', { skip }, async (t) => {
  const smi = join(image.root, 'mnt-smi')
  writeFileSync(
    smi,
    `#!/nodejs/bin/node
if (process.argv[2] !== 'child') require('node:child_process').spawn(process.execPath, [__filename, 'child'], { stdio: 'ignore' })
setInterval(() => undefined, 1000)
`,
    { mode: 0o755 }
  )
  t.after(() => rmSync(smi, { force: true }))
  const zombies = (pid: number): number =>
    readdirSync('/proc').filter((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 2)
        return state === 'Z' && Number(parent) === pid
      } catch {
        return false
      }
    }).length
  const env = { SLUICE_CONFIG: 'env:TEXT', TEXT: 'facts: { gpu: { source: nvidia-smi, command: /mnt-smi, interval: 1s, timeout: 500ms } }' }
  // Without tini, Node would be the first process, and they would stay.
  const bare = await started(t, { env, argv: [...image.entrypoint.slice(image.entrypoint.indexOf('--') + 1), ...image.command] })
  await until(
    () => zombies(bare.pid),
    (count) => count > 0
  )
  strictEqual(await stopped(bare), 0)
  const { pid, exec } = await started(t, { env })
  await until(
    () =>
      exec(['/nodejs/bin/node', '-e', 'fetch("http://127.0.0.1:9464/metrics").then((r) => r.text()).then((t) => console.log(t))']).stdout,
    (page) => /sluice_gpu_\w*(timeouts?|failures?)\w*\{[^}]*\} [1-9]/.test(page)
  )
  await until(
    () => zombies(pid),
    (count) => count === 0
  )
})

test('the image is small, and says what it is', { skip }, () => {
  const size = (path: string): number => {
    const { size: bytes } = statSync(path)
    return statSync(path).isDirectory() ? readdirSync(path).reduce((sum, name) => sum + size(join(path, name)), 0) : bytes
  }
  const plain = size(join(image.root, 'sluice'))
  const packed = execFileSync('sh', ['-c', `tar -C ${image.root} -c sluice var/lib/sluice | gzip -9 | wc -c`], { encoding: 'utf8' })
  console.log(`our layers: ${plain} bytes, ${packed.trim()} packed`)
  ok(plain < BYTES_MAX, `${plain} bytes`)
  strictEqual(image.labels['org.opencontainers.image.version'], description.version)
  strictEqual(image.labels['org.opencontainers.image.licenses'], description.license)
  strictEqual(
    (JSON.parse(readFileSync(join(image.root, 'sluice', 'package.json'), 'utf8')) as { version: string }).version,
    description.version
  )
})
