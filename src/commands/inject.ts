// The command `sluice inject`: puts the sidecar into manifests, or serves the webhook that does so in a cluster.
import { createReadStream } from 'node:fs'
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { checkSidecarConfig } from '../inject/check.ts'
import { injectManifests } from '../inject/manifests.ts'
import { POD_OPTIONS } from '../inject/options.ts'
import { loadSettings } from '../inject/settings.ts'

const OK = 0
const FAILED = 1
const MISUSED = 2

/** What one manifest may have. */
const MANIFEST_BYTES_MAX = 64 * 1024 * 1024

const USAGE = `sluice inject -f FILE   put the sidecar into the pods of manifests, YAML or JSON; - is the input; several -f are one stream
  [--all]               into all pods but those that say no, and not only those with the label or annotation sluice.dev/inject: "true"
  [--config FILE]       the injector's options, as the webhook has them
  [--kubernetes 1.28]   for a cluster of this version; without it for a recent one
  [--namespace NAME]    the namespace of objects that name none
  ${POD_OPTIONS.map(({ name, example }) => `[--${name} ${example}]`).join('\n  ')}
                        what pods choose that do not choose otherwise by annotation

sluice inject --serve [--config FILE]
                        serve the admission webhook that does the same in a cluster, until it is told to stop
`

export interface Streams {
  readonly input: AsyncIterable<Uint8Array>
  readonly output: NodeJS.WritableStream
  readonly errors: NodeJS.WritableStream
}

const OPTIONS = {
  file: { type: 'string', short: 'f', multiple: true },
  all: { type: 'boolean' },
  config: { type: 'string' },
  kubernetes: { type: 'string' },
  namespace: { type: 'string' },
  serve: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' }
} as const satisfies ParseArgsConfig['options']

/** Runs the command; resolves to the code to exit with. Nothing is written to the output unless all is well. */
export async function injectCommand(args: string[], { input, output, errors }: Streams): Promise<number> {
  const flags = Object.fromEntries(POD_OPTIONS.map(({ name }) => [name, { type: 'string' } as const]))
  const { values } = parseArgs({ args, options: { ...OPTIONS, ...flags } })
  const fail = (code: number, message: string): number => {
    errors.write(`${message}\n`)
    return code
  }
  if (values.help === true) {
    output.write(USAGE)
    return OK
  }
  const files = values.file as string[] | undefined
  if (values.serve === true) {
    const others = Object.keys(values).filter((name) => name !== 'serve' && name !== 'config')
    if (others.length > 0) return fail(MISUSED, `--serve: came with --${others.join(', --')}, expected no option beside --config`)
    return serveWebhook(values.config as string | undefined)
  }
  if (files === undefined) return fail(MISUSED, USAGE.trimEnd())
  const version = values.kubernetes as string | undefined
  if (version !== undefined && !/^v?\d+\.\d+/.test(version))
    return fail(MISUSED, `--kubernetes: came ${JSON.stringify(version)}, expected a version as 1.31`)

  const settings = await loadSettings(values.config as string | undefined)
  const { components } = await import('../components.ts')
  await checkSidecarConfig(settings, values.config as string | undefined, components)
  const chosen = Object.entries(values).filter(([name]) => Object.hasOwn(flags, name))
  const context = {
    namespaceAsks: values.all === true,
    kubernetesVersion: version,
    namespace: values.namespace as string | undefined,
    defaults: Object.fromEntries(chosen) as Record<string, string>
  }
  let [pods, injected] = [0, 0]
  const texts: string[] = []
  for (const file of files) {
    const text = await readText(file === '-' ? input : createReadStream(file)).catch((error: NodeJS.ErrnoException) => error)
    if (text instanceof Error) return fail(codeOf(text), `${file}: ${text.message}`)
    const result = injectManifests(file === '-' ? 'input' : file, text, settings.sidecar, context)
    for (const warning of result.warnings) errors.write(`warning: ${warning}\n`)
    texts.push(result.text)
    pods += result.pods
    injected += result.injected
  }
  if (injected === 0) errors.write(`warning: ${pods === 0 ? 'there are no pods in it' : NOBODY_ASKS}\n`)
  await written(output, joined(texts))
  return OK
}

async function serveWebhook(file: string | undefined): Promise<number> {
  const [{ serve }, { components }] = await Promise.all([import('../inject/serve.ts'), import('../components.ts')])
  return serve({ file, env: process.env, check: (settings) => checkSidecarConfig(settings, file, components) })
}

const NOBODY_ASKS = 'nothing was injected: pods ask by the label sluice.dev/inject: "true", and --all asks for them'

/** What the system says of a file that is none; what we say of its content has no code. */
const WRONG_FILE: readonly unknown[] = ['ENOENT', 'EISDIR', 'ENOTDIR', undefined]
const codeOf = ({ code }: NodeJS.ErrnoException): number => (WRONG_FILE.includes(code) ? MISUSED : FAILED)

// Documents of several files are one stream.
function joined(texts: readonly string[]): string {
  return texts.reduce(
    (all, text) => (all === '' ? text : `${all}${all.endsWith('\n') ? '' : '\n'}${/^(%|---)/.test(text) ? '' : '---\n'}${text}`),
    ''
  )
}

async function readText(source: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of source) {
    parts.push(part)
    length += part.length
    if (length > MANIFEST_BYTES_MAX) throw new Error(`more than ${MANIFEST_BYTES_MAX} bytes, expected a manifest`)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(parts))
  } catch {
    throw new Error('bytes that are not UTF-8, expected a manifest')
  }
}

function written(output: NodeJS.WritableStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => output.write(text, (failure) => (failure ? reject(failure) : resolve())))
}
