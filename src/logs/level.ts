import type { LogEntry, LogValue } from './log-entry.ts'
import { plainWord, SYSLOG_CRITICAL, severityOf, severityOfNumber } from './severity.ts'

const WORD_CHARACTERS_MAX = 32
/** Of the first names of a level any word is one, of the others those that are known. */
const SURE_RANKS = 3

/** Whether a field is a level, given how its name ranks among those of levels. */
export function isLevel(value: LogValue, rank: number): boolean {
  if (typeof value === 'number') return rank < SURE_RANKS && severityOfNumber(value) !== undefined
  if (typeof value !== 'string' || value === '') return false
  return rank < SURE_RANKS ? value.length <= WORD_CHARACTERS_MAX : severityOf(value) !== 0
}

/** Fills a level's field into the entry: the source's own word, and what it means. */
export function setLevel(key: string, level: LogValue, entry: LogEntry): void {
  const number = typeof level === 'number' ? level : /^\d{1,2}$/.test(level as string) ? Number(level) : Number.NaN
  if (!Number.isNaN(number)) {
    const found = severityOfNumber(number)
    entry.severityNumber = found === undefined ? 0 : found[0]
    entry.severityText = found === undefined ? `${number}` : found[1]
    return
  }
  const word = plainWord(level as string)
  const found = severityOf(word)
  // Only those who say severity, or status, count as syslog does.
  const isSyslog = found === 21 && (key === 'severity' || key === 'status') && word.toLowerCase() === 'critical'
  entry.severityText = word
  entry.severityNumber = isSyslog ? SYSLOG_CRITICAL : found
}
