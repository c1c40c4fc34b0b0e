import { randomUUID } from 'node:crypto'
import { hostname, arch as machine, type as system } from 'node:os'
import { type Batch, formOf } from '../../batch.ts'
import { defineProcessor, type Host } from '../../component.ts'
import { duration, flag, group, list, map, text } from '../../config/schema.ts'
import { Placement, SENDER_KEYS } from '../../facts/placement.ts'
import { ID_NAMES, Senders } from '../../facts/senders.ts'
import { KeyTable } from '../../otlp/attributes/key-table.ts'
import { editRecords, editResources, type RecordEditor } from '../../otlp/request.ts'
import { RECORD_NAMES } from './gpu-names.ts'
import { RecordEnricher } from './record-enricher.ts'
import { RecordReader } from './record-reader.ts'
import { ResourceEnricher } from './resource-enricher.ts'

/** Adds what the sender could not know, or did not say: to the resource of everything that passes, to spans, and to errors. Nothing is decoded. */
export const enrich = defineProcessor({
  type: 'enrich',
  summary: 'Add attributes to the resource of all telemetry, and the state of the GPU to spans and errors.',
  outcome: 'dropped',
  options: {
    attributes: map(text({ doc: 'The value of a resource attribute.', default: '' }), {
      doc: 'Resource attributes to add, name to value. They win over OTEL_RESOURCE_ATTRIBUTES.'
    }),
    environment: flag({ doc: 'Add the attributes of OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME.', default: true }),
    host: flag({
      doc: 'Add host.name, host.arch and os.type of the machine the gateway runs on; switch off where senders are remote.',
      default: true
    }),
    process: flag({ doc: 'Add sluice.instance.id, which names the gateway process that the telemetry passed.', default: true }),
    overwrite: flag({
      doc: 'Replace what the sender said instead of keeping it; never what it said of its pod and its GPU.',
      default: false
    }),
    pod: flag({ doc: 'Add what is known of the sender’s pod: its name, namespace, node, workload and container.', default: true }),
    gpu: group(
      {
        resource: flag({
          doc: 'Add the GPU of the sender, its model, driver and memory size, to the resource of all but metrics.',
          default: true
        }),
        spans: flag({ doc: 'Add mean load, peak memory, mean power and energy over the time of each span.', default: true }),
        errors: flag({ doc: 'Add the state of the GPU at that instant to log records of errors and to exceptions.', default: true }),
        ids: list(text({ doc: 'An attribute of span, log record or resource.' }), {
          doc: 'Where a sender says which GPU it used: by UUID, PCI bus id or index, several with commas. Without, the GPUs of its pod count.',
          default: [...ID_NAMES]
        }),
        ageMax: duration({ doc: 'What is known of a GPU is left out when it is older than this.', default: '2m' })
      },
      { doc: 'What is told about GPUs.' }
    )
  },
  create: ({ attributes, environment, host: withHost, process: identity, overwrite, pod, gpu }, host) => {
    const added: Record<string, string> = {
      ...(withHost ? { 'host.name': hostname(), 'host.arch': hostArch(), 'os.type': system().toLowerCase() } : {}),
      ...(identity ? { 'sluice.instance.id': randomUUID() } : {}),
      ...(environment ? fromEnvironment(process.env) : {}),
      ...attributes
    }
    const { facts } = host
    const placement = new Placement(facts)
    const keys = new KeyTable([...SENDER_KEYS, ...gpu.ids, ...RECORD_NAMES])
    const reader = new RecordReader(keys)
    const senders = new Senders(placement, reader, keys, gpu.ids, { attributes: added, overwrite })
    const resources = new ResourceEnricher({
      ...{ attributes: added, overwrite, placement, reader, senders },
      ...{ pod: pod && facts.pod.source !== 'off', gpu: gpu.resource }
    })
    const records = new RecordEnricher({
      ...{ facts: facts.gpu, reader, keys, senders },
      ...{ spans: gpu.spans, errors: gpu.errors, ageMaxMs: gpu.ageMax }
    })
    observe(host, records)
    return {
      process(batch) {
        placement.refresh(Date.now(), batch.sender)
        const isRead = resources.open(batch.signal !== 'metrics')
        const editor = placement.hasGpus ? editorOf(batch, records, gpu) : null
        reader.open(batch.bytes)
        records.open(batch.receivedAtMs)
        const bytes =
          editor === null
            ? editResources(batch.bytes, resources, isRead ? records.head : undefined)
            : editRecords(batch.bytes, editor, resources).bytes
        reader.close()
        return bytes === batch.bytes ? batch : { ...batch, bytes }
      }
    }
  }
})

// What tells the records of a batch about GPUs; null where they are told nothing.
function editorOf({ signal }: Batch, records: RecordEnricher, told: { spans: boolean; errors: boolean }): RecordEditor | null {
  if (signal === 'traces') return told.spans || told.errors ? records.spanEditor : null
  return formOf(signal) === 'logs' && told.errors ? records.logEditor : null
}

function observe({ metrics }: Host, { spans, errors }: RecordEnricher): void {
  const read = (counts: Readonly<Record<string, number>>) => () =>
    Object.entries(counts).map(([outcome, value]) => ({ labels: { outcome }, value }))
  metrics.observe('sluice_enrich_gpu_spans_total', 'Kept spans, by what came of telling them about their GPU.', 'counter', read(spans))
  metrics.observe('sluice_enrich_gpu_errors_total', 'Errors, by what came of telling them about their GPU.', 'counter', read(errors))
}

/** OTEL_RESOURCE_ATTRIBUTES is `key=value,key2=value2`, percent-encoded; a part that is not of this form is left out. */
export function fromEnvironment(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const attributes: Record<string, string> = {}
  for (const part of (environment.OTEL_RESOURCE_ATTRIBUTES ?? '').split(',')) {
    const at = part.indexOf('=')
    const key = part.slice(0, at).trim()
    if (at > 0 && key !== '') attributes[decode(key)] = decode(part.slice(at + 1).trim())
  }
  const service = environment.OTEL_SERVICE_NAME
  return service === undefined || service === '' ? attributes : { ...attributes, 'service.name': service }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

// The names that the semantic conventions give to what Node calls otherwise.
function hostArch(): string {
  return { x64: 'amd64', arm: 'arm32', ia32: 'x86' }[machine() as string] ?? machine()
}
