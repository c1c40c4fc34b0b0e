import { RefusedError } from '../../errors.ts'
import { FIELDS, IDENTITY, THROTTLE_MASKS, THROTTLE_REASONS, throttleSources } from './fields.ts'

/** What to ask with `--query-compute-apps`. The name of the process comes last: it may hold commas. */
export const PROCESS_QUERY: readonly string[] = ['gpu_uuid', 'pid', 'used_gpu_memory', 'process_name']

const HELP_LINES_MAX = 10_000

/**
 * What to ask with `--query-gpu`, given the text of `--help-query-gpu`: one name that a driver does not know makes it refuse the whole query. The UUID
 * stands last, so that a row that breaks off anywhere cannot pass for a whole one.
 */
export function chooseQuery(help: string): string[] {
  const groups = aliasGroups(help)
  const taken = new Set<number>()
  const query: string[] = []
  const take = (name: string): boolean => {
    const group = groups.get(name)
    if (group === undefined) return false
    if (!taken.has(group)) query.push(name)
    taken.add(group)
    return true
  }
  const { uuid, ...others } = IDENTITY
  for (const { csv } of Object.values(others)) for (const name of csv) take(name)
  for (const { csv } of FIELDS) for (const source of csv) for (const name of source.split('+')) take(name)
  if (!THROTTLE_MASKS.some(take)) for (const { name } of THROTTLE_REASONS) throttleSources(name).csv.some(take)
  if (!uuid.csv.some(take))
    throw new RefusedError('invalid', `nvidia-smi --help-query-gpu names ${groups.size} fields, but no uuid among them`)
  return query
}

// A line of the help, for each field: `"clocks_event_reasons.active" or "clocks_throttle_reasons.active"`. All names of a line are one field.
function aliasGroups(help: string): Map<string, number> {
  const groups = new Map<string, number>()
  const lines = help.split(/\r?\n/, HELP_LINES_MAX)
  for (let line = 0; line < lines.length; line++) {
    if (!/^"[\w.]+"(?: or "[\w.]+")*\s*$/.test(lines[line])) continue
    for (const [, name] of lines[line].matchAll(/"([\w.]+)"/g)) if (!groups.has(name)) groups.set(name, line)
  }
  return groups
}
