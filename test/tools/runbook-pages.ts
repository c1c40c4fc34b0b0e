import { existsSync, readFileSync } from 'node:fs'
import { type Alert, runbookOf } from '../../src/monitoring/rule.ts'
import { GROUPS } from '../../src/monitoring/rules.ts'

const FOLDER = new URL('../../docs/runbooks/', import.meta.url)
const BEGIN = '<!-- made by `npm run monitoring` -->'
const END = '<!-- end -->'

export const ALERTS: readonly Alert[] = GROUPS.flatMap(({ alerts = [] }) => alerts)

const INDEX = `# Runbooks

One page per alert: what it means, what it costs, what to look at first, what may be the cause, what to do. How alerts reach people, and what the platform
must provide for some of them: [monitoring.md](../monitoring.md).

| Alert | Severity | Of |
|---|---|---|
`

/** Runbooks that are there, with the block of their alert as the rules have it now, and their index. */
export function runbookPages(): Map<string, string> {
  const pages = new Map<string, string>()
  for (const alert of ALERTS) {
    const file = new URL(runbookOf(alert.alert), FOLDER)
    if (existsSync(file)) pages.set(runbookOf(alert.alert), withBlock(readFileSync(file, 'utf8'), alert))
  }
  const rows = ALERTS.filter(({ alert }) => pages.has(runbookOf(alert))).map(
    ({ alert, severity, component }) => `| [${alert}](${runbookOf(alert)}) | ${severity} | ${component} |\n`
  )
  return pages.set('README.md', INDEX + rows.join(''))
}

/** Puts the block between its markers, or behind the title of a page that has none. */
export function withBlock(page: string, alert: Alert): string {
  const block = blockOf(alert)
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (begin !== -1 && end > begin) return page.slice(0, begin) + block + page.slice(end + END.length)
  const title = page.indexOf('\n')
  return `${page.slice(0, title + 1)}\n${block}\n${page.slice(title + 1)}`
}

function blockOf({ alert, severity, component, expr, for: lasts, keepFiringFor }: Alert): string {
  const kept = keepFiringFor === undefined ? '' : `; told for ${keepFiringFor} after it has ended`
  const time = lasts === '0s' ? 'at once' : `when it has lasted ${lasts}`
  return `${BEGIN}
\`${alert}\`: **${severity}**, ${component}; told ${time}${kept}.

\`\`\`promql
${expr}
\`\`\`
${END}`
}
