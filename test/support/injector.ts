import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Injector, type InjectorLog } from '../../src/inject/injector.ts'
import { type Called, type CallOptions, call } from './admission-reviews.ts'
import { until } from './gateway-process.ts'
import type { KubeApi } from './kube-api.ts'
import { temporaryDirectory } from './temporary-directory.ts'

export interface TestInjector {
  readonly injector: Injector
  readonly file: string
  /** What it has logged, fields and words. */
  readonly said: Record<string, unknown>[]
  readonly port: number
  /** The ways in: as the API server calls, with the authorities of the webhook configuration unless told otherwise. */
  call(body: unknown, options?: Partial<CallOptions>): Promise<Called>
  admin(path: string): Promise<{ status: number; text: string }>
  /** One sample of /metrics; 0 while there is none. */
  metric(series: string): Promise<number>
  configure(yaml: string): void
}

export interface InjectorParts {
  readonly api?: KubeApi
  /** The parts `tls` and the rest of `webhook`, laid over those of tests. */
  readonly tls?: object
  readonly webhook?: object
  readonly sidecar?: object
  readonly nowMs?: () => number
  /** Does not wait until it is ready. */
  readonly unready?: boolean
}

/** Settings as a file says them; JSON is YAML. */
export const settingsOf = ({ api, tls, webhook, sidecar = {} }: InjectorParts): string =>
  JSON.stringify({
    sidecar,
    webhook: {
      listen: '127.0.0.1:0',
      admin: '127.0.0.1:0',
      logLevel: 'debug',
      tls: { checkInterval: '50ms', settle: '0s', clockSkew: '0s', ...tls },
      ...(api === undefined ? {} : { kubernetes: { timeout: '20s', ...api.settings } }),
      ...webhook
    }
  })

/** An injector in this process, with an API server of the test's own, which ends with the test. */
export async function startInjector(t: { after(done: () => unknown): void }, parts: InjectorParts): Promise<TestInjector> {
  const { api, nowMs, unready } = parts
  const file = join(temporaryDirectory(), 'inject.yaml')
  writeFileSync(file, settingsOf(parts))
  const said: Record<string, unknown>[] = []
  const say = (level: string) => (fields: object, message: string) => void said.push({ level, message, ...fields })
  const log: InjectorLog = { level: 'info', debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
  const injector = await Injector.start({ file, env: {}, log, version: '1.2.3', ...(nowMs === undefined ? {} : { nowMs }) })
  t.after(() => injector.stop())
  const portOf = (name: string): number => Number(injector.addresses()[name]?.split(':').at(-1))
  const admin = async (path: string): Promise<{ status: number; text: string }> => {
    const answer = await fetch(`http://127.0.0.1:${portOf('admin')}${path}`)
    return { status: answer.status, text: await answer.text() }
  }
  if (unready !== true)
    await until(
      () => admin('/readyz'),
      ({ status }) => status === 200
    )
  return {
    injector,
    file,
    said,
    get port() {
      return portOf('webhook')
    },
    call: (body, options) => call(body, { port: portOf('webhook'), ca: api?.bundle() ?? '', ...options }),
    admin,
    async metric(series) {
      const line = (await admin('/metrics')).text.split('\n').find((each) => each.startsWith(`${series} `))
      return line === undefined ? 0 : Number(line.slice(series.length + 1))
    },
    configure: (yaml) => writeFileSync(file, yaml)
  }
}
