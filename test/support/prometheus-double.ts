import { createServer, type RequestListener } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'

/** Series of an answer: labels as `stage="stt",tier="pro"`, or nothing, and the value. */
export type Answer = Readonly<Record<string, number | string>>

/** What an expression has as its answer at a moment; an error as `422 execution: text`. */
export type Ask = (query: string, atSeconds: number) => Answer | string

export interface PrometheusDouble {
  readonly url: string
  readonly asked: { readonly query: string; readonly atSeconds: number }[]
  /** What Prometheus does not take, in words. */
  readonly violations: string[]
}

interface Options {
  readonly path?: string
  readonly token?: string
  readonly warnings?: readonly string[]
  /** Serves https with these. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer }
}

/** Answers instant queries as Prometheus does, strictly: https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries. */
export async function startPrometheusDouble(
  t: { after(done: () => unknown): void },
  ask: Ask,
  { path = '', token, warnings, tls }: Options = {}
): Promise<PrometheusDouble> {
  const double: { url: string; asked: PrometheusDouble['asked']; violations: string[] } = { url: '', asked: [], violations: [] }
  const listener: RequestListener = async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const answer = (status: number, body: unknown): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    const wrong = (what: string): void => {
      double.violations.push(what)
      answer(400, { status: 'error', errorType: 'bad_data', error: what })
    }
    if (request.url !== `${path}/api/v1/query`) return void response.writeHead(404).end('404 page not found')
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) return void response.writeHead(401).end('Unauthorized')
    if (request.method !== 'POST') return wrong(request.method ?? '')
    if (request.headers['content-type'] !== 'application/x-www-form-urlencoded') return wrong('content-type')
    const form = new URLSearchParams(text)
    const [query, time, timeout] = ['query', 'time', 'timeout'].map((name) => form.get(name) ?? '')
    if (query === '' || !/^\d+(\.\d+)?$/.test(time) || !/^\d+(ms|s|m|h)$/.test(timeout)) return wrong(text)
    double.asked.push({ query, atSeconds: Number(time) })
    const found = ask(query, Number(time))
    if (typeof found === 'string') {
      const [, status, errorType, error] = /^(\d+) (\w+): (.*)$/.exec(found)!
      return answer(Number(status), { status: 'error', errorType, error })
    }
    const result = Object.entries(found).map(([labels, value]) => ({ metric: labelsOf(labels), value: [Number(time), String(value)] }))
    return answer(200, { status: 'success', data: { resultType: 'vector', result }, ...(warnings === undefined ? {} : { warnings }) })
  }
  const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  t.after(() => server.closeAllConnections())
  double.url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}${path}`
  return double
}

const labelsOf = (text: string): Record<string, string> =>
  Object.fromEntries(Array.from(text.matchAll(/(\w+)="([^"]*)"/g), ([, name, value]) => [name, value]))
