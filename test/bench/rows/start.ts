// From exec to serving.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Budget, Report, Row, Settings } from '../figures.ts'
import { FROM_SOURCE, startGateway } from '../gateway.ts'
import { start as startProgram } from '../processes.ts'
import { startHere, withStage } from '../stage.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const BUNDLE = join(ROOT, 'dist', 'sluice.js')
const NOTHING = 'console.log("ready"); setTimeout(() => {}, 60_000)'

const atMost = (limit: number): Budget => ({ of: 'value', bound: 'at most', limit })

export const start: Row = {
  name: 'start',
  async measure(settings) {
    const reports: Report[] = [await startsOf('sluice, from source', FROM_SOURCE, settings, atMost(400))]
    const reason = bundle()
    reports.push(
      reason === undefined
        ? await startsOf('sluice, bundled', [BUNDLE], settings, atMost(250))
        : { row: 'start', skipped: `bundled: ${reason}` }
    )
    const values: number[] = []
    for (let round = 0; round < settings.rounds; round++) {
      const running = await startProgram({ command: process.execPath, args: ['--eval', NOTHING], ready: /^ready$/ })
      values.push(running.readyMs)
      await running.end()
    }
    reports.push({ row: 'start', subject: 'Node alone', unit: 'ms', values })
    return reports
  }
}

async function startsOf(subject: string, code: readonly string[], { rounds }: Settings, budget: Budget): Promise<Report> {
  return withStage(async (begin) => {
    const sink = await begin(startHere('sink.ts'))
    const values: number[] = []
    // The first one does not count: it may fill the caches that the others find.
    for (let round = -1; round < rounds; round++) {
      const gateway = await startGateway(sink.port, {}, code)
      if (round >= 0) values.push(gateway.readyMs)
      await gateway.end()
    }
    return { row: 'start', subject, unit: 'ms', values, budget }
  })
}

// Makes the bundle; says why it cannot.
function bundle(): string | undefined {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  if (scripts.bundle === undefined) return 'there is no bundle command'
  try {
    execFileSync('npm', ['run', '-s', 'bundle'], { cwd: ROOT, stdio: 'pipe' })
  } catch (error) {
    return `npm run bundle: ${(error as Error).message.split('\n')[0]}`
  }
  return existsSync(BUNDLE) ? undefined : `npm run bundle made no ${BUNDLE}`
}
