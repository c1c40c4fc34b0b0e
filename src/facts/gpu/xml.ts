import { FIELDS, IDENTITY, THROTTLE_REASONS, throttleSources } from './fields.ts'
import { ProcessList } from './processes.ts'
import { type Cell, DEVICES_MAX, type GpuAnswer, type GpuReading, type Lookup, makeReading } from './reading.ts'
import { readNumber } from './values.ts'
import { walkXml, type XmlVisitor } from './xml-scanner.ts'

// The wire: nvidia_smi_log { driver_version, gpu id="…" { values, mig_devices { mig_device { values } }, processes { process_info { … } } } }. Which
// values are there, and whether one is a text or a tree, differs by driver and by chip under one DTD number, so all is found by its path, if it is there.

type Values = Map<string, string>

interface Gpu {
  readonly values: Values
  readonly migs: Values[]
  readonly processes: Values[]
}

const WANTED: ReadonlySet<string> = new Set([
  ...Object.values(IDENTITY).flatMap(({ xml }) => xml as readonly string[]),
  ...FIELDS.flatMap(({ xml }) => xml.flatMap((source) => source.split('+'))),
  ...THROTTLE_REASONS.flatMap(({ name }) => throttleSources(name).xml),
  ...['index', 'gpu_instance_id', 'compute_instance_id', 'pid', 'process_name', 'used_memory']
])
// Half of the document and more; and who used the GPU in the past.
const LEFT_OUT: ReadonlySet<string> = new Set(['gpu/supported_clocks', 'gpu/supported_gpu_target_temp', 'gpu/accounted_processes'])
const MIG = 'gpu/mig_devices/mig_device'
const PROCESS = 'gpu/processes/process_info'
const PROCESS_ROWS_MAX = 8192

/**
 * Reads the answer to `-q -x`. A MIG instance comes as a reading of its own, named in the way of driver 450 until `joinList` gives it the name that is
 * used today; its processes are with it, and the GPU keeps those that name no instance. The index of a GPU is its place in the document. Throws `invalid`
 * when the document is not whole.
 */
export function parseGpuXml(text: string, atMs: number): GpuAnswer {
  const collector = new Collector()
  walkXml(text, 'nvidia_smi_log', collector)
  const readings: GpuReading[] = []
  let refusedRows = collector.refusedRows
  for (const [place, gpu] of collector.gpus.entries()) refusedRows += readGpu(gpu, place, collector.document, atMs, readings)
  return { readings, refusedRows }
}

class Collector implements XmlVisitor {
  readonly document: Values = new Map()
  readonly gpus: Gpu[] = []
  refusedRows = 0
  // The values that are being filled, and how much of a path comes before their names.
  #values = this.document
  #prefix = 0

  open(path: string, attributes: string): boolean {
    if (LEFT_OUT.has(path)) return false
    const gpu = this.gpus.at(-1)
    if (path === 'gpu') {
      if (this.gpus.length >= DEVICES_MAX) return this.#refuse()
      this.gpus.push({ values: new Map(), migs: [], processes: [] })
      this.#fill(this.gpus.at(-1)!.values, 4)
      const id = / id="([^"]{1,40})"/.exec(attributes)
      if (id !== null) this.#values.set('@id', id[1])
    } else if (path === MIG && gpu !== undefined) {
      if (gpu.migs.length >= DEVICES_MAX) return this.#refuse()
      gpu.migs.push(new Map())
      this.#fill(gpu.migs.at(-1)!, MIG.length + 1)
    } else if (path === PROCESS && gpu !== undefined) {
      if (gpu.processes.length >= PROCESS_ROWS_MAX) return this.#refuse()
      gpu.processes.push(new Map())
      this.#fill(gpu.processes.at(-1)!, PROCESS.length + 1)
    }
    return true
  }

  leaf(path: string, text: string): void {
    const name = path.slice(this.#prefix)
    // The first counts: what a process calls itself comes after all that the driver says.
    if (WANTED.has(name) && !this.#values.has(name)) this.#values.set(name, text)
  }

  close(path: string): void {
    if (path === MIG || path === PROCESS) this.#fill(this.gpus.at(-1)!.values, 4)
    else if (path === 'gpu') this.#fill(this.document, 0)
  }

  #fill(values: Values, prefix: number): void {
    this.#values = values
    this.#prefix = prefix
  }

  #refuse(): false {
    this.refusedRows++
    return false
  }
}

function readGpu(gpu: Gpu, place: number, document: Values, atMs: number, readings: GpuReading[]): number {
  let refused = 0
  const rest = new ProcessList()
  const byInstance = new Map<string, ProcessList>(gpu.migs.map((mig) => [instanceOf(mig), new ProcessList()]))
  for (const row of gpu.processes) {
    const list = byInstance.get(instanceOf(row)) ?? rest
    if (!list.add(row.get('pid') ?? '', row.get('process_name') ?? '', row.get('used_memory') ?? '')) refused++
  }
  const whole = makeReading(lookupIn(gpu.values, document), { route: 'xml', atMs, place, processes: rest.list() })
  if (whole === null || readings.length >= DEVICES_MAX) return refused + 1 + gpu.migs.length
  readings.push(whole)
  for (const values of gpu.migs) {
    const instance = readMig(values, whole, byInstance.get(instanceOf(values))!, atMs)
    if (instance === null || readings.length >= DEVICES_MAX) refused++
    else readings.push(instance)
  }
  return refused
}

function readMig(values: Values, { device }: GpuReading, processes: ProcessList, atMs: number): GpuReading | null {
  const [index, gpuInstanceId, computeInstanceId] = ['index', 'gpu_instance_id', 'compute_instance_id'].map((name) =>
    readNumber(values.get(name) ?? '', 'count')
  )
  if (typeof index !== 'number' || typeof gpuInstanceId !== 'number' || typeof computeInstanceId !== 'number') return null
  const { uuid: parent, model, driverVersion } = device
  const mig = { parent, gpuInstanceId, computeInstanceId, profile: undefined }
  const identity = { uuid: `MIG-${parent}/${gpuInstanceId}/${computeInstanceId}`, model, driverVersion, mig }
  return makeReading(lookupIn(values), { route: 'xml', atMs, place: index, processes: processes.list(), identity })
}

function instanceOf(values: Values): string {
  return `${values.get('gpu_instance_id')}/${values.get('compute_instance_id')}`
}

function lookupIn(values: Values, document?: Values): Lookup {
  return (source): Cell | undefined => {
    const text = values.get(source) ?? document?.get(source)
    return text === undefined ? undefined : { text, unit: undefined }
  }
}
