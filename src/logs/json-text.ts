import type { LogValue } from './log-entry.ts'

/** Lists and maps inside one another; what lies deeper is shown as an ellipsis. */
const DEPTH_MAX = 64

/** A value as JSON. Never throws, however deep it is; integers of 64 bits keep their digits, bytes become base64. */
export function jsonText(value: LogValue, depth = 0): string {
  switch (typeof value) {
    case 'bigint':
      return value.toString()
    case 'object':
      break
    default:
      return JSON.stringify(value) ?? 'null'
  }
  if (value === null) return 'null'
  if (value instanceof Uint8Array) return `"${Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64')}"`
  if (depth >= DEPTH_MAX) return '"…"'
  let text = ''
  if (Array.isArray(value)) {
    for (const member of value as readonly LogValue[]) text += `${text === '' ? '' : ','}${jsonText(member, depth + 1)}`
    return `[${text}]`
  }
  const map = value as Readonly<Record<string, LogValue>>
  for (const key of Object.keys(map)) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${jsonText(map[key], depth + 1)}`
  return `{${text}}`
}

/** Whether lists and maps lie deeper inside one another than `depth`. */
export function isDeeper(value: LogValue, depth: number): boolean {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return false
  if (depth <= 0) return true
  if (Array.isArray(value)) {
    for (const member of value) if (isDeeper(member, depth - 1)) return true
    return false
  }
  const fields = value as Readonly<Record<string, LogValue>>
  for (const key in fields) if (isDeeper(fields[key], depth - 1)) return true
  return false
}
