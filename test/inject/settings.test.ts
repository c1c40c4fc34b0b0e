import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { repositoryOf } from '../../src/inject/image.ts'
import { loadSettings } from '../../src/inject/settings.ts'
import { isCpu, isImage, isMemory } from '../../src/inject/values.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

test('what Kubernetes would refuse in every pod is refused here', async () => {
  const file = join(temporaryDirectory(), 'inject.yaml')
  const f = async (line: string, message: RegExp | null) => {
    writeFileSync(file, `sidecar:\n  ${line}\n`)
    if (message === null) ok(await loadSettings(file))
    else await rejects(loadSettings(file), { name: 'ConfigError', message })
  }
  await f('image: "a b"', /inject\.yaml:2:10: sidecar\.image: came "a b", expected the name of an image/)
  await f('image: registry:5000/team/sluice:1.2.3', null)
  await f('secret: Not_A_Name', /sidecar\.secret: came .*expected the name of a Secret/)
  await f('secret: ""', null)
  await f('resources: { memory: 256MiB }', /sidecar\.resources\.memory: came "256MiB", expected an amount of memory of at least 128Mi/)
  await f('resources: { cpu: lots }', /sidecar\.resources\.cpu: came "lots", expected an amount of CPU/)
  await f('resources: { cpu: "", memory: 1Gi }', null)
  await f('resources: { cpu: 1 }', null)
  await f('native: yes', /sidecar\.native/)
  await f('queueSize: 1', /sidecar\.queueSize/)
  await f('gpuPort: 70000', /sidecar\.gpuPort/)
})

test('variables in the file stay for the sidecar', async () => {
  const file = join(temporaryDirectory(), 'inject.yaml')
  const dsn = '$'.concat('{SENTRY_DSN}')
  writeFileSync(file, `sidecar:\n  config:\n    exporters: { sentry: { dsn: "${dsn}" } }\n`)
  deepStrictEqual((await loadSettings(file)).sidecar.config, { exporters: { sentry: { dsn } } })
})

test('amounts as Kubernetes writes them', () => {
  const f = (is: (text: string) => boolean, right: string[], wrong: string[]) => {
    for (const text of right) ok(is(text), text)
    for (const text of wrong) ok(!is(text), text)
  }
  f(isCpu, ['10m', '250m', '1', '0.5', '1.25'], ['', '0', '9m', '0.5m', '1.', 'm', '-1', '1e3', '1 '])
  f(
    isMemory,
    ['128Mi', '256Mi', '1Gi', '0.5Gi', '200M', '134217728'],
    ['', '127Mi', '1', '256MiB', '256mb', '1m', '1gi', '-1Gi', '0.3Gi', '9999E']
  )
  f(isImage, ['sluice', 'a/b:1', `a.b:5000/c/d@sha256:${'0'.repeat(64)}`, 'a:1'], ['', 'A', 'a:', 'a b', 'a@sha256:12', 'http://a/b', '/a'])
  for (const [image, repository] of [
    ['a', 'a'],
    ['r:5000/a', 'r:5000/a'],
    ['r:5000/a:1', 'r:5000/a'],
    ['r/a:1@sha256:0', 'r/a']
  ])
    strictEqual(repositoryOf(image), repository)
})
