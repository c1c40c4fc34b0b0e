// Looking for secrets in the text of logs, record by record and in large pieces.
import { lintSource } from '@secretlint/core'
import { creator } from '@secretlint/secretlint-rule-preset-recommend'
import { Engine } from '../../../src/processors/redact/engine.ts'
import { TOKENS } from '../../../src/processors/redact/tokens.ts'
import { Secrets } from '../../support/secrets.ts'
import { type Budget, type Line, type Row, ratios } from '../figures.ts'
import { logLines } from '../requests.ts'
import { spinAll } from '../spin.ts'

const LINES = 2000
const CHUNK_BYTES = 64 * 1024
/** Names of rules that are not among the tokens; with them all but one can be switched off. */
const OTHER_RULES = ['bearer-token', 'basic-auth', 'password', 'url-password', 'url-secret', 'key', 'email', 'card']
/** secretlint is slow record by record: a part of the lines is enough. */
const SECRETLINT_LINES = 100

const atLeast = (limit: number): Budget => ({ of: 'ratio', bound: 'at least', limit })

export const redaction: Row = {
  name: 'redaction',
  async measure({ rounds, seconds }) {
    const lines = logLines(LINES, 1)
    const records = lines.map((line) => Buffer.from(line))
    const chunks = chunksOf(records)
    const bytes = sizeOf(records)
    const secretLines = withSecrets(lines)
    const secretive = secretLines.map((line) => Buffer.from(line))
    const engine = engineWithout([])
    const names = [...new Set([...TOKENS.map(({ name }) => name), ...OTHER_RULES])]
    const single: Engine[] = []
    const some = lines.slice(0, SECRETLINT_LINES)
    const someBytes = some.reduce((sum, line) => sum + Buffer.byteLength(line), 0)
    const texts = chunks.map((chunk) => chunk.toString())
    const works: readonly (readonly [subject: string, bytes: number, work: () => void | Promise<void>])[] = [
      ['record by record', bytes, () => redactAll(engine, records)],
      [
        'JSON.parse of each record',
        bytes,
        () => {
          for (const line of lines) JSON.parse(line)
        }
      ],
      ['secretlint, record by record', someBytes, () => lintAll(some)],
      ['64 KiB at a time', bytes, () => redactAll(engine, chunks)],
      ['secretlint, 64 KiB at a time', bytes, () => lintAll(texts)],
      ['a secret in every record', sizeOf(secretive), () => redactAll(engine, secretive)],
      [
        'JSON.parse of each of those',
        sizeOf(secretive),
        () => {
          for (const line of secretLines) JSON.parse(line)
        }
      ],
      [
        'our rules one by one, record by record',
        bytes,
        () => {
          for (const one of single) redactAll(one, records)
        }
      ]
    ]
    const spun = (some: typeof works): Promise<number[][]> =>
      spinAll(
        some.map(([, , work]) => work),
        rounds,
        seconds / 4
      )
    const runs = await spun(works.slice(0, -1))
    // A gateway has one engine, whose tables are constants for the machine code; so the many of the last line are made when the others are done.
    single.push(...names.map((name) => engineWithout(names.filter((other) => other !== name))))
    runs.push(...(await spun(works.slice(-1))))
    const figures = runs.map((each, i) => each.map((perSecond) => (perSecond * works[i][1]) / 1e6))
    const [ours, parsing, secretlint, oursInChunks, secretlintInChunks, oursOnSecrets, parsingSecrets, oneByOne] = figures
    const lineOf = (i: number, more: Partial<Line> = {}): Line => ({
      row: 'redaction',
      subject: works[i][0],
      unit: 'MB / CPU-s',
      values: figures[i],
      ...more
    })
    const held = (i: number, mine: readonly number[], theirs: readonly number[], subject: string, limit: number): Line =>
      lineOf(i, { against: { subject, ratios: ratios(mine, theirs) }, budget: atLeast(limit) })
    return [
      held(0, ours, secretlint, works[2][0], 25),
      held(0, ours, oneByOne, works[7][0], 15),
      held(0, ours, parsing, works[1][0], 0.5),
      held(3, oursInChunks, secretlintInChunks, works[4][0], 3),
      held(5, oursOnSecrets, parsingSecrets, works[6][0], 0.25),
      ...[1, 2, 4, 6].map((i) => lineOf(i)),
      lineOf(7, { note: `${names.length} rules` })
    ]
  }
}

// One in three has a password beside its key, the others a token that tells itself; all kinds in turn.
function withSecrets(lines: readonly string[]): string[] {
  const secrets = new Secrets(1)
  const tokens = Object.values(secrets.tokens())
  return lines.map((line, i) => {
    const secret = i % 3 === 0 ? `password=${secrets.password()}` : tokens[i % tokens.length]
    return line.replace('"message":"', `"message":"${secret} `)
  })
}

const sizeOf = (texts: readonly Buffer[]): number => texts.reduce((sum, { length }) => sum + length, 0)

function engineWithout(rules: readonly string[]): Engine {
  return new Engine({ keys: [], patterns: [], allow: rules, counted: () => undefined, exceeded: () => undefined })
}

function redactAll(engine: Engine, texts: readonly Buffer[]): void {
  for (const text of texts) engine.redact(text, 0, text.length)
}

async function lintAll(texts: readonly string[]): Promise<void> {
  const config = { rules: [{ id: '@secretlint/secretlint-rule-preset-recommend', rule: creator }] }
  for (const content of texts) {
    await lintSource({
      source: { filePath: '/worker.log', content, ext: '.log', contentType: 'text' },
      options: { config, noPhysicFilePath: true }
    })
  }
  // It leaves marks of its own times behind.
  performance.clearMarks()
}

function chunksOf(records: readonly Buffer[]): Buffer[] {
  const chunks: Buffer[] = []
  let parts: Buffer[] = []
  let size = 0
  for (const record of records) {
    parts.push(record)
    size += record.length
    if (size < CHUNK_BYTES) continue
    chunks.push(Buffer.concat(parts))
    parts = []
    size = 0
  }
  return chunks
}
