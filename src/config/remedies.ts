import { VARIABLES } from './env.ts'
import { nearest } from './nearest.ts'
import type { Kind } from './schema.ts'
import type { Tree } from './tree.ts'

/** What to do about an option that must be given and is not. */
export function requiredRemedy(path: string): string {
  const key = path.slice(path.lastIndexOf('.') + 1)
  const variable = VARIABLES.find((row) => row.path === path)?.variable
  return `add \`${key}: ...\`${variable === undefined ? '' : ` or set ${variable}`}`
}

/** What to do about a value that does not fit its option. */
export function wrongValueRemedy(kind: Kind | undefined, tree: Tree): string {
  if (tree.type === 'scalar' && tree.value === null) {
    return kind?.preset === undefined
      ? 'give it a value'
      : `give it a value, or remove the line for the default ${JSON.stringify(kind.preset)}`
  }
  const value = tree.type === 'scalar' ? String(tree.value) : ''
  const digits = /^\d+(\.\d+)?$/.test(value)
  switch (kind?.name) {
    case 'flag':
      return 'write true or false, without quotes'
    case 'integer':
    case 'number':
      return digits && tree.type === 'scalar' && typeof tree.value === 'string' ? 'write it without quotes' : 'write a number in that range'
    case 'choice': {
      const near = nearest(value, kind.choices ?? [])
      return near === undefined || tree.type !== 'scalar' ? 'write one of these' : `did you mean ${near}?`
    }
    case 'ratio':
      return digits && Number(value) <= 100 ? `write ${value}%` : 'write 100% for all, 0% for none'
    case 'size':
      return 'write a number with B, KiB, MiB or GiB'
    case 'duration':
      return digits ? `write ${value}s for seconds or ${value}ms for milliseconds` : 'write a number with ms, s, m, h or d'
    case 'address':
      return /^\d{1,5}$/.test(value)
        ? `write 127.0.0.1:${value} for this machine only, or :${value} for every interface`
        : 'write a host, a colon and a port'
    case 'url':
      return 'start it with http:// or https:// and name the host'
    case 'list':
      return kind.single ? 'write one address, or a list in [ ]' : 'write [first, second], or one `- item` on each line'
    case 'map':
    case 'group':
      return 'write `key: value` lines below it, indented'
    case 'text':
    case 'secret':
      return 'write one text; quote it if it has special characters'
    default:
      return 'see the reference page for what may stand here'
  }
}
