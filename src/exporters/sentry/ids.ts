import { hash } from 'node:crypto'

const ZEROS = /^0*$/

export function isId(id: string | undefined): id is string {
  return id !== undefined && !ZEROS.test(id)
}

/**
 * 32 hex digits that stand for the parts: the same parts make the same id, in every process, so that what is sent again after a crash is known to be
 * the same.
 */
export function derivedId(...parts: readonly (string | bigint | number | undefined)[]): string {
  const digits = hash('sha256', parts.map((part) => `${part ?? ''}`).join('\0'), 'hex').slice(0, 32)
  // As a UUID of version 4 has it.
  return `${digits.slice(0, 12)}4${digits.slice(13, 16)}a${digits.slice(17)}`
}
