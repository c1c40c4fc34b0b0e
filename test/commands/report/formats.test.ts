import { deepStrictEqual, doesNotMatch, match, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import type { Report, Row } from '../../../src/commands/report/compose.ts'
import { FORMATS, slackMessage } from '../../../src/commands/report/formats.ts'

const DAY_MS = 86_400_000
const NASTY = '<!channel> <script>|`a`*b*[c](d)\n# & "'

function reportOf(rows: readonly Row[], { notes = [] as string[], omitted = 0 } = {}): Report {
  const columns = [
    { title: 'Jobs', unit: 'count' as const },
    { title: 'Failed', unit: 'share' as const }
  ]
  return {
    title: 'Daily processing summary',
    span: { fromMs: 20_000 * DAY_MS, toMs: 20_001 * DAY_MS },
    before: { fromMs: 19_999 * DAY_MS, toMs: 20_000 * DAY_MS },
    tables: [
      {
        title: 'All',
        by: [],
        columns,
        rows: [{ labels: {}, cells: rows[0]?.cells ?? columns.map(() => ({ value: null, before: null })) }],
        omitted: 0
      },
      { title: 'By stage', by: ['stage'], columns, rows, omitted }
    ],
    notes
  }
}

const row = (stage: string, value: number | null, before: number | null): Row => ({
  labels: { stage },
  cells: [
    { value, before },
    { value: null, before: null }
  ]
})

test('markdown has a table for each part, and says what is missing', () => {
  const text = FORMATS.markdown(reportOf([row('stt', 110, 100), row('', 5, null)], { notes: ['Something is missing.'], omitted: 3 }), 'USD')
  strictEqual(
    text,
    `# Daily processing summary

2024-10-04, compared with 2024-10-03. Times are UTC.

## All

|  | now | before | change |
|---|--:|--:|--:|
| Jobs | 110 | 100 | +10 % |
| Failed | no data |  |  |

## By stage

| stage | Jobs | Failed |
|---|--:|--:|
| stt | 110 (+10 %) | no data |
| (none) | 5 | no data |

and 3 more

- Something is missing.
`
  )
})

test('a part without any row says so', () => {
  const report = reportOf([])
  match(FORMATS.markdown(report, 'USD'), /## By stage\n\nNo data\./)
  match(FORMATS.html(report, 'USD'), /<h2>By stage<\/h2>\n<p>No data\.<\/p>/)
  match(FORMATS.slack(report, 'USD'), /\*By stage\*\\nNo data\./)
})

test('names that come from telemetry are text and nothing else', () => {
  const report = reportOf([row(NASTY, 1, 1)], { notes: [NASTY] })
  const markdown = FORMATS.markdown(report, 'USD')
  match(markdown, /\| \\<!channel\\> \\<script\\>\\\|\\`a\\`\\\*b\\\*\\\[c\\\]\(d\) # & " \|/)
  const html = FORMATS.html(report, 'USD')
  doesNotMatch(html, /<script|<!channel/)
  match(html, /&lt;script&gt;/)
  const slack = JSON.stringify(slackMessage(report, 'USD'))
  doesNotMatch(slack, /<[!@#s]/)
  const [, , , part] = (slackMessage(report, 'USD') as { blocks: { text: { text: string } }[] }).blocks
  strictEqual(part.text.text.split('```').length, 3, 'one block of code, which nothing in it ends')
})

test('a message for Slack keeps to what Slack takes', () => {
  const rows = Array.from({ length: 20 }, (_, i) => row(`${'s'.repeat(250)}${i}`, 100 - i, 90))
  const { text, blocks } = slackMessage(reportOf(rows, { omitted: 7, notes: Array(60).fill('n'.repeat(100)) }), 'USD') as {
    text: string
    blocks: { type: string; text?: { type: string; text: string }; elements?: { text: string }[] }[]
  }
  match(text, /^Daily processing summary: 2024-10-04/)
  ok(blocks.length <= 50)
  deepStrictEqual(
    blocks.map(({ type }) => type),
    ['header', 'context', 'section', 'section', 'context']
  )
  for (const each of blocks) for (const { text: said } of each.elements ?? [each.text!]) ok(said.length <= 3000 && said.length > 0)
  match(blocks[3].text!.text, /and \d\d more$/, 'rows without room are counted')
})

test('JSON has the numbers as they are', () => {
  const { tables, period, compared, currency } = JSON.parse(FORMATS.json(reportOf([row('stt', 110.4, null)]), 'USD'))
  deepStrictEqual(tables[1].rows[0], {
    labels: { stage: 'stt' },
    cells: [
      { value: 110.4, before: null },
      { value: null, before: null }
    ]
  })
  deepStrictEqual([period.from, compared.to, currency], ['2024-10-04T00:00:00.000Z', '2024-10-04T00:00:00.000Z', 'USD'])
})
