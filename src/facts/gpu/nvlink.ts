import type { GpuReading } from './reading.ts'
import { isGpuUuid } from './values.ts'

// The wire, of `nvlink -s`: `GPU 0: NVIDIA H200 (UUID: GPU-…)`, and below it one line per link that is up, `Link 0: 26.562 GB/s`; where none is,
// `NVML: Unable to retrieve NVLink information as all links are inactive`. In MIG mode it says that it does not tell.

const LINES_MAX = 8192
/** More than any GPU has. */
const LINKS_MAX = 64
const GPU_LINE = /^GPU \d{1,5}: .{1,120} \(UUID: ([^)]{1,60})\)$/
const LINK_LINE = /^Link (\d{1,3}): (\d{1,6}(?:\.\d{1,6})?) GB\/s$/
const BYTES_PER_GB = 1e9

/** The links of one GPU that are up, and how fast they could be together, one way. */
export interface Nvlinks {
  links: number
  bytesPerSecond: number
}

/** Reads the answer to `nvlink -s`, by the GPU's UUID. A GPU of which it does not say whether its links are up is not among them. */
export function parseNvlinks(text: string): ReadonlyMap<string, Nvlinks> {
  const found = new Map<string, Nvlinks>()
  let uuid: string | undefined
  for (const line of text.split('\n', LINES_MAX)) {
    const trimmed = line.trim()
    const gpu = GPU_LINE.exec(trimmed)
    if (gpu !== null) uuid = isGpuUuid(gpu[1]) ? gpu[1] : undefined
    if (uuid === undefined) continue
    const link = LINK_LINE.exec(trimmed)
    if (link === null && !/all links are inactive$/i.test(trimmed)) continue
    const links = found.get(uuid) ?? { links: 0, bytesPerSecond: 0 }
    found.set(uuid, links)
    if (link === null || links.links >= LINKS_MAX) continue
    links.links++
    links.bytesPerSecond += Number(link[2]) * BYTES_PER_GB
  }
  return found
}

/** Gives the readings what `nvlink -s` says of their links. */
export function joinNvlinks(readings: readonly GpuReading[], all: ReadonlyMap<string, Nvlinks>): readonly GpuReading[] {
  return readings.map((reading) => {
    const found = all.get(reading.device.uuid)
    if (found === undefined) return reading
    const { sample } = reading
    const more = { ...sample.more, nvlinkLinks: found.links, nvlinkBytesPerSecond: found.bytesPerSecond }
    return { ...reading, sample: { ...sample, more } }
  })
}
