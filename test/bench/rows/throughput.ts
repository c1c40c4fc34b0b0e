// Spans per second of CPU time: the gateway with its whole pipeline, beside servers that only read, and beside the peers that are on the PATH.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Contestant, contest, type LoadShape } from '../contest.ts'
import { type Budget, type Report, type Row, ratios, type Settings } from '../figures.ts'
import { startGateway } from '../gateway.ts'
import { findPeers, startPeer } from '../peers.ts'
import { freePort } from '../processes.ts'
import { startHere, withStage } from '../stage.ts'

const HALF: Budget = { of: 'ratio', bound: 'at least', limit: 0.5 }
const THREEFOLD: Budget = { of: 'ratio', bound: 'at least', limit: 3 }
const LARGE = { items: 256, gzip: false }
const SMALL = { items: 10, gzip: false }
const HTTP = { transport: 'http', connections: 16, streams: 1 } as const
const GRPC = { transport: 'grpc', connections: 4, streams: 4 } as const

/** A server that only reads. */
interface Null {
  readonly name: string
  readonly file: string
  readonly args: readonly string[]
}

const NULL_HTTP: Null = { name: 'a Fastify route that answers 200', file: 'null-http.ts', args: [] }
const NULL_GRPC: Null = { name: 'a null service on the same gRPC layer', file: 'null-grpc.ts', args: [] }
const NULL_GRPC_JS: Null = { name: 'a null service on @grpc/grpc-js', file: 'null-grpc.ts', args: ['grpc-js'] }

export const http: Row = {
  name: 'http',
  measure: (settings) => throughput('http', { ...HTTP, ...LARGE }, [NULL_HTTP], HALF, settings)
}

export const httpSmall: Row = {
  name: 'http-small',
  measure: (settings) => throughput('http-small', { ...HTTP, ...SMALL, connections: 32 }, [NULL_HTTP], HALF, settings)
}

export const httpGzip: Row = {
  name: 'http-gzip',
  measure: (settings) => throughput('http-gzip', { ...HTTP, ...LARGE, gzip: true }, [NULL_HTTP], undefined, settings)
}

export const grpc: Row = {
  name: 'grpc',
  measure: (settings) => throughput('grpc', { ...GRPC, ...LARGE }, [NULL_GRPC, NULL_GRPC_JS], HALF, settings)
}

export const grpcSmall: Row = {
  name: 'grpc-small',
  measure: (settings) => throughput('grpc-small', { ...GRPC, ...SMALL, streams: 8 }, [NULL_GRPC, NULL_GRPC_JS], undefined, settings)
}

export const peers: Row = { name: 'peers', measure: measurePeers }

async function throughput(
  row: string,
  shape: LoadShape,
  nulls: readonly Null[],
  budget: Budget | undefined,
  settings: Settings
): Promise<Report[]> {
  return withStage(async (begin) => {
    const sink = await begin(startHere('sink.ts'))
    const gateway = await begin(startGateway(sink.port))
    const contestants: Contestant[] = [{ name: 'sluice', pid: gateway.pid, port: gateway[shape.transport] }]
    for (const { name, file, args } of nulls) {
      const server = await begin(startHere(file, args))
      contestants.push({ name, pid: server.pid, port: server.port })
    }
    const [ours, ...others] = await contest(contestants, shape, settings)
    return [
      {
        row,
        subject: 'sluice, whole pipeline',
        unit: 'M spans / CPU-s',
        values: ours.itemsPerCpuSecond.map(millions),
        against: { subject: nulls[0].name, ratios: ratios(ours.itemsPerCpuSecond, others[0].itemsPerCpuSecond) },
        ...(budget === undefined ? {} : { budget }),
        note: refusedNote(ours.refused)
      },
      ...others.map(({ itemsPerCpuSecond, refused }, i) => ({
        row,
        subject: nulls[i].name,
        unit: 'M spans / CPU-s',
        values: itemsPerCpuSecond.map(millions),
        note: refusedNote(refused)
      }))
    ]
  })
}

async function measurePeers(settings: Settings): Promise<Report[]> {
  const { found, missing } = findPeers()
  const reports: Report[] = []
  for (const one of found) {
    for (const shape of [
      { ...HTTP, ...LARGE },
      { ...GRPC, ...LARGE }
    ]) {
      const row = `peers, ${shape.transport}`
      try {
        reports.push(...(await beside(row, one, shape, settings)))
      } catch (error) {
        reports.push({ row, skipped: `${one.peer.name}: ${(error as Error).message}` })
      }
    }
  }
  if (missing.length > 0) reports.push({ row: 'peers', skipped: `${missing.join(', ')}: not on the PATH` })
  return reports
}

async function beside(
  row: string,
  one: ReturnType<typeof findPeers>['found'][number],
  shape: LoadShape,
  settings: Settings
): Promise<Report[]> {
  return withStage(async (begin) => {
    const sink = await begin(startHere('sink.ts'))
    const gateway = await begin(startGateway(sink.port))
    const peerSink = await begin(startHere('sink.ts'))
    const ports = { http: await freePort(), grpc: await freePort(), sink: peerSink.port }
    const dir = mkdtempSync(join(tmpdir(), 'sluice-bench-peer-'))
    const peer = await begin(startPeer(one, dir, ports), () => rmSync(dir, { recursive: true, force: true }))
    const { name, differs } = one.peer
    const [ours, theirs] = await contest(
      [
        { name: 'sluice', pid: gateway.pid, port: gateway[shape.transport] },
        { name, pid: peer.pid, port: ports[shape.transport] }
      ],
      shape,
      settings
    )
    const against = { subject: name, ratios: ratios(ours.itemsPerCpuSecond, theirs.itemsPerCpuSecond) }
    const sent = [await sentTo(sink.port), await sentTo(peerSink.port)]
    return [
      {
        row,
        subject: 'sluice, whole pipeline',
        unit: 'M spans / CPU-s',
        values: ours.itemsPerCpuSecond.map(millions),
        against,
        ...(name === 'otelcol-contrib' ? { budget: THREEFOLD } : {}),
        note: `${sent[0]} MB sent${refusedNote(ours.refused)}`
      },
      {
        row,
        subject: name,
        unit: 'M spans / CPU-s',
        values: theirs.itemsPerCpuSecond.map(millions),
        note: `${sent[1]} MB sent${refusedNote(theirs.refused)}; ${differs}`
      }
    ]
  })
}

async function sentTo(port: number): Promise<string> {
  const { bytes } = (await (await fetch(`http://127.0.0.1:${port}/`)).json()) as { bytes: number }
  return (bytes / 1e6).toFixed(1)
}

const millions = (value: number): number => value / 1e6
const refusedNote = (refused: number): string => (refused === 0 ? '' : ` ${refused} requests refused`)
