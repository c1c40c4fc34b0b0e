import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import * as yaml from 'yaml'
import { injectCommand } from '../../src/commands/inject.ts'
import { POD_OPTIONS } from '../../src/inject/options.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples')

class Text extends Writable {
  text = ''
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk
    done()
  }
}

async function run(args: string[], input = ''): Promise<{ code: number; out: string; said: string }> {
  const [output, errors] = [new Text(), new Text()]
  const bytes = async function* () {
    yield Buffer.from(input)
  }
  const code = await injectCommand(args, { input: bytes(), output, errors }).catch((error: Error) => {
    errors.write(error.message)
    return 2
  })
  return { code, out: output.text, said: errors.text }
}

const POD = `apiVersion: v1
kind: Pod
metadata: { name: a, labels: { sluice.dev/inject: "true" } }   # asks
spec:
  containers:
    - name: worker
`
const PLAIN = POD.replace('sluice.dev/inject: "true"', 'app: a')

test('the examples are injected as their second manifest says', async () => {
  for (const example of ['python-worker', 'node-worker']) {
    const { code, out, said } = await run(['-f', join(EXAMPLES, example, 'deployment.yaml')])
    strictEqual(out, readFileSync(join(EXAMPLES, example, 'deployment.injected.yaml'), 'utf8'), 'run sluice inject -f again')
    deepStrictEqual([code, said], [0, ''])
  }
})

test('only who asks is injected, unless all are', async () => {
  const f = async (args: string[], input: string, expected: boolean, said = /^$/) => {
    const { code, out, said: errors } = await run(['-f', '-', ...args], input)
    strictEqual(code, 0)
    strictEqual(out.includes('name: sluice\n'), expected)
    if (!expected) strictEqual(out, input)
    match(errors, said)
  }
  await f([], POD, true)
  await f([], PLAIN, false, /nothing was injected: pods ask by the label sluice\.dev\/inject/)
  await f(['--all'], PLAIN, true)
  await f(['--all'], POD.replace('"true"', '"false"'), false, /nothing was injected/)
  await f([], 'kind: ConfigMap\napiVersion: v1\n', false, /there are no pods in it/)
  await f([], '', false, /no pods/)
  const space = (name: string) =>
    `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${name}, labels: { sluice.dev/inject: "true" } }\n---\n`
  await f([], space('x') + PLAIN, false, /nothing/)
  await f(['--namespace', 'x'], space('x') + PLAIN, true)
  // Kinds of other APIs are other kinds.
  await f(['--all'], 'apiVersion: batch.volcano.sh/v1alpha1\nkind: Job\nspec: { tasks: [] }\n', false, /no pods/)
})

test('flags are options of pods that choose no others', async () => {
  const config = (out: string) =>
    yaml.parse(yaml.parse(out).spec.initContainers[0].env.find(({ name }: { name: string }) => name === 'SLUICE_CONFIG_YAML').value)
  strictEqual(config((await run(['-f', '-', '--sample-traces', '5%'], POD)).out).processors.sample.traces, '5%')
  const annotated = POD.replace('labels:', 'annotations: { sluice.dev/sample-traces: 7% }, labels:')
  strictEqual(config((await run(['-f', '-', '--sample-traces', '5%'], annotated)).out).processors.sample.traces, '7%')
  match((await run(['-f', '-', '--memory', '5'], POD)).said, /^warning: input:1: Pod a: --memory: came "5", expected an amount of memory/)
  strictEqual(yaml.parse((await run(['-f', '-', '--kubernetes', '1.27'], POD)).out).spec.containers[1].name, 'sluice')
  const { out } = await run(['--help'])
  for (const { name } of POD_OPTIONS) ok(out.includes(`--${name} `), name)
})

