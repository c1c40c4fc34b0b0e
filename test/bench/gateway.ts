import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Running, start } from './processes.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/** A way to run the gateway. */
export interface Build {
  readonly name: string
  readonly main: string
  readonly env: Record<string, string>
}

/** What `npm start` sets, and an image should. */
const MALLOC = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '131072' }

/** As `npm start` does. */
export const FROM_SOURCE: Build = {
  name: 'from source',
  main: join(ROOT, 'src', 'main.ts'),
  env: { ...MALLOC, NODE_COMPILE_CACHE: join(ROOT, 'node_modules', '.cache', 'sluice') }
}

/** Bundles the gateway. Throws where that is not possible. */
export function bundled(): Build {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  if (scripts.bundle === undefined) throw new Error('there is no bundle command')
  execFileSync('npm', ['run', '-s', 'bundle'], { cwd: ROOT, stdio: 'pipe' })
  return { name: 'bundled', main: join(ROOT, 'dist', 'sluice.js'), env: MALLOC }
}

export interface GatewayUnderTest extends Running {
  readonly http: number
  readonly grpc: number
  readonly admin: number
  /** Log lines and syslog. */
  readonly tcp: number
  readonly syslog: number
}

/** Starts the gateway as users do: a process of its own, on the defaults but for a queue on disk, one OTLP exporter and what `sections` says. */
export async function startGateway(sinkPort: number, build = FROM_SOURCE, sections: object = {}): Promise<GatewayUnderTest> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  const file = join(dir, 'sluice.yaml')
  const config = {
    receivers: {
      logs: { tcp: '127.0.0.1:0', syslog: '127.0.0.1:0', fluent: '127.0.0.1:0' },
      otlp: { http: '127.0.0.1:0', grpc: '127.0.0.1:0' }
    },
    queue: { dir: join(dir, 'queue') },
    exporters: { otlp: { endpoint: `http://127.0.0.1:${sinkPort}` }, prometheus: {} },
    admin: { listen: '127.0.0.1:0' },
    ...sections
  }
  // JSON is YAML too.
  writeFileSync(file, JSON.stringify(config))
  const running = await start({
    command: process.execPath,
    args: [build.main, 'run', '--config', file],
    env: build.env,
    ready: /"msg":"ready"/
  })
  const { listening } = JSON.parse(running.said) as { listening: Record<'http' | 'grpc' | 'admin' | 'tcp' | 'syslog', string[]> }
  const portOf = (name: keyof typeof listening): number => Number(listening[name]?.[0]?.split(':').at(-1))
  const end = async (): Promise<void> => {
    await running.end()
    rmSync(dir, { recursive: true, force: true })
  }
  return {
    ...running,
    http: portOf('http'),
    grpc: portOf('grpc'),
    admin: portOf('admin'),
    tcp: portOf('tcp'),
    syslog: portOf('syslog'),
    end
  }
}
