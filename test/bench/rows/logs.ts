// Log lines per second of CPU time: the gateway with its whole pipeline, redaction and an exporter included, beside servers that only read the same.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { contestOf } from '../contest.ts'
import { type Budget, type Report, type Row, ratios, type Settings } from '../figures.ts'
import { startGateway } from '../gateway.ts'
import type { LoadResult } from '../load.ts'
import { LINES_IN_BLOCK, LogBlock } from '../log-block.ts'
import type { LogLoad } from '../log-load.ts'
import { startHere, withStage } from '../stage.ts'

const LOAD = join(import.meta.dirname, '..', 'log-load.ts')
const QUARTER: Budget = { of: 'ratio', bound: 'at least', limit: 0.25 }
const CONNECTIONS = 8

export const logsTcp: Row = { name: 'logs-tcp', measure: (settings) => lines('logs-tcp', 'lines', settings) }
export const logsHttp: Row = { name: 'logs-http', measure: (settings) => lines('logs-http', 'http', settings) }
export const logsSyslog: Row = { name: 'logs-syslog', measure: (settings) => lines('logs-syslog', 'syslog', settings) }

const PORTS = { lines: 'tcp', http: 'http', syslog: 'syslog' } as const
const NULLS = {
  tcp: 'a server that splits lines',
  http: 'a Fastify route that answers 200'
} as const

async function lines(row: string, way: LogLoad['way'], settings: Settings): Promise<Report[]> {
  return withStage(async (begin) => {
    const sink = await begin(startHere('sink.ts'))
    const gateway = await begin(startGateway(sink.port))
    const kind = way === 'http' ? 'http' : 'tcp'
    const reader = await begin(startHere('null-lines.ts', [kind]))
    const [ours, none] = await contestOf(
      [
        { name: 'sluice', pid: gateway.pid, port: gateway[PORTS[way]] },
        { name: NULLS[kind], pid: reader.pid, port: reader.port }
      ],
      ({ port }, seconds) => send({ way, port, seconds, connections: CONNECTIONS, rate: 0 }),
      settings
    )
    const megabytes = new LogBlock(1, way === 'syslog' ? 'syslog' : 'lines').bytes.length / LINES_IN_BLOCK / 1e6
    const unit = 'MB / CPU-s'
    const values = ours.itemsPerCpuSecond.map((items) => items * megabytes)
    const others = none.itemsPerCpuSecond.map((items) => items * megabytes)
    const note = (one: typeof ours): string => {
      const thousands = one.itemsPerCpuSecond.map((items) => items / 1000).sort((a, b) => a - b)[one.itemsPerCpuSecond.length >> 1]
      return `${thousands.toFixed(0)}k records / CPU-s${one.refused === 0 ? '' : `; ${one.refused} requests refused`}`
    }
    return [
      {
        ...{ row, unit, values, budget: QUARTER },
        subject: 'sluice, whole pipeline',
        against: { subject: NULLS[kind], ratios: ratios(values, others) },
        note: `${note(ours)}; ${await accepted(gateway.admin)}`
      },
      { row, unit, values: others, subject: NULLS[kind], note: note(none) }
    ]
  })
}

async function send(load: LogLoad): Promise<LoadResult> {
  const { stdout } = await promisify(execFile)(process.execPath, [LOAD, JSON.stringify(load)])
  return JSON.parse(stdout) as LoadResult
}

// A gateway that drops what it cannot take is fast, so the table says what it did.
async function accepted(admin: number): Promise<string> {
  const page = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text()
  const sum = (name: string, label = ''): number =>
    page
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) && line.includes(label))
      .reduce((all, line) => all + Number(line.split(' ').at(-1)), 0)
  const dropped = sum('sluice_log_dropped_total')
  const learned = sum('sluice_correlate_records_total', 'outcome="learned"')
  return `${(sum('sluice_log_lines_total', 'outcome="accepted"') / 1e6).toFixed(2)} M accepted, ${dropped} dropped, ${learned} ids learned`
}
