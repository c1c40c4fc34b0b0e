import { isAbsolute, resolve } from 'node:path'

/** One part of a pattern between slashes: a name as it is, a test for names, or any number of directories. */
export type Segment = string | RegExp | typeof ANY_DEPTH
export const ANY_DEPTH = Symbol('**')

/** Braces may stand for so many patterns. */
const ALTERNATIVES_MAX = 256

/**
 * The patterns that a glob stands for, each as the parts of an absolute path: `*` and `?` within a name, `[a-z]`, `**` for any number of
 * directories, `{a,b}` for either. Names that begin with a dot are matched like others.
 */
export function parseGlob(glob: string): readonly (readonly Segment[])[] {
  return alternatives(glob).map((pattern) => {
    const path = isAbsolute(pattern) ? pattern : resolve(pattern)
    const segments = path.split('/').filter((part) => part !== '' && part !== '.')
    return segments.map((part) => (part === '**' ? ANY_DEPTH : isLiteral(part) ? part : new RegExp(`^${nameSource(part)}$`, 's')))
  })
}

/** A test for whole paths. A glob without a slash is one for names, wherever they are. */
export function matcherOf(globs: readonly string[]): (path: string) => boolean {
  const sources = globs.flatMap((glob) => alternatives(glob).map(pathSource))
  if (sources.length === 0) return () => false
  const all = new RegExp(`^(?:${sources.join('|')})$`, 's')
  return (path) => all.test(path)
}

/** Whether a name passes one part of a pattern. */
export function passes(segment: Segment, name: string): boolean {
  if (typeof segment === 'string') return segment === name
  return segment === ANY_DEPTH || segment.test(name)
}

function pathSource(glob: string): string {
  if (!glob.includes('/')) return `.*/${nameSource(glob)}`
  const path = isAbsolute(glob) ? glob : resolve(glob)
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  return parts
    .map((part, i) => {
      if (part !== '**') return `/${nameSource(part)}`
      return i === parts.length - 1 ? '/.+' : '(?:/[^/]+)*'
    })
    .join('')
}

function isLiteral(part: string): boolean {
  return !/[*?[\\]/.test(part)
}

function nameSource(part: string): string {
  let source = ''
  for (let at = 0; at < part.length; at++) {
    const char = part[at]
    if (char === '*') source += source.endsWith('[^/]*') ? '' : '[^/]*'
    else if (char === '?') source += '[^/]'
    else if (char === '[') {
      const end = part.indexOf(']', part[at + 1] === '!' || part[at + 1] === '^' ? at + 3 : at + 2)
      if (end < 0) source += '\\['
      else {
        const inside = part
          .slice(at + 1, end)
          .replace(/^[!^]/, '')
          .replace(/[\\\]^[]/g, '\\$&')
        source += isRange(inside) ? `[${/^[!^]/.test(part.slice(at + 1)) ? '^' : ''}${inside}]` : '(?!)'
        at = end
      }
    } else {
      if (char === '\\' && at + 1 < part.length) at++
      source += part[at].replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
    }
  }
  return source
}

// `[z-a]` matches nothing, rather than being an error.
function isRange(inside: string): boolean {
  try {
    new RegExp(`[${inside}]`)
    return inside !== ''
  } catch {
    return false
  }
}

function alternatives(glob: string): string[] {
  let left = [glob]
  const done: string[] = []
  while (left.length > 0 && left.length + done.length < ALTERNATIVES_MAX) {
    const next: string[] = []
    for (const pattern of left) {
      const [whole, inside] = /\{([^{}]*,[^{}]*)\}/.exec(pattern) ?? []
      if (whole === undefined) done.push(pattern)
      else for (const choice of inside.split(',')) next.push(pattern.replace(whole, () => choice))
    }
    left = next
  }
  return [...done, ...left]
}
