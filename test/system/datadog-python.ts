import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { until } from '../support/gateway-process.ts'
import { failureOf, isHere, madeOnce } from './clients.ts'

/** Where the programs in Python are, and what they need is told. */
export const SOURCES = join(import.meta.dirname, 'datadog-python')

/** Datadog's tracer for Python and its test agent, in a directory that is kept; or why they cannot be had. */
export function installPython(): { readonly skip: string } | { readonly skip: false; readonly bin: string } {
  if (!isHere('python3', '-m', 'venv', '--help')) return { skip: 'SKIPPED: there is no python3 with venv here' }
  try {
    const dir = madeOnce('datadog-python', SOURCES, (dir) => {
      execFileSync('python3', ['-m', 'venv', dir], { stdio: 'pipe' })
      execFileSync(join(dir, 'bin', 'pip'), ['install', '--quiet', '--requirement', join(SOURCES, 'requirements.txt')], { stdio: 'pipe' })
    })
    return { skip: false, bin: join(dir, 'bin') }
  } catch (error) {
    return { skip: `SKIPPED: Datadog’s packages for Python could not be installed: ${failureOf(error)}` }
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const CHECKS = ['trace_count_header', 'meta_tracer_version_header', 'trace_content_length', 'trace_stall', 'meta_events_is_valid_json']

/** Starts Datadog's own checker of what tracers send. Resolves with its address when it answers. */
export async function startTestAgent(t: { after(done: () => unknown): void }, bin: string): Promise<string> {
  const [port, http, grpc] = [await freePort(), await freePort(), await freePort()]
  const args = ['--port', port, '--otlp-http-port', http, '--otlp-grpc-port', grpc].map(String)
  const child = spawn(join(bin, 'ddapm-test-agent'), args, {
    stdio: 'ignore',
    env: { PATH: process.env.PATH, ENABLED_CHECKS: CHECKS.join(',') }
  })
  t.after(() => child.kill('SIGKILL'))
  const url = `http://127.0.0.1:${port}`
  await until(
    () =>
      fetch(`${url}/info`).then(
        ({ ok }) => ok,
        () => false
      ),
    (ok) => ok
  )
  return url
}
