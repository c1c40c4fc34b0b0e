import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { until } from '../support/gateway-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

/** A series of an answer: one value, or one for each step. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [number, string]
  readonly values?: readonly (readonly [number, string])[]
}

export interface Prometheus {
  /** Base URL of its API. */
  readonly url: string
  readonly query: (promql: string) => Promise<Series[]>
  // biome-ignore lint/suspicious/noExplicitAny: an answer of Prometheus, for the test to look into
  readonly get: (path: string) => Promise<any>
}

/**
 * Starts a real Prometheus that scrapes every second, keeps exemplars, and is gone when the test has ended. `more` is more of its
 * configuration; in `dir/data` there may be blocks of a past.
 */
export async function startPrometheus(t: TestContext, jobs: object[], more: object = {}, dir = temporaryDirectory()): Promise<Prometheus> {
  // JSON is YAML.
  writeFileSync(
    join(dir, 'prometheus.yml'),
    JSON.stringify({ global: { scrape_interval: '1s', scrape_timeout: '1s' }, scrape_configs: jobs, ...more })
  )
  const args = [
    `--config.file=${dir}/prometheus.yml`,
    `--storage.tsdb.path=${dir}/data`,
    '--web.listen-address=127.0.0.1:0',
    '--storage.tsdb.retention.time=1y'
  ]
  const child = spawn('prometheus', [...args, '--enable-feature=exemplar-storage'], { stdio: ['ignore', 'ignore', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  const url = `http://${await addressOf(child)}`
  await until(
    async () => (await fetch(`${url}/-/ready`)).status,
    (status) => status === 200
  )
  const get = async (path: string) => {
    const answer = (await (await fetch(`${url}/api/v1/${path}`)).json()) as { status: string; error?: string; data: unknown }
    if (answer.status !== 'success') throw new Error(`${answer.error}: ${path}`)
    return answer.data
  }
  const query = async (promql: string) => ((await get(`query?query=${encodeURIComponent(promql)}`)) as { result: Series[] }).result
  return { url, get, query }
}

/** Where a program of Prometheus' family listens, as it says on stderr. */
export async function addressOf(child: ChildProcess): Promise<string> {
  const said: string[] = []
  for await (const line of createInterface({ input: child.stderr! })) {
    said.push(line)
    const [, address] = /Listening on.*address=([\d.]+:\d+)/.exec(line) ?? []
    if (address === undefined) continue
    child.stderr!.resume()
    return address
  }
  throw new Error(`it did not start:\n${said.join('\n')}`)
}
