// The command `sluice health`: what probes run where they cannot ask over HTTP themselves. It runs often, so it loads hardly anything; of the
// configuration it reads one option, by hand.
import { parseArgs } from 'node:util'
import type { Env } from '../config/expand.ts'
import { readFileTree } from '../config/file.ts'
import { ConfigError } from '../config/problem.ts'
import { parseAddress } from '../config/units.ts'
import { messageOf } from '../errors.ts'

const OK = 0
const FAILED = 1
const MISUSED = 2

/** What admin.listen is where nobody sets it. */
export const ADMIN_ADDRESS = '127.0.0.1:9464'

const WITHIN_MS = 3_000
/** Of an answer, the rest is not read. */
const ANSWER_BYTES_MAX = 4 * 1024

export interface Surroundings {
  readonly env: Env
  readonly say: (line: string) => void
  readonly complain: (line: string) => void
}

/** Where to ask, as node:http wants it. */
type Target = { readonly url: URL } | { readonly socketPath: string } | { readonly host: string; readonly port: number }

/**
 * Asks a gateway whether it lives, or with `--ready` whether it does its whole job, at `--url` or at the address of its configuration. Says the
 * answer in one line and resolves to the exit code.
 */
export async function healthCommand(args: string[], { env, say, complain }: Surroundings): Promise<number> {
  const { values } = parseArgs({ args, options: { url: { type: 'string' }, ready: { type: 'boolean' }, config: { type: 'string' } } })
  if (values.url !== undefined && !(URL.canParse(values.url) && /^https?:/.test(values.url))) {
    complain('--url: expected http://host:port or https://host:port')
    return MISUSED
  }
  const path = values.ready ? '/readyz' : '/healthz'
  try {
    const target =
      values.url === undefined ? await configured(values.config ?? (env.SLUICE_CONFIG || undefined), env) : urlOf(values.url, path)
    const { status, text } = await ask(target, path)
    if (status === 200) say(text)
    else complain(`${path} answered ${status}: ${text}`)
    return status === 200 ? OK : FAILED
  } catch (error) {
    complain(`${path}: ${messageOf(error)}`)
    return FAILED
  }
}

function urlOf(text: string, path: string): Target {
  const url = new URL(text)
  if (url.pathname === '/') url.pathname = path
  return { url }
}

async function configured(file: string | undefined, env: Env): Promise<Target> {
  const listen = (file === undefined ? undefined : await listenIn(file, env)) ?? ADMIN_ADDRESS
  const address = parseAddress(listen)
  if (address instanceof Error) throw new Error(`admin.listen ${address.message}`)
  if (address === null) throw new Error('admin.listen is off: there is nobody to ask')
  if ('path' in address) return { socketPath: address.path }
  return { host: ['::', '0.0.0.0'].includes(address.host) ? '127.0.0.1' : address.host, port: address.port }
}

// A gateway goes on with what it has when its file breaks, so that is no reason to call it ill: it is then asked where it listens by default.
async function listenIn(file: string, env: Env): Promise<string | undefined> {
  try {
    const admin = (await readFileTree(file, env, [])).entries.get('admin')?.value
    const listen = admin?.type === 'mapping' ? admin.entries.get('listen')?.value : undefined
    return listen?.type === 'scalar' && listen.value !== null ? String(listen.value).trim() : undefined
  } catch (error) {
    if (error instanceof ConfigError) return undefined
    throw error
  }
}

function ask(target: Target, path: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const isSecure = 'url' in target && target.url.protocol === 'https:'
    const { request } = process.getBuiltinModule(isSecure ? 'node:https' : 'node:http')
    // The whole exchange has this long, however slowly the other side goes on.
    const signal = AbortSignal.timeout(WITHIN_MS)
    const fail = (error: Error): void => reject(signal.aborted ? new Error(`no answer within ${WITHIN_MS} ms`) : error)
    const options = { agent: false as const, signal, ...('url' in target ? {} : { ...target, path }) }
    const asked = 'url' in target ? request(target.url, options) : request(options)
    asked
      .on('response', (response) => {
        let text = ''
        const done = (): void => {
          resolve({ status: response.statusCode ?? 0, text: text.trim().replaceAll(/\s*\n\s*/g, '; ') })
          asked.destroy()
        }
        response
          .setEncoding('utf8')
          .on('data', (chunk: string) => {
            text = (text + chunk).slice(0, ANSWER_BYTES_MAX)
            if (text.length === ANSWER_BYTES_MAX) done()
          })
          .on('end', done)
          .on('error', fail)
      })
      .on('error', fail)
      .end()
  })
}
