import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { until } from '../support/gateway-process.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
const READY_WITHIN_MS = 60_000

/** `sluice inject --serve` as the chart's pod runs it, but for the container. */
export interface InjectorProcess {
  readonly log: readonly Record<string, unknown>[]
  /** Base URL of /metrics, /healthz and /readyz. */
  readonly admin: string
  /** Sends a signal, and waits for nothing. */
  signal(name: NodeJS.Signals): void
  /** Sends SIGTERM, and waits for the exit code. */
  stop(): Promise<number | null>
}

/** Starts an injector with this file, and resolves when it says that it is ready. */
export async function startInjector(
  t: { after(done: () => unknown): void },
  { dir, settings, admin }: { dir: string; settings: string; admin: string }
): Promise<InjectorProcess> {
  const file = join(dir, 'inject.yaml')
  writeFileSync(file, settings)
  const child = spawn(process.execPath, [MAIN, 'inject', '--serve', '--config', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH }
  })
  t.after(() => child.kill('SIGKILL'))
  const log: Record<string, unknown>[] = []
  createInterface({ input: child.stderr! }).on('line', (line) => log.push(line.startsWith('{') ? JSON.parse(line) : { msg: line }))
  await until(
    async () => {
      if (child.exitCode !== null) throw new Error(`the injector ended with ${child.exitCode}: ${JSON.stringify(log)}`)
      const answer = await fetch(`${admin}/readyz`).catch(() => null)
      return { status: answer?.status, body: await answer?.text(), log }
    },
    ({ status }) => status === 200,
    READY_WITHIN_MS
  )
  return {
    log,
    admin,
    signal: (name) => void child.kill(name),
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit')
        child.kill('SIGTERM')
        await ended
      }
      return child.exitCode
    }
  }
}
