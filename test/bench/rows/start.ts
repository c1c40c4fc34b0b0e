// From exec to serving.
import type { Budget, Report, Row, Settings } from '../figures.ts'
import { type Build, bundled, FROM_SOURCE, startGateway } from '../gateway.ts'
import { start as startProgram } from '../processes.ts'
import { startHere, withStage } from '../stage.ts'

const NOTHING = 'console.log("ready"); setTimeout(() => {}, 60_000)'

const atMost = (limit: number): Budget => ({ of: 'value', bound: 'at most', limit })

export const start: Row = {
  name: 'start',
  async measure(settings) {
    const reports: Report[] = [await startsOf(FROM_SOURCE, settings, atMost(400))]
    try {
      reports.push(await startsOf(bundled(), settings, atMost(250)))
    } catch (error) {
      reports.push({ row: 'start', skipped: `bundled: ${(error as Error).message}` })
    }
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

async function startsOf(build: Build, { rounds }: Settings, budget: Budget): Promise<Report> {
  return withStage(async (begin) => {
    const sink = await begin(startHere('sink.ts'))
    const values: number[] = []
    // The first one does not count: it may fill the caches that the others find.
    for (let round = -1; round < rounds; round++) {
      const gateway = await startGateway(sink.port, build)
      if (round >= 0) values.push(gateway.readyMs)
      await gateway.end()
    }
    return { row: 'start', subject: `sluice, ${build.name}`, unit: 'ms', values, budget }
  })
}
