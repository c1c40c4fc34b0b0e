import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { until } from '../support/gateway-process.ts'
import { type PythonPackages, pythonPackages } from './python-packages.ts'

/** Where the programs in Python are, and what they need is told. */
export const SOURCES = join(import.meta.dirname, 'datadog-python')

/** Datadog's tracer for Python and its test agent. */
export const installPython = (): PythonPackages => pythonPackages('datadog-python', SOURCES, 'Datadog’s packages for Python')

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
