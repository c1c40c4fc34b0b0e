import { strictEqual } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'

const ROOT = join(import.meta.dirname, '..', '..')

test('100 files rotated while they are written, and twenty times kill -9: no line is lost', { timeout: 900_000 }, (t) =>
  run(t, { SLUICE_SCENARIO_FILES: '100', SLUICE_SCENARIO_FILE_KILLS: '20', SLUICE_SCENARIO_LINES_PER_SECOND: '20000' })
)

test('the same of 20 files, of which with all that were rotated 16 may be open', { timeout: 900_000 }, (t) =>
  run(t, { SLUICE_SCENARIO_FILES: '20', SLUICE_SCENARIO_FILE_KILLS: '5', SLUICE_SCENARIO_OPEN_MAX: '16' })
)

function run(t: TestContext, settings: Record<string, string>): void {
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env
  const scenario = join(ROOT, 'test', 'scenarios', 'log-files.test.ts')
  const { status, stdout } = spawnSync(process.execPath, ['--test', '--test-timeout=880000', scenario], {
    cwd: ROOT,
    env: { ...inherited, ...settings },
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20
  })
  for (const line of stdout.split('\n').filter((said) => /^[✔✖ℹ]/.test(said))) t.diagnostic(line)
  strictEqual(status, 0, stdout)
}