test('what cannot be read is said with its line, and nothing is written', async () => {
  const dir = temporaryDirectory()
  const file = join(dir, 'm.yaml')
  const f = async (text: string | Uint8Array, said: RegExp, args: string[] = []) => {
    writeFileSync(file, text)
    const result = await run(['-f', file, ...args])
    deepStrictEqual([result.code, result.out], [2, ''])
    match(result.said, said)
  }
  await f(`${POD}---\na: [b\n`, /m\.yaml:9.*came text that is not YAML, expected a closing bracket/)
  await f('a: b\n{{- if .Values.x }}\nc: d\n{{- end }}\n', /m\.yaml:2.*render the template first/)
  await f('- a\n- b\n', /m\.yaml:1:1: came a list, expected an object of Kubernetes/)
  await f('just words\n', /m\.yaml:1:1: came "just words"/)
  await f('apiVersion: apps/v1\nkind: Deployment\n', /m\.yaml:1:1: spec\.template\.spec: came nothing, expected a pod’s spec/)
  await f(`a: &a [1]\nb: [${'*a, '.repeat(1500)}]\n`, /fewer aliases/)
  await f('a: &a\n  b: *a\n', /m\.yaml:1:1: expected fewer aliases; look for an anchor that contains itself/)
  await f(POD.replace('kind: Pod', 'kind: Pod\nkind: Job'), /m\.yaml:3.*expected each key once/)
  await f(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0xff]), /m\.yaml: bytes that are not UTF-8/)
  await f(POD, /--kubernetes: came "new", expected a version as 1\.31/, ['--kubernetes', 'new'])
  await f(POD, /Unknown option '--sample'/, ['--sample', '1'])
  await f(POD, /no such file/, ['--config', join(dir, 'none.yaml')])
  strictEqual((await run(['-f', join(dir, 'none')])).code, 2)
  strictEqual((await run([])).code, 2)
})

test('the injector’s file is checked, with the configuration that sidecars would get', async () => {
  const file = join(temporaryDirectory(), 'inject.yaml')
  const f = async (text: string, said: RegExp | null) => {
    writeFileSync(file, text)
    const result = await run(['-f', '-', '--config', file], POD)
    strictEqual(result.code, said === null ? 0 : 2, result.said)
    if (said !== null) match(result.said, said)
    return result.out
  }
  await f('sidecar: { imagee: a }\n', /inject\.yaml:1:12: sidecar\.imagee: came the unknown key "imagee".*did you mean image\?/)
  await f('sidecar:\n  config: { exporters: { otlpp: {} } }\n', /sidecar\.config\.exporters\.otlpp.*otlp/)
  await f(
    'sidecar:\n  profiles: { batch: { processors: { sample: { traces: 300% } } } }\n',
    /sidecar\.profiles\.batch\.processors\.sample\.traces/
  )
  await f(
    `sidecar:\n  config: { exporters: { otlp: { endpoint: "http://a", headers: { x: ${'y'.repeat(130_000)} } } } }\n`,
    /goes into a variable/
  )
  // Variables are the sidecar's.
  const out = await f(
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what the file says
    'sidecar:\n  image: a/b:1\n  config: { exporters: { sentry: { dsn: "${SENTRY_DSN}" }, otlp: { endpoint: "${BACKEND}" } } }\n',
    null
  )
  match(out, /dsn: \$\{SENTRY_DSN\}/)
})

test('anchors that stand for several places are written out, and that is said', async () => {
  const shared = `${POD}      env: &env\n        - { name: A, value: b }\n    - name: second\n      env: *env\n`
  const { out, said } = await run(['-f', '-'], shared)
  match(said, /its anchors are written out/)
  const [first, second] = yaml.parse(out).spec.containers
  strictEqual(first.env[0].value, 'b')
  strictEqual(new Set(second.env.map(({ name }: { name: string }) => name)).size, second.env.length)
  match(second.env.find(({ name }: { name: string }) => name === 'OTEL_RESOURCE_ATTRIBUTES').value, /k8s\.container\.name=second/)
})

test('what stands on the object around the template is said to mean nothing', async () => {
  const text = `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: d, labels: { sluice.dev/inject: "true" } }\nspec: { template: { spec: { containers: [{ name: w }] } } }\n`
  match(
    (await run(['-f', '-'], text)).said,
    /input:1: Deployment d: labels sluice\.dev\/inject mean nothing here, expected under spec\.template\.metadata\.labels/
  )
})
