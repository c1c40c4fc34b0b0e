import type { Report, Table } from './compose.ts'
import { omittedText, spanText, textsOf } from './text.ts'

type Writer = (report: Report, currency: string) => string

/** A report in each form that it can have. Names and texts that come from telemetry are escaped in all of them. */
export const FORMATS: Readonly<Record<string, Writer>> = {
  markdown,
  html,
  slack: (report, currency) => `${JSON.stringify(slackMessage(report, currency))}\n`,
  json
}

const EMPTY = 'No data.'

function markdown(report: Report, currency: string): string {
  const lines = [`# ${report.title}`, '', spanText(report), '']
  for (const table of report.tables) {
    lines.push(`## ${table.title}`, '')
    if (table.rows.length === 0) lines.push(EMPTY, '')
    else {
      const [head, ...rows] = textsOf(table, currency).map((row) => `| ${row.map(forMarkdown).join(' | ')} |`)
      const numbers = textsOf(table, currency)[0].length - Math.max(1, table.by.length)
      lines.push(head, `|${'---|'.repeat(Math.max(1, table.by.length))}${'--:|'.repeat(numbers)}`, ...rows, '')
    }
    if (table.omitted > 0) lines.push(omittedText(table.omitted), '')
  }
  return `${[...lines, ...report.notes.map((note) => `- ${forMarkdown(note)}`)].join('\n').trimEnd()}\n`
}

const forMarkdown = (text: string): string => oneLine(text).replace(/[\\`*|[\]<>]/g, '\\$&')

// Mail programs know neither style sheets nor scripts well, so that the style stands with each cell.
const CELL = 'padding:2px 10px;border-bottom:1px solid #ddd'

function html(report: Report, currency: string): string {
  const parts = report.tables.map((table) => {
    const firsts = Math.max(1, table.by.length)
    const cell = (text: string, i: number, tag: string): string =>
      `<${tag} style="${CELL};text-align:${i < firsts ? 'left' : 'right'}">${forHtml(text)}</${tag}>`
    const rows = textsOf(table, currency).map((row, n) => `<tr>${row.map((text, i) => cell(text, i, n === 0 ? 'th' : 'td')).join('')}</tr>`)
    const body = table.rows.length === 0 ? `<p>${EMPTY}</p>` : `<table style="border-collapse:collapse">\n${rows.join('\n')}\n</table>`
    return `<h2>${forHtml(table.title)}</h2>\n${body}${table.omitted > 0 ? `\n<p>${omittedText(table.omitted)}</p>` : ''}`
  })
  const notes = report.notes.length === 0 ? '' : `<ul>\n${report.notes.map((note) => `<li>${forHtml(note)}</li>`).join('\n')}\n</ul>\n`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${forHtml(report.title)}</title></head>
<body style="font-family:sans-serif">
<h1>${forHtml(report.title)}</h1>
<p>${forHtml(spanText(report))}</p>
${parts.join('\n')}
${notes}</body></html>
`
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const forHtml = (text: string): string => oneLine(text).replace(/[&<>"']/g, (each) => ENTITIES[each])

/** https://docs.slack.dev/reference/block-kit/blocks/: a text of a section has 3,000 characters, a header 150, a message 50 blocks. */
const SECTION_MAX = 3000
const HEADER_MAX = 150

/** A message of Slack; `text` is what notifications show. */
export function slackMessage(report: Report, currency: string): object {
  const section = (text: string): object => ({ type: 'section', text: { type: 'mrkdwn', text } })
  const context = (text: string): object => ({ type: 'context', elements: [{ type: 'mrkdwn', text: text.slice(0, SECTION_MAX) }] })
  const title = report.title.slice(0, HEADER_MAX)
  return {
    text: `${forSlack(report.title)}: ${forSlack(spanText(report))}`,
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: title } },
      context(forSlack(spanText(report))),
      ...report.tables.map((table) => section(slackTable(table, currency))),
      ...(report.notes.length === 0 ? [] : [context(report.notes.map((note) => `• ${forSlack(note)}`).join('\n'))])
    ]
  }
}

function slackTable(table: Table, currency: string): string {
  const heading = `*${forSlack(table.title)}*\n`
  if (table.rows.length === 0) return `${heading}${EMPTY}`
  const rows = textsOf(table, currency).map((row) => row.map((text) => oneLine(text)))
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)))
  const firsts = Math.max(1, table.by.length)
  const lines = rows.map((row) =>
    forSlack(
      row
        .map((text, i) => (i < firsts ? text.padEnd(widths[i]) : text.padStart(widths[i])))
        .join('  ')
        .trimEnd()
    )
  )
  let shown = lines.length
  const text = (): string => {
    const omitted = lines.length - shown + table.omitted
    return `${heading}\`\`\`${lines.slice(0, shown).join('\n')}\`\`\`${omitted === 0 ? '' : `\n${omittedText(omitted)}`}`
  }
  while (text().length > SECTION_MAX && shown > 1) shown--
  return text().slice(0, SECTION_MAX)
}

// No text may call somebody, be a link, or end the block of code that it stands in.
const forSlack = (text: string): string => text.replace(/[&<>]/g, (each) => ENTITIES[each]).replaceAll('`', "'")

function json(report: Report, currency: string): string {
  const at = (ms: number): string => new Date(ms).toISOString()
  const { span, before, ...rest } = report
  const [period, compared] = [span, before].map(({ fromMs, toMs }) => ({ from: at(fromMs), to: at(toMs) }))
  return `${JSON.stringify({ ...rest, period, compared, currency }, null, 2)}\n`
}

const oneLine = (text: string): string => text.replace(/[\p{C}\s]+/gu, ' ')
