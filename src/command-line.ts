import { parseArgs } from 'node:util'
import description from '../package.json' with { type: 'json' }
import { ConfigError } from './config/problem.ts'
import { becomeDaemon } from './daemon.ts'
import { messageOf, RefusedError } from './errors.ts'
import { collectSeldom, shareLittle } from './heap.ts'
import { NO_CRASH_REPORTER, openCrashReporter } from './telemetry/crash.ts'
import { NO_TRACER, openTracer } from './telemetry/tracer.ts'
import { runFully, startPlainly, trimSoon } from './trim.ts'

// Arguments, signals, exit codes; nothing else.
const OK = 0
const FAILED = 1
const MISUSED = 2

/** `--stdin` stands for this option. */
const READS_INPUT = { flag: '--stdin', path: 'receivers.logs.stdin', value: 'true' }

const USAGE = `sluice ${description.version}: ${description.description}

  sluice run   [--config FILE]   run the gateway; without a file it runs on its defaults
               [--stdin]         read log lines from its input, too, and stop when that ends: worker | sluice run --stdin
  sluice check [--config FILE]   say what is wrong with a configuration, or what it amounts to
               [--json]          the same as JSON
               [--schema]        the JSON Schema of the file
               [--reference]     the reference page of the file
               [--gpu]           look at the GPUs once, and say what is found and what is missing
  sluice redact  < IN > OUT       pass text on, line by line, without its secrets
               [--ndjson]        each line is a JSON value
               [--explain]       say on stderr what was found, where and why
               [--config FILE]   with the options of processors.redact
  sluice inject -f FILE          put the sidecar into the pods of manifests; inject --help says more
               --serve           the webhook that does so in a cluster
  sluice health                  ask a running gateway whether it lives; the exit code says it, too
               [--ready]         whether it does its whole job
               [--url URL]       one that is elsewhere; without, where the configuration has admin.listen
               [--config FILE]   the configuration that it runs with
  sluice report --period day     what happened in a day, week or month, asked of Prometheus; report --help says how
  sluice sentry apply            make the alert rules of a project in Sentry be those of a file; sentry help says how
  sluice version
  sluice help

The file can also be named by SLUICE_CONFIG.
`

const COMMANDS: Record<string, (args: string[]) => Promise<number>> = {
  run,
  check,
  redact,
  health,
  inject,
  report,
  sentry,
  version: async () => say(description.version),
  help: async () => say(USAGE)
}

/** Runs a command; resolves to the code to exit with. */
export async function main([command = 'help', ...args]: string[]): Promise<number> {
  const found = COMMANDS[command.replace(/^--?(?=(help|version)$)/, '')]
  if (found === undefined)
    return fail(MISUSED, `there is no command ${JSON.stringify(command)}; the commands are ${Object.keys(COMMANDS).join(', ')}`)
  try {
    return await found(args)
  } catch (error) {
    if (error instanceof ConfigError) return fail(MISUSED, error.message)
    if (error instanceof RefusedError) return fail(FAILED, error.message)
    if (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
      return fail(MISUSED, error.message)
    throw error
  }
}

async function run(args: string[]): Promise<number> {
  startPlainly()
  shareLittle()
  const { values } = parseArgs({ args, options: { config: { type: 'string' }, stdin: { type: 'boolean' } } })
  const flags = values.stdin ? [READS_INPUT] : []
  const [{ Gateway }, { openLog }, { components }, { loadConfig }] = await Promise.all([
    import('./gateway.ts'),
    import('./telemetry/log.ts'),
    import('./components.ts'),
    import('./config/load.ts')
  ])
  const load = () => loadConfig({ file: values.config, env: process.env, definitions: components, flags })
  const { config, file, warnings } = await load()
  const { log: logging, traces, sentry } = config.telemetry
  const log = openLog(logging.level)
  const { version } = description
  const crashes = sentry.dsn === undefined ? NO_CRASH_REPORTER : await openCrashReporter(sentry.dsn, version)
  const { stopAsked, onReload } = becomeDaemon(log, crashes)
  for (const warning of warnings) log.warn({}, warning)
  collectSeldom()
  const tracer = traces.endpoint === undefined ? NO_TRACER : await openTracer({ endpoint: traces.endpoint, ratio: traces.ratio, version })
  const gateway = await Gateway.start(config, { log, tracer, version, onFirstBatch: runFully })
  log.info({ version, file, listening: gateway.addresses(), startedInMs: Math.round(process.uptime() * 1000) }, 'ready')
  trimSoon()

  let reloading = Promise.resolve()
  onReload(() => {
    reloading = reloading
      .then(async () => {
        const next = await load()
        for (const warning of next.warnings) log.warn({}, warning)
        await gateway.reload(next.config)
        log.level = next.config.telemetry.log.level
        log.info({ file: next.file }, 'the configuration was reloaded')
      })
      .catch((error) => log.error({ file }, `the old configuration goes on: ${messageOf(error)}`))
  })

  const reason = await Promise.race([stopAsked, gateway.finished.then(() => 'end of input')])
  log.info({ reason }, 'stopping')
  await reloading
  await gateway.stop()
  await tracer.stop()
  log.info({}, 'stopped')
  return OK
}

async function check(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      config: { type: 'string' },
      json: { type: 'boolean' },
      schema: { type: 'boolean' },
      reference: { type: 'boolean' },
      gpu: { type: 'boolean' }
    }
  })
  const [{ components }, { loadConfig }] = await Promise.all([import('./components.ts'), import('./config/load.ts')])
  if (values.gpu) {
    const { config } = await loadConfig({ file: values.config, env: process.env, definitions: components })
    const { checkGpu } = await import('./commands/check-gpu.ts')
    const { code, stdout } = await checkGpu(config.facts)
    process.stdout.write(stdout)
    return code
  }
  const { check: checkConfig } = await import('./config/check.ts')
  const output = (['schema', 'reference', 'json'] as const).find((name) => values[name]) ?? 'text'
  const { code, stdout, stderr } = await checkConfig({ file: values.config, env: process.env, definitions: components, output })
  process.stdout.write(stdout)
  process.stderr.write(stderr)
  return code
}

async function redact(args: string[]): Promise<number> {
  const { redactCommand } = await import('./commands/redact.ts')
  return redactCommand(args, { input: process.stdin, output: process.stdout, errors: process.stderr, env: process.env })
}

async function health(args: string[]): Promise<number> {
  const { healthCommand } = await import('./commands/health.ts')
  return healthCommand(args, { env: process.env, say: (line) => void say(line), complain: (line) => void fail(FAILED, line) })
}

async function inject(args: string[]): Promise<number> {
  const { injectCommand } = await import('./commands/inject.ts')
  return injectCommand(args, { input: process.stdin, output: process.stdout, errors: process.stderr })
}

async function report(args: string[]): Promise<number> {
  const { reportCommand } = await import('./commands/report.ts')
  return reportCommand(args, { say: (text) => void say(text), complain: (text) => void fail(MISUSED, text) })
}

async function sentry(args: string[]): Promise<number> {
  const { sentryCommand } = await import('./commands/sentry.ts')
  return sentryCommand(args, { env: process.env, say: (text) => void process.stdout.write(text) })
}

function say(text: string): number {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
  return OK
}

function fail(code: number, message: string): number {
  process.stderr.write(`${message}\n`)
  return code
}
