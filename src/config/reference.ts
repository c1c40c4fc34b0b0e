import type { AnyDefinition } from './component-section.ts'
import { onByDefault, several } from './component-section.ts'
import type { Definitions } from './config.ts'
import { VARIABLES } from './env.ts'
import { kindOf } from './kinds.ts'
import { componentsOf, TOP_LEVEL } from './load.ts'
import { keyPath } from './problem.ts'
import type { Kind, Shape } from './schema.ts'
import { sections } from './sections.ts'

/** The reference page: every option there is, as Markdown. */
export function reference(definitions: Definitions): string {
  const components = componentsOf(definitions)
  const parts = TOP_LEVEL.map((key) => {
    const known = components[key as keyof typeof components] as readonly AnyDefinition[] | undefined
    if (known !== undefined)
      return [`## ${key}`, INTRODUCTIONS[key], ...known.map((definition) => componentText(key, definition))].join('\n\n')
    const kind = kindOf(sections[key as keyof typeof sections])
    return kind.shape === undefined
      ? `## ${key}\n\n${table({ [key]: sections[key as keyof typeof sections] })}`
      : `## ${key}\n\n${kind.doc}\n\n${table(kind.shape)}`
  })
  return `${[HEAD, ...parts, variablesText(components)].join('\n\n')}\n`
}

const HEAD = `# Configuration reference

<!-- Generated from the code by \`npm run docs\`; a test fails when it is stale. -->

One YAML file, named by \`--config\` or by \`SLUICE_CONFIG\`. Every option has a default, so no file is needed either. \`sluice check\` prints the
configuration that results, each value with its origin. \`config/sidecar.yaml\` shows every option in place; \`config/sluice.schema.json\` is
the same for editors and charts.

**How values are written.** A size is a number with B, KiB, MiB or GiB (\`64KiB\`); a duration has ms, s, m, h or d (\`15s\`); a share is a
percentage or a fraction (\`10%\`, \`0.1\`). An address is \`host:port\`, \`[::1]:port\`, \`:port\` (every interface), \`unix:/path\`, or \`off\`.

**Variables.** \`\${NAME}\` in a value stands for an environment variable, \`\${NAME:-default}\` has a default for one that is unset or empty, and
\`$$\` is a dollar sign. Inside \`{ }\` and \`[ ]\` it needs quotes. The result is read as the option's type; where it is empty, any option but a
text counts as left out.

**Switching off.** A component that is \`off\` (or \`false\`) does not run. Receivers, processors and \`prometheus\` run unless they are switched off;
the other exporters run when the file names them or a variable below switches them on, and so does any component that says so below. Receivers
and exporters may be there several times, as \`type/name\` (\`otlp/backup\`).

A value marked *secret* is never printed.`

const INTRODUCTIONS: Record<string, string> = {
  receivers: 'Where telemetry comes in.',
  processors: 'What happens to it, in this order. `redact` is always last and cannot be switched off.',
  exporters: 'Where telemetry goes. Each exporter has its own place in the queue and its own retries.'
}

function componentText(section: string, definition: AnyDefinition): string {
  const { type, summary, options } = definition
  const named = several(definition) ? ` Several: \`${type}/name\`.` : ''
  const start = onByDefault(definition) ? '' : ' Off unless named.'
  return `### ${section}.${type}\n\n${summary}${named}${start}\n\n${Object.keys(options).length === 0 ? 'No options.' : table(options)}`
}

function table(shape: Shape): string {
  return ['| option | type | default | |', '|---|---|---|---|', ...rows(shape, '')].join('\n')
}

function rows(shape: Shape, path: string): string[] {
  return Object.entries(shape).flatMap(([key, type]) => {
    const kind = kindOf(type)
    const inside = keyPath(path, key)
    const item = kind.item === undefined ? undefined : kindOf(kind.item)
    const below = kind.shape ?? item?.shape
    const row = `| \`${inside}\` | ${cell(typeText(kind))} | ${presetText(kind.preset, kind.required)} | ${cell(kind.doc)} |`
    const step = kind.name === 'list' ? `${inside}[]` : kind.name === 'map' ? `${inside}.<name>` : inside
    return [row, ...(below === undefined ? [] : rows(below, step))]
  })
}

function typeText(kind: Kind): string {
  const item = kind.item === undefined ? undefined : kindOf(kind.item)
  switch (kind.name) {
    case 'integer':
    case 'number':
      return kind.expected.replace(/^an? /, '')
    case 'choice':
      return kind.expected
    case 'size':
    case 'duration':
      return `${kind.name}${/ (from \S+ to \S+|of at least \S+)(?=,)/.exec(kind.expected)?.[0] ?? ''}`
    case 'list':
      return kind.single ? `${typeText(item!)}, or a list` : `list of ${typeText(item!)}`
    case 'map':
      return `map of ${typeText(item!)}`
    case 'secret':
      return 'text, *secret*'
    case 'url':
      return 'URL'
    case 'ratio':
      return 'share'
    case 'flag':
      return 'true or false'
    case 'group':
      return 'options'
    case 'any':
      return kind.expected
    default:
      return kind.name
  }
}

function presetText(preset: unknown, required: boolean): string {
  if (preset === undefined) return required ? '**required**' : ''
  const text = typeof preset === 'string' ? preset : JSON.stringify(preset)
  return text === '' ? 'empty' : `\`${cell(text)}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

function variablesText(components: ReturnType<typeof componentsOf>): string {
  const exists = (path: string): boolean => {
    const [section, type] = path.split('.')
    return !(section in components) || components[section as keyof typeof components].some((definition) => definition.type === type)
  }
  const lines = VARIABLES.filter(({ path }) => exists(path)).map(
    ({ variable, path, switches }) => `| \`${variable}\` | \`${path}\` | ${switches ? 'switches the exporter on' : ''} |`
  )
  return `## Environment variables

Used where the file does not say the option. The \`OTEL_EXPORTER_OTLP_*\` variables describe one destination together: a file that sets
\`exporters.otlp.endpoint\` gets none of them, so that credentials reach only the destination they are for.

| variable | option | |
|---|---|---|
| \`SLUICE_CONFIG\` | | names the file |
${lines.join('\n')}`
}
