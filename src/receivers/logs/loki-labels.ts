import type { LogEntry } from '../../logs/log-entry.ts'
import { KNOWN, type Role } from '../../logs/names.ts'
import { understandObject } from '../../logs/understand.ts'

/** Labels of one stream, and metadata of one record, at most; further ones are counted in the record. */
const LABELS_MAX = 128

/** What is known as something else in OpenTelemetry. */
const NAMES: Readonly<Record<string, string>> = {
  namespace: 'k8s.namespace.name',
  pod: 'k8s.pod.name',
  container: 'k8s.container.name',
  node_name: 'k8s.node.name',
  cluster: 'k8s.cluster.name',
  filename: 'log.file.path',
  stream: 'log.iostream',
  host: 'host.name',
  detected_level: 'level'
}

/** What is read as in a JSON line, by what it is for. Texts and times are not: those of the record are there already. */
const UNDERSTOOD: ReadonlySet<Role> = new Set([
  'level',
  'service',
  'traceId',
  'spanId',
  'flags',
  'context',
  'datadogTrace',
  'datadogSpan',
  'id',
  'attribute'
])

/** Names and values of a stream or a record, in order. */
export class Labels {
  readonly names: string[] = []
  readonly values: string[] = []
  private dropped = 0

  get isEmpty(): boolean {
    return this.names.length === 0
  }

  clear(): void {
    this.names.length = 0
    this.values.length = 0
    this.dropped = 0
  }

  add(name: string, value: string): void {
    if (this.names.length >= LABELS_MAX) this.dropped++
    else if (!this.names.includes(name)) {
      this.names.push(name)
      this.values.push(value)
    }
  }

  /** Says in the entry what the labels say. */
  writeTo(entry: LogEntry): void {
    const { names, values } = this
    const understood: Record<string, string> = {}
    let app = ''
    for (let i = 0; i < names.length; i++) {
      const name = Object.hasOwn(NAMES, names[i]) ? NAMES[names[i]] : names[i]
      const role = KNOWN.get(name)?.role
      if (name === 'app') app = values[i]
      if (role !== undefined && UNDERSTOOD.has(role)) understood[name] = values[i]
      else add(entry, name, values[i])
    }
    const { body, timeMs, timeNanos } = entry
    if (Object.keys(understood).length > 0) understandObject(understood, entry)
    entry.body = body
    entry.timeMs = timeMs
    entry.timeNanos = timeNanos
    entry.droppedAttributes += this.dropped
    // Loki makes up this name where the sender has given none.
    if (app !== '' && (entry.serviceName === '' || entry.serviceName === 'unknown_service')) entry.serviceName = app
  }
}

function add(entry: LogEntry, key: string, value: string): void {
  const at = entry.keys.indexOf(key)
  if (at === -1) entry.add(key, value)
  else entry.values[at] = value
}

/** What is wrong with a label text. */
export class LabelFault extends Error {}

// Loki’s own rules: a name, =, a Go string in quotes or back quotes; pairs between commas, all in braces.
const PAIR = /\s*([A-Za-z_][A-Za-z0-9_:.]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|`([^`]*)`)\s*(,|$)/suy
const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([0-7]{3})|(.))/gsu
const LETTERS: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' }

/** Reads `{name="value", …}`. Throws LabelFault, which does not quote it. */
export function readLabels(text: string, labels: Labels): void {
  const trimmed = text.trim()
  if (!trimmed.startsWith('{') || !trimmed.endsWith('}')) throw new LabelFault('labels that are not in braces')
  const inside = trimmed.slice(1, -1)
  if (inside.trim() === '') return
  PAIR.lastIndex = 0
  while (PAIR.lastIndex < inside.length) {
    const at = PAIR.lastIndex
    const pair = PAIR.exec(inside)
    if (pair === null) {
      if (inside.slice(at).trim() === '') return
      throw new LabelFault(`labels: offset ${at + 1}: expected name="value"`)
    }
    const [, name, quoted, raw] = pair
    labels.add(name, raw ?? (quoted.includes('\\') ? quoted.replace(ESCAPE, unescaped) : quoted))
  }
}

function unescaped(_all: string, short?: string, long?: string, hex?: string, octal?: string, letter?: string): string {
  const digits = short ?? long ?? hex
  if (digits !== undefined || octal !== undefined) {
    const point = digits === undefined ? Number.parseInt(octal!, 8) : Number.parseInt(digits, 16)
    return point > 0x10ffff ? '\ufffd' : String.fromCodePoint(point)
  }
  return LETTERS[letter!] ?? letter!
}
