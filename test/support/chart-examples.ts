import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

const DOCS = join(import.meta.dirname, '..', '..', 'docs')
const PAGES = ['kubernetes.md', 'reports.md']

/** The values that pages show. */
export function exampleValues(): object[] {
  const pages = PAGES.map((page) => readFileSync(join(DOCS, page), 'utf8')).join('\n')
  const examples = pages.matchAll(/<!-- held to the schema and rendered by tests -->\n```yaml\n([\s\S]*?)```/g)
  return Array.from(examples, ([, text]) => parse(text) as object)
}
