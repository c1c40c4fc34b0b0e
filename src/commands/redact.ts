// The command `sluice redact`: a filter. It loads few modules, so that it starts fast.
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { messageOf } from '../errors.ts'
import type { Engine } from '../processors/redact/engine.ts'
import { LineFilter } from '../processors/redact/line-filter.ts'
import { engineOf, redact } from '../processors/redact/redact.ts'

const OK = 0
const FAILED = 1

/** What one line may take of memory. */
const LINE_BYTES_MAX = 64 * 1024 * 1024

/** Of the name of a member, in explanations. */
const KEY_CHARACTERS_MAX = 64

const WIDTHS = [8, 36, 24]

type Options = Parameters<typeof engineOf>[0]

export interface Streams {
  readonly input: AsyncIterable<Buffer>
  readonly output: NodeJS.WritableStream
  readonly errors: NodeJS.WritableStream
  /** Names the configuration file where no argument does. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * Passes the input on to the output, line by line, without its secrets. With `--ndjson` each line is a JSON value, in which only what is secret
 * changes. `--explain` says on `errors` what was found where, and why, without showing it. Resolves to the exit code.
 */
export async function redactCommand(args: string[], { input, output, errors, env }: Streams): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { ndjson: { type: 'boolean' }, explain: { type: 'boolean' }, config: { type: 'string' } }
  })
  const options = await optionsOf(values.config ?? (env.SLUICE_CONFIG || undefined), env)
  const silent = { counted: () => undefined, exceeded: () => undefined }
  const explain = values.explain === true ? new Explanation(engineOf(options, silent), (line) => void errors.write(line)) : null
  const engine = engineOf(options, {
    counted: (rule) => explain?.counted(rule, filter),
    exceeded: () => explain?.counted('over-budget', filter),
    ...(explain === null ? {} : { explained: explain.explained })
  })
  const filter = new LineFilter(engine, {
    json: values.ndjson === true,
    lineBytesMax: LINE_BYTES_MAX,
    tooLong: (line) => errors.write(`line ${line} has more than ${LINE_BYTES_MAX} bytes: it was replaced as a whole\n`)
  })

  let failure: Error | null = null
  output.on('error', (error: Error) => {
    failure ??= error
  })
  const pass = async (parts: readonly Uint8Array[]): Promise<void> => {
    if (parts.length === 0) return
    const isTaken = output.write(parts.length === 1 ? parts[0] : Buffer.concat(parts))
    if (!isTaken && failure === null) await once(output, 'drain').catch(() => undefined)
  }
  try {
    for await (const chunk of input) {
      await pass(filter.write(chunk))
      if (failure !== null) break
    }
    await pass(filter.end())
  } catch (error) {
    failure ??= error as Error
  }
  explain?.end(filter.lines)
  // Who reads no further, as `head` does, has what he wants.
  if (failure === null || ('code' in failure && failure.code === 'EPIPE')) return OK
  errors.write(`${messageOf(failure)}\n`)
  return FAILED
}

// Without a file the rest of the configuration, and the modules behind it, are not needed.
async function optionsOf(file: string | undefined, env: Streams['env']): Promise<Options> {
  if (file === undefined) return z.strictObject(redact.options).parse({})
  const [{ loadConfig }, { components }] = await Promise.all([import('../config/load.ts'), import('../components.ts')])
  const { config } = await loadConfig({ file, env, definitions: components })
  return config.redactor.options as Options
}

/** Tells of each find in a line of a table. */
class Explanation {
  /** For what is shown of a line: the engine that tells of a find is at work. */
  private readonly engine: Engine
  private readonly say: (line: string) => void
  /** Heads of the finds that are about to be counted. */
  private readonly heads: string[] = []
  private finds = 0
  private linesWithFinds = 0
  private line = -1

  constructor(engine: Engine, say: (line: string) => void) {
    this.engine = engine
    this.say = say
  }

  readonly explained = (_rule: string, head: string): void => {
    this.heads.push(head)
  }

  counted(rule: string, filter: LineFilter): void {
    if (rule === 'over-budget') this.heads.length = 0
    if (this.finds++ === 0) this.row('line', 'place', 'rule', 'why')
    if (this.line !== filter.lines) this.linesWithFinds++
    this.line = filter.lines
    this.row(String(filter.lines), filter.place(this.shown), rule, reasonOf(rule, this.heads.shift()))
  }

  end(lines: number): void {
    this.say(`${this.finds} found, in ${this.linesWithFinds} of ${lines} lines\n`)
  }

  private readonly shown = (key: Uint8Array): string =>
    Buffer.from(this.engine.redact(key, 0, key.length) ?? key)
      .toString()
      .slice(0, KEY_CHARACTERS_MAX)

  private row(...cells: string[]): void {
    this.say(`${cells.map((cell, i) => cell.padEnd(WIDTHS[i] ?? 0)).join('  ')}\n`)
  }
}

function reasonOf(rule: string, head: string | undefined): string {
  if (rule === 'over-budget') return 'looking at it took too much work'
  if (rule === 'card') return 'a number of an issuer of cards, with the right check digit'
  if (head === undefined) return 'its key names a secret'
  return head === '' ? 'its form' : `found by ${JSON.stringify(head)}`
}
