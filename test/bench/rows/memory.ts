// Resident memory: at rest, under a steady load, and under more than it can take.
import { setTimeout as sleep } from 'node:timers/promises'
import { runLoad } from '../contest.ts'
import { type Line, median, type Report, type Row, type Settings } from '../figures.ts'
import { type Build, bundled, FROM_SOURCE, type GatewayUnderTest, startGateway } from '../gateway.ts'
import type { Load } from '../load.ts'
import { residentMegabytes } from '../processes.ts'
import { startHere, withStage } from '../stage.ts'

const IDLE_MS = 4000
const IDLE_MS_SHORT = 1000
const LOOK_MS = 250
const STEADY_ITEMS_PER_SECOND = 5000
const STEADY_ITEMS = 256
/** Requests of 256 spans that all want in at once: several times what inFlightMax lets in. */
const OVERLOAD = { items: 256, connections: 512, streams: 1, gzip: false, rate: 0 } as const
const OVERLOAD_SECONDS_MAX = 10
/** What the configuration lets requests and the queue hold in memory, in MB. */
const IN_FLIGHT_MAX_MB = 64
const QUEUE_MEMORY_MAX_MB = 64

const MEGABYTES = 'MB'

export const memory: Row = {
  name: 'memory',
  async measure(settings) {
    const idle = await idleMemory(settings, FROM_SOURCE)
    const reports: Report[] = [idle]
    try {
      reports.push(await idleMemory(settings, bundled()))
    } catch (error) {
      reports.push({ row: 'memory, idle', skipped: `bundled: ${(error as Error).message}` })
    }
    return [...reports, ...(await steadyMemory(settings)), ...(await overloadMemory(settings, median(idle.values)))]
  }
}

async function idleMemory({ rounds, seconds }: Settings, build: Build): Promise<Line> {
  const values: number[] = []
  const anonymous: number[] = []
  for (let round = 0; round < Math.min(rounds, 3); round++) {
    await withStage(async (begin) => {
      const sink = await begin(startHere('sink.ts'))
      const gateway = await begin(startGateway(sink.port, build))
      await sleep(seconds < 1 ? IDLE_MS_SHORT : IDLE_MS)
      const resident = residentMegabytes(gateway.pid)
      values.push(resident.all)
      anonymous.push(resident.anonymous)
    })
  }
  return {
    row: 'memory, idle',
    subject: `sluice, all exporters on, ${build.name}`,
    unit: MEGABYTES,
    values,
    budget: { of: 'value', bound: 'at most', limit: 90 },
    note: `${median(anonymous).toFixed(0)} MB without pages of files`
  }
}

async function steadyMemory({ soakSeconds }: Settings): Promise<Report[]> {
  return withStage(async (begin) => {
    const sink = await begin(startHere('sink.ts'))
    const gateway = await begin(startGateway(sink.port))
    const steady = { transport: 'http', port: gateway.http, items: STEADY_ITEMS, gzip: false, connections: 4, streams: 1 } as const
    const loads = (['traces', 'logs'] as const).map((signal) => ({
      ...steady,
      signal,
      seconds: soakSeconds,
      rate: STEADY_ITEMS_PER_SECOND
    }))
    const { looks, refused } = await watched(gateway, loads)
    const third = Math.max(1, Math.floor(looks.length / 3))
    const growth = median(looks.slice(-third)) / median(looks.slice(third, 2 * third))
    return [
      {
        row: 'memory, steady',
        subject: `sluice, 5,000 spans and 5,000 logs a second for ${soakSeconds} s`,
        unit: MEGABYTES,
        values: looks,
        budget: { of: 'worst', bound: 'at most', limit: 150 },
        note: `the last third is ${growth.toFixed(2)} × the middle one${refused === 0 ? '' : `; ${refused} requests refused`}`
      }
    ]
  })
}

async function overloadMemory({ seconds }: Settings, idleMegabytes: number): Promise<Report[]> {
  return withStage(async (begin) => {
    const sink = await begin(startHere('sink.ts'))
    const gateway = await begin(startGateway(sink.port))
    const load: Load = {
      ...OVERLOAD,
      transport: 'http',
      port: gateway.http,
      signal: 'traces',
      seconds: Math.min(OVERLOAD_SECONDS_MAX, 4 * seconds)
    }
    const { looks, refused } = await watched(gateway, [load])
    return [
      {
        row: 'memory, overload',
        subject: `sluice, ${OVERLOAD.connections} senders that do not wait`,
        unit: MEGABYTES,
        values: looks,
        budget: { of: 'worst', bound: 'at most', limit: Math.round(idleMegabytes) + IN_FLIGHT_MAX_MB + QUEUE_MEMORY_MAX_MB },
        note: `${refused} requests refused`
      }
    ]
  })
}

// Looks at the memory of a gateway for as long as the loads last.
async function watched(gateway: GatewayUnderTest, loads: readonly Load[]): Promise<{ looks: number[]; refused: number }> {
  const looks: number[] = []
  const timer = setInterval(() => looks.push(residentMegabytes(gateway.pid).all), LOOK_MS)
  try {
    const results = await Promise.all(loads.map(runLoad))
    return { looks, refused: results.reduce((sum, { refused }) => sum + refused, 0) }
  } finally {
    clearInterval(timer)
  }
}
