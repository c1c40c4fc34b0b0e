import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Running, start } from './processes.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

export interface GatewayUnderTest extends Running {
  readonly http: number
  readonly grpc: number
  readonly admin: number
}

/** Where the gateway begins: from source, as `npm start` does. */
export const FROM_SOURCE: readonly string[] = [MAIN]

/** The shipped configuration with a queue on disk and one OTLP exporter; `queue` and `exporter` add lines to either. */
export function configOf(dir: string, sinkPort: number, { queue = '', exporter = '' } = {}): string {
  return [
    'receivers: { otlp: { http: "127.0.0.1:0", grpc: "127.0.0.1:0" } }',
    `queue: { dir: ${JSON.stringify(join(dir, 'queue'))}${queue} }`,
    `exporters: { otlp: { endpoint: "http://127.0.0.1:${sinkPort}"${exporter} }, prometheus: {} }`,
    'admin: { listen: "127.0.0.1:0" }'
  ].join('\n')
}

/** Starts the gateway as users do: a process of its own, told by a file. */
export async function startGateway(
  sinkPort: number,
  more: { queue?: string; exporter?: string } = {},
  code = FROM_SOURCE
): Promise<GatewayUnderTest> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  const file = join(dir, 'sluice.yaml')
  writeFileSync(file, configOf(dir, sinkPort, more))
  const running = await start({ command: process.execPath, args: [...code, 'run', '--config', file], ready: /"msg":"ready"/ })
  const { listening } = JSON.parse(running.said) as { listening: Record<'http' | 'grpc' | 'admin', string[]> }
  const portOf = (name: 'http' | 'grpc' | 'admin'): number => Number(listening[name][0].split(':').at(-1))
  const end = async (): Promise<void> => {
    await running.end()
    rmSync(dir, { recursive: true, force: true })
  }
  return { ...running, http: portOf('http'), grpc: portOf('grpc'), admin: portOf('admin'), end }
}
