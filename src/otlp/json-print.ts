import { decode } from './decode.ts'
import { type Field, MESSAGES, type MessageName } from './schema.ts'

/** The OTLP/JSON text of one checked message: 64-bit integers as strings, enums as numbers, ids in hex. Unknown fields have no JSON and are left out. */
export function printJson(message: MessageName, bytes: Uint8Array): string {
  return printMessage(message, decode(message, bytes))
}

function printMessage(name: MessageName, object: unknown): string {
  // What is not described is bytes, and bytes are base64.
  if (object instanceof Uint8Array) return base64(object)
  const fields = MESSAGES[name]
  const parts: string[] = []
  for (const [key, value] of Object.entries(object as object)) parts.push(`"${key}":${printField(fields[key], value)}`)
  return `{${parts.join(',')}}`
}

function printField(field: Field, value: unknown): string {
  if (!field.repeated) return printValue(field, value)
  return `[${(value as unknown[]).map((element) => printValue(field, element)).join(',')}]`
}

function printValue({ message }: Field, value: unknown): string {
  if (message !== undefined) return printMessage(message, value)
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value)
    case 'bigint':
      return `"${value}"`
    case 'number':
      if (Object.is(value, -0)) return '-0'
      return Number.isFinite(value) ? String(value) : `"${value}"`
    case 'boolean':
      return String(value)
    default:
      return base64(value as Uint8Array)
  }
}

function base64(bytes: Uint8Array): string {
  return `"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')}"`
}
