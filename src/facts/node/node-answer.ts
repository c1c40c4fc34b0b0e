import { RefusedError } from '../../errors.ts'
import { GPU_STATES, type GpuDevice, type GpuOwner, type GpuProcess, type GpuSample } from '../facts.ts'
import type { NodeGpuFacts } from './node-facts.ts'

const DEVICES_MAX = 256
const PROCESSES_MAX = 4_096
const NUMBERS = [
  'utilization',
  'memoryUtilization',
  'encoderUtilization',
  'decoderUtilization',
  'memoryUsedBytes',
  'memoryReservedBytes',
  'memoryFreeBytes',
  'temperature',
  'memoryTemperature',
  'powerWatts',
  'powerLimitWatts',
  'smClockHz',
  'memoryClockHz',
  'fanSpeed',
  'performanceState'
] as const satisfies readonly (keyof GpuSample)[]

// biome-ignore lint/suspicious/noExplicitAny: JSON from outside; each step is looked at before it is taken
type Json = any

/**
 * Reads a node's answer, taking over only what has the right shape: the node may be of another version. Throws RefusedError `invalid` when it is
 * not an answer at all.
 */
export function parseNodeAnswer(body: string): NodeGpuFacts {
  let answer: Json
  try {
    answer = JSON.parse(body)
  } catch {
    throw new RefusedError('invalid', 'the node answered something that is not JSON')
  }
  if (object(answer).version !== 1 || !Array.isArray(answer.devices))
    throw new RefusedError('invalid', 'the node answered something that is not GPU facts of version 1')
  const devices: NodeGpuFacts['devices'][number][] = []
  for (const each of answer.devices.slice(0, DEVICES_MAX)) {
    const device = readDevice(object(each).device)
    if (device === undefined) continue
    const sample = readSample(each.sample)
    devices.push({ device, owners: list(each.owners).map(readOwner), ...(sample === undefined ? {} : { sample }) })
  }
  return { version: 1, state: GPU_STATES.includes(answer.state) ? answer.state : 'failed', remedy: word(answer.remedy) ?? '', devices }
}

function readDevice(value: Json): GpuDevice | undefined {
  const { uuid, index, model, driverVersion, memoryTotalBytes, pciBusId, serial, mig } = object(value)
  if (word(uuid) === undefined || number(index) === undefined) return undefined
  const device: GpuDevice = {
    uuid,
    index,
    model: word(model) ?? '',
    driverVersion: word(driverVersion),
    memoryTotalBytes: number(memoryTotalBytes),
    pciBusId: word(pciBusId),
    serial: word(serial)
  }
  const { parent, gpuInstanceId, computeInstanceId, profile } = object(mig)
  if (word(parent) === undefined) return device
  return {
    ...device,
    mig: { parent, gpuInstanceId: number(gpuInstanceId) ?? 0, computeInstanceId: number(computeInstanceId) ?? 0, profile: word(profile) }
  }
}

function readSample(value: Json): GpuSample | undefined {
  const given = object(value)
  const atMs = number(given.atMs)
  if (atMs === undefined) return undefined
  const numbers: Record<string, number> = {}
  for (const name of NUMBERS) if (number(given[name]) !== undefined) numbers[name] = given[name]
  const more: Record<string, number> = {}
  for (const [name, each] of Object.entries(object(given.more))) if (number(each) !== undefined) more[name] = each as number
  const reasons = Array.isArray(given.throttleReasons) ? given.throttleReasons.filter((each: Json) => word(each) !== undefined) : undefined
  const processes: GpuProcess[] = []
  for (const each of list(given.processes).slice(0, PROCESSES_MAX)) {
    const { pid, name, memoryUsedBytes } = object(each)
    if (number(pid) !== undefined) processes.push({ pid, name: word(name) ?? '', memoryUsedBytes: number(memoryUsedBytes) })
  }
  return { ...numbers, atMs, throttleReasons: reasons, more, processes }
}

function readOwner(value: Json): GpuOwner {
  const { namespace, pod, podUid, container } = object(value)
  return { namespace: word(namespace) ?? '', pod: word(pod) ?? '', podUid: word(podUid), container: word(container) }
}

const object = (value: Json): Json => (typeof value === 'object' && value !== null ? value : {})
const list = (value: Json): Json[] => (Array.isArray(value) ? value : [])
const word = (value: Json): string | undefined => (typeof value === 'string' ? value : undefined)
const number = (value: Json): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined)
