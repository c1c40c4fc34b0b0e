import type { GpuDevice, GpuProcess, GpuSample } from '../facts.ts'
import { FIELDS, IDENTITY, type SampleProperty, THROTTLE_MASKS, THROTTLE_REASONS, throttleSources } from './fields.ts'
import { type Absence, absenceOf, isBusId, isGpuUuid, readMask, readNumber, readText } from './values.ts'

/** What one answer of nvidia-smi says of one GPU or MIG instance. */
export interface GpuReading {
  readonly device: GpuDevice
  readonly sample: GpuSample
  /** Of each value that was asked for and is not there, by our name for it: why. */
  readonly absent: Readonly<Record<string, Absence>>
}

/** One look at all GPUs. */
export interface GpuAnswer {
  readonly readings: readonly GpuReading[]
  /** Rows that could not be read, or were more than anybody has. */
  readonly refusedRows: number
}

/** More GPUs and MIG instances than any machine has; what is above it is refused. */
export const DEVICES_MAX = 256
/** Processes kept of one GPU. */
export const PROCESSES_MAX = 1024

/** Where a value stands in the answer: the text there, and the unit that its column's header gives. */
export interface Cell {
  readonly text: string
  readonly unit: string | undefined
}
export type Lookup = (source: string) => Cell | undefined

interface Given {
  readonly route: 'csv' | 'xml'
  readonly atMs: number
  /** Its place in the answer: its index, where the answer gives none. */
  readonly place: number
  readonly processes: readonly GpuProcess[]
  /** Of a MIG instance, which `-q -x` does not name. */
  readonly identity?: Pick<GpuDevice, 'uuid' | 'model' | 'driverVersion' | 'mig'>
}

/** Reads one GPU out of an answer; null when it cannot be told which one it is. */
export function makeReading(lookup: Lookup, { route, atMs, place, processes, identity }: Given): GpuReading | null {
  const text = (of: keyof typeof IDENTITY): string | undefined => {
    for (const source of IDENTITY[of][route]) {
      const words = readText(lookup(source)?.text)
      if (words !== undefined) return words
    }
    return undefined
  }
  const busId = text('pciBusId')
  const pciBusId = busId !== undefined && isBusId(busId) ? busId : undefined
  const uuid = identity?.uuid ?? nameOf(lookup, route, pciBusId)
  if (uuid === undefined) return null

  const absent: Record<string, Absence> = {}
  const values: Partial<Record<SampleProperty, number>> = {}
  const more: Record<string, number> = {}
  for (const field of FIELDS) {
    const value = firstNumber(lookup, field[route], field.kind)
    if (value === undefined) continue
    if (typeof value === 'string') absent[field.name] = value
    else if (field.place === 'more') more[field.name] = value
    else values[field.name as SampleProperty] = value
  }
  const throttle = readThrottle(lookup, route)
  if (throttle !== undefined) more.throttleMask = throttle.mask

  const total = firstNumber(lookup, IDENTITY.memoryTotalBytes[route], 'bytes')
  if (typeof total === 'string') absent.memoryTotalBytes = total
  const index = readNumber(text('index') ?? '', 'count')
  const device: GpuDevice = {
    uuid,
    index: typeof index === 'number' && index < 65_536 ? index : place,
    model: identity?.model ?? text('model') ?? 'unknown',
    driverVersion: identity?.driverVersion ?? text('driverVersion'),
    memoryTotalBytes: typeof total === 'number' ? total : undefined,
    pciBusId,
    serial: text('serial'),
    ...(identity?.mig === undefined ? {} : { mig: identity.mig })
  }
  const sample: GpuSample = { atMs, ...values, ...(throttle === undefined ? {} : { throttleReasons: throttle.reasons }), more, processes }
  return { device, sample, absent }
}

// A GPU in trouble may say so instead of its name: then its address names it. A name that is cut off does not.
function nameOf(lookup: Lookup, route: 'csv' | 'xml', pciBusId: string | undefined): string | undefined {
  for (const source of IDENTITY.uuid[route]) {
    const cell = lookup(source)?.text.trim()
    if (cell === undefined) continue
    if (isGpuUuid(cell)) return cell
    if (cell === '' || absenceOf(cell) === undefined) return undefined
  }
  return pciBusId
}

// Undefined when the answer has no such value at all; otherwise the number, or why the first of the sources that are there has none.
function firstNumber(lookup: Lookup, sources: readonly string[], kind: Parameters<typeof readNumber>[1]): number | Absence | undefined {
  let reason: Absence | undefined
  for (const source of sources) {
    const value = sumOf(lookup, source, kind)
    if (typeof value === 'number') return value
    reason ??= value
  }
  return reason
}

// A part that the chip does not count takes no part in a sum; one that could not be read leaves no sum.
function sumOf(lookup: Lookup, source: string, kind: Parameters<typeof readNumber>[1]): number | Absence | undefined {
  let sum: number | undefined
  let reason: Absence | undefined
  for (const part of source.split('+')) {
    const cell = lookup(part)
    if (cell === undefined) return undefined
    const value = readNumber(cell.text, kind, cell.unit)
    if (typeof value === 'number') sum = (sum ?? 0) + value
    else if (value === 'not available' || value === 'not supported') reason ??= value
    else return value
  }
  return sum ?? reason
}

function readThrottle(lookup: Lookup, route: 'csv' | 'xml'): { mask: number; reasons: string[] } | undefined {
  if (route === 'csv') {
    for (const source of THROTTLE_MASKS) {
      const mask = readMask(lookup(source)?.text)
      // A division, since the bit operations of the language see 32 bits only.
      if (mask !== undefined)
        return { mask, reasons: THROTTLE_REASONS.filter(({ bit }) => Math.floor(mask / bit) % 2 === 1).map(({ name }) => name) }
    }
  }
  let known = false
  let mask = 0
  const reasons: string[] = []
  for (const { name, bit } of THROTTLE_REASONS) {
    const flag = firstNumber(lookup, throttleSources(name)[route], 'flag')
    if (typeof flag !== 'number') continue
    known = true
    if (flag === 0) continue
    mask += bit
    reasons.push(name)
  }
  return known ? { mask, reasons } : undefined
}
