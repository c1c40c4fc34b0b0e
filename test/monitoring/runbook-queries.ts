import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const RUNBOOKS = join(import.meta.dirname, '..', '..', 'docs', 'runbooks')

/** The queries of a runbook: every line of its blocks. */
export function queriesOf(page: string): string[] {
  const blocks = readFileSync(join(RUNBOOKS, page), 'utf8').matchAll(/```promql\n([\s\S]*?)```/g)
  return Array.from(blocks, ([, block]) => block.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).flat()
}
