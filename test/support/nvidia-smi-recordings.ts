import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The folder of recorded answers, beside the checkout; it is no part of it. */
export const RECORDINGS = `${join(import.meta.dirname, '../../../shared/fixtures/nvidia-smi')}/`

/** For a test's `skip`: false, or the words that say what is missing. */
export const skipWithoutRecordings: string | false = existsSync(RECORDINGS) ? false : `no recordings of nvidia-smi at ${RECORDINGS}`

/** One answer out of a capture of many, by the beginning of its title, as `load :: query-gpu`. */
export function captureSection(capture: string, title: string): string {
  const rule = `${'#'.repeat(80)}\n`
  const start = capture.indexOf(`${rule}# ${title}`)
  if (start === -1) throw new Error(`the capture has no section ${title}`)
  const body = capture.indexOf(rule, start + rule.length) + rule.length
  const end = capture.indexOf(rule, body)
  return capture.slice(body, end === -1 ? undefined : end)
}
