import { strictEqual } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

const ROOT = join(import.meta.dirname, '..', '..')

// The scenarios of the test suite in their long form, each in a process of its own.
function long(name: string, file: string, env: Record<string, string>): void {
  test(name, { timeout: 600_000 }, (t) => {
    const { NODE_TEST_CONTEXT: _, ...inherited } = process.env
    const { status, stdout } = spawnSync(process.execPath, ['--test', '--test-timeout=580000', join(ROOT, 'test', 'scenarios', file)], {
      cwd: ROOT,
      env: { ...inherited, ...env },
      encoding: 'utf8',
      maxBuffer: 64 * 2 ** 20
    })
    for (const line of stdout.split('\n').filter((said) => /^[✔✖]/.test(said))) t.diagnostic(line)
    strictEqual(status, 0, stdout)
  })
}

long('the OpenTelemetry SDK for JavaScript: 100,000 spans over each transport', 'spine.test.ts', { SLUICE_SCENARIO_SPANS: '100000' })
long('forty times kill -9: nothing acknowledged is lost', 'books.test.ts', {
  SLUICE_SCENARIO_KILLS: process.env.SLUICE_SCENARIO_KILLS ?? '40'
})
const seed = process.env.SLUICE_SECRETS_SEED ?? String(1 + (Date.now() % 2 ** 30))
long(`secrets of another seed, ${seed}`, 'secrets.test.ts', { SLUICE_SECRETS_SEED: seed })
