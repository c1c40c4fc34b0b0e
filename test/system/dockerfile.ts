// As much of a Dockerfile as ours says, for the tests that build it without a container engine.

export interface Instruction {
  readonly word: string
  /** Without its flags; a list in brackets as it stands. */
  readonly rest: string
  readonly flags: Readonly<Record<string, string>>
  readonly line: number
}

export interface Stage {
  readonly name: string
  /** The image that it begins with. */
  readonly from: string
  readonly flags: Readonly<Record<string, string>>
  readonly instructions: readonly Instruction[]
}

/** Reads a Dockerfile into its stages. ARGs before the first of them have their defaults put in; `args` win. Throws on what it does not know. */
export function readDockerfile(text: string, args: Readonly<Record<string, string>> = {}): Stage[] {
  const globals: Record<string, string> = {}
  const stages: { name: string; from: string; flags: Readonly<Record<string, string>>; instructions: Instruction[] }[] = []
  for (const instruction of instructionsOf(text)) {
    const { word, rest, flags, line } = instruction
    if (word === 'FROM') {
      const [image, as = '', name = String(stages.length)] = rest.split(/\s+/)
      if (as !== '' && as.toUpperCase() !== 'AS') throw new Error(`line ${line}: FROM ${rest}`)
      stages.push({ name, from: expand(image, globals), flags, instructions: [] })
    } else if (stages.length > 0) stages.at(-1)!.instructions.push(instruction)
    else if (word === 'ARG') {
      const [name, preset = ''] = rest.split('=', 2)
      globals[name] = args[name] ?? preset
    } else throw new Error(`line ${line}: ${word} before the first FROM`)
  }
  return stages
}

/** Puts variables in, as $NAME and ${NAME}; what is not known becomes nothing. */
export function expand(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$(?:\{(\w+)\}|(\w+))/g, (_, braced?: string, plain?: string) => variables[braced ?? plain ?? ''] ?? '')
}

/** `["a", "b"]` as a list; null for the form that a shell reads. */
export function execForm(rest: string): string[] | null {
  return rest.startsWith('[') ? (JSON.parse(rest) as string[]) : null
}

/** `A=1 B="two words"` as pairs. */
export function pairsOf(rest: string): [string, string][] {
  return Array.from(rest.matchAll(/([\w.]+)=("([^"]*)"|\S*)/g), ([, name, value, quoted]) => [name, quoted ?? value])
}

function instructionsOf(text: string): Instruction[] {
  const found: Instruction[] = []
  let pending = ''
  let from = 0
  for (const [i, raw] of text.split('\n').entries()) {
    if (/^\s*#/.test(raw) || (pending === '' && raw.trim() === '')) continue
    if (pending === '') from = i + 1
    pending += raw.endsWith('\\') ? raw.slice(0, -1) : raw
    if (raw.endsWith('\\')) continue
    const [, word, tail] = /^([A-Z]+)\s+(.*)$/s.exec(pending.trim()) ?? []
    if (word === undefined) throw new Error(`line ${from}: ${pending}`)
    const [, said, rest] = /^((?:--\S+\s+)*)(.*)$/s.exec(tail)!
    const flags = Object.fromEntries(Array.from(said.matchAll(/--([\w-]+)=(\S+)/g), ([, name, value]) => [name, value]))
    found.push({ word, rest: rest.trim(), flags, line: from })
    pending = ''
  }
  return found
}
