import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'kubernetes.md')

/** The values that the page about Kubernetes shows. */
export function exampleValues(): object[] {
  const examples = readFileSync(PAGE, 'utf8').matchAll(/<!-- held to the schema and rendered by tests -->\n```yaml\n([\s\S]*?)```/g)
  return Array.from(examples, ([, text]) => parse(text) as object)
}
