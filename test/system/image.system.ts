// Builds the Dockerfile without a container engine, and runs what comes out.
import { deepStrictEqual, doesNotMatch, match, ok, strictEqual } from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import description from '../../package.json' with { type: 'json' }
import { until } from '../support/gateway-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { readDockerfile } from './dockerfile.ts'
import { type BuiltImage, buildImage } from './image-build.ts'
import { runContainer, startContainer } from './image-container.ts'

const ROOT = join(import.meta.dirname, '..', '..')
/** What our layers may take. */
const BYTES_MAX = 16 * 2 ** 20
const NODE = '/nodejs/bin/node'

const isRoot = process.getuid?.() === 0
const hasNamespaces = isRoot && spawnSync('unshare', ['--mount', '--pid', '--net', '--fork', 'true']).status === 0
const hasTools = ['nsenter', 'chroot', 'ip', 'apt-get', 'dpkg'].every((tool) => spawnSync('which', [tool]).status === 0)
const skip =
  hasNamespaces && hasTools
    ? false
    : `the image was NOT built: that needs root (${isRoot}), unshare with mount, pid and net namespaces (${hasNamespaces}), and nsenter, chroot, ip, apt-get, dpkg (${hasTools})`

const dir = temporaryDirectory()
let image: BuiltImage
if (skip === false) {
  before(() => {
    mkdirSync(join(dir, 'image'))
    image = buildImage(join(dir, 'image'))
  })
}

/** The environment of a container whose configuration is `text`. */
const told = (text: string) => ({ SLUICE_CONFIG: 'env:TEXT', TEXT: text })

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
  const container = await startContainer(t, image)
  const { exec, pid } = container
  match(readFileSync(`/proc/${pid}/status`, 'utf8'), /^NSpid:\t\d+\t1$/m)
  match(readFileSync(`/proc/${pid}/status`, 'utf8'), /^Uid:\t65532\t65532/m)
  const health = exec(image.health)
  strictEqual(health.status, 0, `${health.stdout}${health.stderr}`)
  strictEqual(exec(['/sluice/bin/sluice', 'health']).stdout, 'ok\n')
  strictEqual(exec(['/sluice/bin/sluice', 'version']).stdout, `${description.version}\n`)
  strictEqual(exec([NODE, '-e', send(4318)]).stdout, '200\n')
  match(exec([NODE, '-e', 'fs.writeFileSync("/sluice/x", "")']).stderr, /EROFS/)
  strictEqual(await container.stop(), 0, container.log.join(''))
  strictEqual(existsSync(join(image.root, 'bin', 'sh')) || existsSync(join(image.root, 'usr', 'bin')), false, 'there is a shell')
})

test('arguments take the place of the command', { skip }, () => {
  const f = (args: string[], status: number, said: RegExp, env: Record<string, string> = {}, input = ''): void => {
    const { stdout, stderr, status: came } = runContainer(image, { args, env, input })
    strictEqual(came, status, `${args}: ${stdout}${stderr}`)
    match(`${stdout}${stderr}`, said)
  }
  f(['version'], 0, new RegExp(`^${RegExp.escape(description.version)}\n$`))
  f(['check', '--config', '/sluice/config/gateway.yaml'], 0, /exporters/)
  f(['check', '--config', '/nowhere.yaml'], 2, /nowhere\.yaml/)
  f(['run'], 2, /SLUICE_CONFIG|TEXT/, told('receiver: {}'))
  f(['redact'], 0, /^token=(?!ghp_)/, {}, `token=ghp_${'a1B2c3D4e5'.repeat(3)}f6G7H8\n`)
  f(['nonsense'], 2, /there is no command/)
  f(['health'], 1, /ECONNREFUSED/)
})

test('its health is asked for where its configuration says', { skip }, async (t) => {
  const f = async (config: string, ...expected: [status: number, said: RegExp]): Promise<void> => {
    const { exec, stop } = await startContainer(t, image, { env: told(config), volume: true })
    const { status, stdout, stderr } = exec(image.health)
    strictEqual(status, expected[0], `${stdout}${stderr}`)
    match(`${stdout}${stderr}`, expected[1])
    await stop()
  }
  await f('admin: { listen: 127.0.0.1:9999 }', 0, /^ok\n$/)
  await f('admin: { listen: 0.0.0.0:9999 }', 0, /^ok\n$/)
  await f('admin: { listen: unix:/var/lib/sluice/admin }', 0, /^ok\n$/)
  await f('admin: { listen: off }', 1, /^\/healthz: admin\.listen is off: there is nobody to ask\n$/)
})

