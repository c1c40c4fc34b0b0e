import { keyPath, type Problem } from './problem.ts'
import type { Entry, Tree } from './tree.ts'

export type Env = Readonly<Record<string, string | undefined>>

/**
 * Puts environment variables into every value of a tree: `${NAME}`, `${NAME:-default}`, and `$$` for a dollar sign. The texts that come out
 * know which variables they are from. Expanded once: what a variable holds is not expanded again. Keys stay as they are.
 */
export function expandTree(tree: Tree, env: Env, path: string, problems: Problem[]): Tree {
  if (tree.type === 'list') return { ...tree, items: tree.items.map((item, i) => expandTree(item, env, `${path}[${i}]`, problems)) }
  if (tree.type === 'mapping') {
    const entries = new Map<string, Entry>()
    for (const [key, { place, value }] of tree.entries) {
      entries.set(key, { place, value: expandTree(value, env, keyPath(path, key), problems) })
    }
    return { ...tree, entries }
  }
  if (typeof tree.value !== 'string' || !tree.value.includes('$')) return tree
  const variables: string[] = []
  const value = expandText(tree.value, env, variables, (came, expected, remedy) =>
    problems.push({ place: tree.place, path, came, expected, remedy })
  )
  return { ...tree, value, source: value, variables }
}

function expandText(text: string, env: Env, variables: string[], refuse: (came: string, expected: string, remedy: string) => void): string {
  return text.replace(/\$\$|\$\{([^}]*)\}|\$\{/g, (all, inside: string | undefined) => {
    if (all === '$$') return '$'
    const [, name, preset] = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inside ?? '') ?? []
    if (name === undefined || preset?.includes('${')) {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what the file should say
      refuse('a ${ that names no variable', '${NAME} or ${NAME:-default}', remedyOf(inside))
      return ''
    }
    variables.push(name)
    const value = env[name]
    if (value !== undefined && (value !== '' || preset === undefined)) return value
    if (preset === undefined) {
      refuse(`\${${name}}, which is not set`, `the environment variable ${name}`, `set ${name}, or give a default: \${${name}:-default}`)
    }
    return preset ?? ''
  })
}

function remedyOf(inside: string | undefined): string {
  if (inside === undefined) return 'close it with }, or write $$ for a dollar sign'
  const [, name] = /^env:([A-Za-z_][A-Za-z0-9_]*)$/.exec(inside) ?? []
  if (name !== undefined) return `write \${${name}}`
  return inside.includes('${') ? 'defaults do not nest; name one variable' : 'names have letters, digits and _; write $$ for a dollar sign'
}
