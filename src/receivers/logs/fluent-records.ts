import type { LogStream } from '../../logs/log-collector.ts'
import { LogEntry, type LogValue } from '../../logs/log-entry.ts'
import { understandObject } from '../../logs/understand.ts'
import { isMap } from './fluent-message.ts'
import { PartialLines } from './fluent-partials.ts'

type Fields = { readonly [key: string]: LogValue }

/** Labels, and annotations, of a pod that are kept. */
const LABELS_MAX = 64

const KUBERNETES: Readonly<Record<string, string>> = {
  namespace_name: 'k8s.namespace.name',
  pod_name: 'k8s.pod.name',
  pod_id: 'k8s.pod.uid',
  pod_ip: 'k8s.pod.ip',
  container_name: 'k8s.container.name',
  host: 'k8s.node.name',
  docker_id: 'container.id',
  container_image: 'container.image.name'
}
const PREFIXES: Readonly<Record<string, string>> = {
  labels: 'k8s.pod.label.',
  annotations: 'k8s.pod.annotation.',
  namespace_labels: 'k8s.namespace.label.'
}

// One for all: whoever takes a record has read it when the call returns.
const entry = new LogEntry()

/** Makes log records of what Fluentd, Fluent Bit, Docker and the Fluent loggers send. */
export class FluentRecords {
  private readonly partials: PartialLines

  constructor(lineBytesMax: number) {
    this.partials = new PartialLines(lineBytesMax)
  }

  add(stream: LogStream, timeMs: number, timeNanos: number, record: LogValue, metadata: LogValue): void {
    const receivedMs = Date.now()
    if (!isMap(record)) {
      begin(receivedMs, timeMs, timeNanos)
      entry.body = record
      stream.entry(entry)
      return
    }
    if (!PartialLines.isPart(record)) {
      send(stream, receivedMs, timeMs, timeNanos, record, metadata)
      return
    }
    for (const { timeMs: ms, timeNanos: nanos, fields } of this.partials.add(stream, record, timeMs, timeNanos))
      send(stream, receivedMs, ms, nanos, fields, metadata)
  }

  /** No more parts come: what is there of lines goes on. */
  flush(): void {
    for (const { stream, timeMs, timeNanos, fields } of this.partials.rest()) send(stream, Date.now(), timeMs, timeNanos, fields, null)
  }
}

function begin(receivedMs: number, timeMs: number, timeNanos: number): void {
  entry.reset(receivedMs)
  entry.timeMs = timeMs
  entry.timeNanos = timeNanos
}

function send(stream: LogStream, receivedMs: number, timeMs: number, timeNanos: number, record: Fields, metadata: LogValue): void {
  begin(receivedMs, timeMs, timeNanos)
  const { kubernetes, source, container_name: container, ...fields } = record as Record<string, LogValue>
  const log = fields.log
  if (typeof log === 'string' && log.endsWith('\n')) fields.log = log.slice(0, -1)
  // Docker's driver says by these names where a line was written.
  if (source !== undefined)
    fields['container_id' in record && (source === 'stdout' || source === 'stderr') ? 'log.iostream' : 'source'] = source
  if (container !== undefined) fields['container.name'] = typeof container === 'string' ? container.replace(/^\//, '') : container
  understandObject(fields, entry)
  if (isMap(kubernetes)) addKubernetes(kubernetes)
  else if (kubernetes !== undefined) add('kubernetes', kubernetes)
  if (isMap(metadata) && Object.keys(metadata).length > 0) add('fluent.metadata', metadata)
  // What a log agent has read is a line of its own.
  if (typeof fields.log === 'string' && entry.body === fields.log) stream.entry(entry)
  else stream.record(entry)
}

function addKubernetes(fields: Fields): void {
  for (const [key, value] of Object.entries(fields)) {
    const prefix = Object.hasOwn(PREFIXES, key) ? PREFIXES[key] : undefined
    if (prefix === undefined || !isMap(value)) {
      add(Object.hasOwn(KUBERNETES, key) ? KUBERNETES[key] : `kubernetes.${key}`, value)
      continue
    }
    const labels = Object.entries(value)
    entry.droppedAttributes += Math.max(0, labels.length - LABELS_MAX)
    for (const [name, label] of labels.slice(0, LABELS_MAX)) add(prefix + name, label)
  }
}

function add(key: string, value: LogValue): void {
  const at = entry.keys.indexOf(key)
  if (at === -1) entry.add(key, value)
  else entry.values[at] = value
}
