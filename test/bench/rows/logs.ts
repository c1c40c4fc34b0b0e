// Log lines per second of CPU time: the gateway with its whole pipeline, redaction and an exporter included, beside servers that only read the same.
import { execFile } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Contestant, contestOf, type Outcome } from '../contest.ts'
import { type Budget, type Line, median, type Report, type Row, ratios, type Settings } from '../figures.ts'
import { FROM_SOURCE, startGateway } from '../gateway.ts'
import type { LoadResult } from '../load.ts'
import { LINES_IN_BLOCK, LogBlock, type Wrapping } from '../log-block.ts'
import type { LogLoad } from '../log-load.ts'
import { startHere, withStage } from '../stage.ts'

const LOAD = join(import.meta.dirname, '..', 'log-load.ts')
const QUARTER: Budget = { of: 'ratio', bound: 'at least', limit: 0.25 }
const CONNECTIONS = 8
const FILES = 8
const FILE_BYTES_PER_SECOND = 40e6
const FILES_WITHIN_MS = 60_000
const LOOK_MS = 250

export const logsTcp: Row = { name: 'logs-tcp', measure: (settings) => lines('logs-tcp', 'lines', settings) }
export const logsHttp: Row = { name: 'logs-http', measure: (settings) => lines('logs-http', 'http', settings) }
export const logsSyslog: Row = { name: 'logs-syslog', measure: (settings) => lines('logs-syslog', 'syslog', settings) }

const PORTS = { lines: 'tcp', http: 'http', syslog: 'syslog' } as const
const NULLS = {
  tcp: 'a server that splits lines',
  http: 'a Fastify route that answers 200',
  files: 'a program that splits lines'
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
    return reportsOf(row, [ours, none], NULLS[kind], way === 'syslog' ? 'syslog' : 'lines', QUARTER, await accepted(gateway.admin))
  })
}

export const logsFiles: Row = {
  name: 'logs-files',
  async measure(settings) {
    const dir = mkdtempSync(join(tmpdir(), 'sluice-bench-pods-'))
    try {
      return await withStage(async (begin) => {
        // By `pods`, a path says that it is a container's.
        const dirs = [join(dir, 'ours', 'pods'), join(dir, 'null', 'pods')]
        for (const each of dirs) mkdirSync(each, { recursive: true })
        const sink = await begin(startHere('sink.ts'))
        const receivers = { otlp: { http: '127.0.0.1:0', grpc: 'off' }, logs: 'off', files: { include: [`${dirs[0]}/*/*/*.log`] } }
        const gateway = await begin(startGateway(sink.port, FROM_SOURCE, { receivers }))
        const reader = await begin(startHere('null-lines.ts', ['files', dirs[1]]))
        const contestants = [
          { name: 'sluice', pid: gateway.pid, port: gateway.admin },
          { name: NULLS.files, pid: reader.pid, port: reader.port }
        ]
        const [ours, none] = await contestOf(contestants, filesFor(dirs, contestants), settings)
        const reports = reportsOf('logs-files', [ours, none], NULLS.files, 'cri', QUARTER, await accepted(gateway.admin))
        const [{ row, unit, values }] = reports
        return [...reports, { row, unit, values, subject: 'sluice, by itself', budget: { of: 'value', bound: 'at least', limit: 30 } }]
      })
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  }
}

// Writes files of containers for one contestant, and waits until it has read them.
function filesFor(dirs: readonly string[], contestants: readonly Contestant[]): (one: Contestant, seconds: number) => Promise<LoadResult> {
  const block = new LogBlock(1, 'cri')
  const expected = contestants.map(() => 0)
  let pods = 0
  return async (one, seconds) => {
    const which = contestants.indexOf(one)
    const startedAtMs = performance.now()
    const blocks = Math.ceil((seconds * FILE_BYTES_PER_SECOND) / FILES / block.bytes.length)
    for (let i = 0; i < FILES; i++) {
      const uid = `${String(pods++).padStart(8, '0')}-0000-4000-8000-000000000000`
      const container = join(dirs[which], `media_dubbing-worker-${pods}_${uid}`, 'worker')
      mkdirSync(container, { recursive: true })
      const file = openSync(join(container, '0.log'), 'w')
      for (let written = 0; written < blocks; written++) writeSync(file, block.next())
      closeSync(file)
    }
    const lines = FILES * blocks * LINES_IN_BLOCK
    expected[which] += lines
    while ((await linesRead(which, one.port)) < expected[which]) {
      if (performance.now() - startedAtMs > FILES_WITHIN_MS) throw new Error(`${one.name} has not read its files in time`)
      await sleep(LOOK_MS)
    }
    return { accepted: lines, refused: 0, seconds: (performance.now() - startedAtMs) / 1000 }
  }
}

async function linesRead(which: number, port: number): Promise<number> {
  if (which === 0) return sumOn(await pageOf(port), 'sluice_log_lines_total', 'outcome="accepted"')
  return ((await (await fetch(`http://127.0.0.1:${port}/`)).json()) as { lines: number }).lines
}

function reportsOf(
  row: string,
  [ours, none]: readonly Outcome[],
  subject: string,
  wrapping: Wrapping,
  budget: Budget,
  what: string
): Line[] {
  const megabytes = new LogBlock(1, wrapping).bytes.length / LINES_IN_BLOCK / 1e6
  const unit = 'MB / CPU-s'
  const values = ours.itemsPerCpuSecond.map((items) => items * megabytes)
  const others = none.itemsPerCpuSecond.map((items) => items * megabytes)
  const note = ({ itemsPerCpuSecond, refused }: Outcome): string =>
    `${(median(itemsPerCpuSecond) / 1000).toFixed(0)}k records / CPU-s${refused === 0 ? '' : `; ${refused} requests refused`}`
  return [
    {
      ...{ row, unit, values, budget },
      subject: 'sluice, whole pipeline',
      against: { subject, ratios: ratios(values, others) },
      note: `${note(ours)}; ${what}`
    },
    { row, unit, values: others, subject, note: note(none) }
  ]
}

async function send(load: LogLoad): Promise<LoadResult> {
  const { stdout } = await promisify(execFile)(process.execPath, [LOAD, JSON.stringify(load)])
  return JSON.parse(stdout) as LoadResult
}

// A gateway that drops what it cannot take is fast, so the table says what it did.
async function accepted(admin: number): Promise<string> {
  const page = await pageOf(admin)
  const lines = sumOn(page, 'sluice_log_lines_total', 'outcome="accepted"')
  const learned = sumOn(page, 'sluice_correlate_records_total', 'outcome="learned"')
  return `${(lines / 1e6).toFixed(2)} M accepted, ${sumOn(page, 'sluice_log_dropped_total')} dropped, ${learned} ids learned`
}

async function pageOf(admin: number): Promise<string> {
  return (await fetch(`http://127.0.0.1:${admin}/metrics`)).text()
}

function sumOn(page: string, name: string, label = ''): number {
  return page
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && line.includes(label))
    .reduce((all, line) => all + Number(line.split(' ').at(-1)), 0)
}
