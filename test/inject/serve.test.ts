import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { call, podOfDeployment, review } from '../support/admission-reviews.ts'
import { until } from '../support/gateway-process.ts'
import { settingsOf } from '../support/injector.ts'
import { CONFIGURATION_PATH, configuration, emptySecret, KubeApi, SECRET_PATH } from '../support/kube-api.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const MAIN = join(ROOT, 'src', 'main.ts')

interface Running {
  readonly child: ChildProcess
  readonly said: Record<string, unknown>[]
}

function start(t: TestContext, args: string[], main = MAIN): Running {
  const child = spawn(process.execPath, [main, 'inject', ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH } })
  t.after(() => child.kill('SIGKILL'))
  const said: Record<string, unknown>[] = []
  createInterface({ input: child.stderr! }).on('line', (line) => said.push(line.startsWith('{') ? JSON.parse(line) : { msg: line }))
  return { child, said }
}

test('sluice inject --serve: a process that is told by signals, and ends by 0', async (t) => {
  const api = await KubeApi.start(t)
  api.put(SECRET_PATH, emptySecret())
  api.put(CONFIGURATION_PATH, configuration())
  const file = join(temporaryDirectory(), 'inject.yaml')
  const write = (sidecar: object): void => writeFileSync(file, settingsOf({ api, sidecar, webhook: { drainDelay: '100ms' } }))
  write({})
  const { child, said } = start(t, ['--serve', '--config', file])
  const seen = (message: RegExp) =>
    until(
      () => said.find(({ msg }) => message.test(String(msg))),
      (found) => found !== undefined || child.exitCode !== null
    )
  const { listening } = (await seen(/^ready$/)) as { listening: { webhook: string; admin: string } }
  const answer = await call(review(podOfDeployment()), { port: Number(listening.webhook.split(':')[1]), ca: api.bundle() })
  strictEqual(answer.json.response.auditAnnotations.outcome, 'injected')
  const page = await (await fetch(`http://${listening.admin}/metrics`)).text()
  match(page, /^sluice_inject_requests_total\{result="injected",entry="any"\} 1$/m)
  match(page, /^sluice_inject_duration_seconds_bucket\{le="\+Inf"\} 1$/m)
  match(page, /^process_resident_memory_bytes \d+$/m)
  // What sidecars could not run with is found out here, and not in the pods.
  write({ config: { exporters: { otpl: {} } } })
  child.kill('SIGHUP')
  match(String((await seen(/old settings/))?.msg), /otpl/)
  write({})
  child.kill('SIGHUP')
  await seen(/settings were reloaded/)
  ok(!said.some((line) => /token-1|PRIVATE KEY/.test(JSON.stringify(line))))
  child.kill('SIGTERM')
  deepStrictEqual(await once(child, 'exit'), [0, null])
})

test('the bundle makes certificates, too', async (t) => {
  const dir = temporaryDirectory()
  execFileSync(process.execPath, [join(ROOT, 'test', 'tools', 'bundle.ts'), join(dir, 'dist')], { stdio: 'pipe' })
  const api = await KubeApi.start(t)
  api.put(SECRET_PATH, emptySecret())
  api.put(CONFIGURATION_PATH, configuration())
  const file = join(dir, 'inject.yaml')
  writeFileSync(file, settingsOf({ api }))
  const { child, said } = start(t, ['--serve', '--config', file], join(dir, 'dist', 'sluice.js'))
  await until(
    () => said.some(({ msg }) => msg === 'ready') || child.exitCode !== null,
    (is) => is
  )
  match(api.bundle(), /BEGIN CERTIFICATE/)
  ok(said.some(({ listening }) => (listening as { webhook?: string } | undefined)?.webhook !== undefined))
})

test('sluice inject --serve says what keeps it from starting', async (t) => {
  const f = async (code: number, words: RegExp, ...args: string[]): Promise<void> => {
    const { child, said } = start(t, ['--serve', ...args])
    const [ended] = await once(child, 'close')
    strictEqual(ended, code)
    match(said.map(({ msg }) => msg).join('\n'), words)
  }
  const file = join(temporaryDirectory(), 'inject.yaml')
  await f(2, /--serve: came with --all, expected no option beside --config/, '--all')
  await f(2, /no such file/, '--config', file)
  writeFileSync(file, 'webhook: { tls: { sorce: self } }')
  await f(2, /inject\.yaml:1:\d+: webhook\.tls\.sorce: came the unknown key "sorce".*did you mean source/, '--config', file)
  writeFileSync(file, 'webhook: { listen: "127.0.0.1:0", admin: off }')
  await f(1, /this is no pod/, '--config', file)
})