test('all that V8 made of the program for a start comes with it, and is used', { skip }, async (t) => {
  const { log } = await startContainer(t, image, { env: { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' } })
  match(log.join(''), /code cache for ESM file:\/\/\/sluice\/sluice\.js was accepted/)
  doesNotMatch(log.join(''), /code cache for .* was (?!accepted).*/)
})

test('Unix datagram sockets can be opened: koffi is there', { skip }, async (t) => {
  const env = told('receivers: { logs: { datagram: unix:/var/lib/sluice/log } }')
  const { log } = await startContainer(t, image, { env, volume: true })
  match(log.join(''), /"datagram":\["unix:\/var\/lib\/sluice\/log"\]/)
})

test('the gateway’s own traces and crashes are sent: the SDKs are there', { skip }, async (t) => {
  const config = `
exporters: { otlp: { endpoint: "http://127.0.0.1:8080" } }
telemetry:
  traces: { endpoint: "http://127.0.0.1:8080/own", ratio: 100% }
  sentry: { dsn: "http://key@127.0.0.1:8080/7" }`
  // A fault, from outside.
  const fault = `process.on('SIGUSR2', () => setTimeout(() => { throw new RangeError('fault') }))`
  const env = { ...told(config), NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(fault)}` }
  const { exec, begin, pid } = await startContainer(t, image, { env })
  const got: string[] = []
  const sink = `require('node:http').createServer((q, r) => (console.log(q.url), q.resume().on('end', () => r.end('{}')))).listen(8080)`
  const listener = begin([NODE, '-e', sink])
  t.after(() => listener.kill('SIGKILL'))
  listener.stdout!.setEncoding('utf8').on('data', (text: string) => got.push(text))
  await until(
    () => exec([NODE, '-e', send(4318)]).stdout,
    (status) => status === '200\n'
  )
  await until(
    () => got.join(''),
    (said) => said.includes('/own')
  )
  const [gateway] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
  process.kill(Number(gateway), 'SIGUSR2')
  await until(
    () => got.join(''),
    (said) => said.includes('/api/7/envelope/')
  )
})

test('the dead that a killed nvidia-smi leaves behind are reaped, which Node alone would not do', { skip }, async (t) => {
  // Leaves a child behind that ends a little later, and another that is killed with it.
  const smi = `#!${NODE}
const { spawn } = require('node:child_process')
const begin = (role, detached) => spawn(process.execPath, [__filename, role], { stdio: 'ignore', detached })
const role = process.argv[2]
if (role?.startsWith('-')) {
  begin('killed', false)
  begin('short', true)
}
setTimeout(() => undefined, role === 'short' ? 2500 : 60_000)
`
  writeFileSync(join(image.root, 'stand-in'), smi, { mode: 0o755 })
  t.after(() => rmSync(join(image.root, 'stand-in'), { force: true }))
  const env = told('facts: { gpu: { source: nvidia-smi, command: /stand-in, interval: 1s, timeout: 2s } }')
  const bare = image.entrypoint.slice(image.entrypoint.indexOf('--') + 1)
  const [node, whole] = await Promise.all([startContainer(t, image, { env, entrypoint: bare }), startContainer(t, image, { env })])
  await until(
    () => deadChildrenOf(node.pid),
    (dead) => dead >= 4
  )
  // It has lived as long, and lost as many.
  await until(
    () => deadChildrenOf(whole.pid),
    (dead) => dead === 0
  )
})

test('the other platform’s binaries are fetched by the same steps', { skip }, () => {
  mkdirSync(join(dir, 'arm64'))
  const { root } = buildImage(join(dir, 'arm64'), { only: 'native', given: { TARGETARCH: 'arm64' } })
  const machine = (file: string): number => readFileSync(join(root, 'out', file)).readUInt16LE(18)
  const AARCH64 = 183
  strictEqual(machine('bin/tini'), AARCH64)
  strictEqual(machine('node_modules/@koromix/koffi-linux-arm64/linux_arm64/koffi.node'), AARCH64)
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
  match(readFileSync(join(image.root, 'sluice', 'LICENSES.txt'), 'utf8'), /^fastify .*: MIT$[\s\S]*^koffi .*: MIT$/m)
  strictEqual(image.labels['org.opencontainers.image.version'], description.version)
  strictEqual(image.labels['org.opencontainers.image.licenses'], description.license)
  strictEqual(
    (JSON.parse(readFileSync(join(image.root, 'sluice', 'package.json'), 'utf8')) as { version: string }).version,
    description.version
  )
})

/** For Node: sends a log record, and says the status. */
function send(port: number): string {
  return `
    const logRecords = [{ body: { stringValue: 'hello' } }]
    const body = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] })
    fetch('http://127.0.0.1:${port}/v1/logs', { method: 'POST', headers: { 'content-type': 'application/json' }, body }).then(({ status }) => console.log(status))`
}

/** How many children of a process have ended and were not reaped. */
function deadChildrenOf(pid: number): number {
  return readdirSync('/proc').filter((name) => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 2)
      return state === 'Z' && Number(parent) === pid
    } catch {
      // It is no process, or was one.
      return false
    }
  }).length
}
