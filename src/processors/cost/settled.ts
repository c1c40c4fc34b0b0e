import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const FILE = 'settled'

/** Until when (ms since 1970) the gateway that ran here before has given away all time; undefined where it has left no word. */
export function readSettled(stateDir: string | undefined): number | undefined {
  if (stateDir === undefined) return undefined
  try {
    const ms = Number(readFileSync(join(stateDir, FILE), 'utf8'))
    return Number.isSafeInteger(ms) && ms > 0 ? ms : undefined
  } catch {
    return undefined
  }
}

/** Leaves word for the next gateway. Throws what the disk throws. */
export function writeSettled(stateDir: string, ms: number): void {
  mkdirSync(stateDir, { recursive: true })
  writeFileSync(join(stateDir, FILE), `${ms}`)
}
