// Values that Kubernetes reads: one that it refuses would keep the whole pod from being made.

const NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/
const NAME_LENGTH_MAX = 253

/** May a Secret have this name? */
export const isObjectName = (text: string): boolean => text.length <= NAME_LENGTH_MAX && NAME.test(text)

/** May a container have this name? */
export const isContainerName = (text: string): boolean => /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text)

const MILLI_CPU_MIN = 10
export const CPU = 'an amount of CPU of at least 10m, as 250m or 1'

/** Is this enough CPU for the gateway to start with? */
export function isCpu(text: string): boolean {
  const [, digits, unit] = /^(\d{1,6}(?:\.\d{1,3})?)(m?)$/.exec(text) ?? []
  return digits !== undefined && Number(digits) * (unit === 'm' ? 1 : 1000) >= MILLI_CPU_MIN && !(unit === 'm' && digits.includes('.'))
}

const MEMORY_BYTES_MIN = 128 * 1024 * 1024
export const MEMORY = 'an amount of memory of at least 128Mi, as 256Mi or 1Gi'

/** Is this enough memory for the gateway to live on? */
export function isMemory(text: string): boolean {
  const [, digits, unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?)([KMGTPE]i|[kMGTPE])?$/.exec(text) ?? []
  const power = unit === '' ? 0 : 'KMGTPE'.indexOf(unit[0].toUpperCase()) + 1
  const bytes = Number(digits) * (unit.endsWith('i') ? 1024 : 1000) ** power
  // Kubernetes takes a part of a byte as well, and the container then does not start.
  return digits !== undefined && bytes >= MEMORY_BYTES_MIN && Number.isSafeInteger(bytes)
}

/** Is this the name of an image, as `registry:5000/team/name:tag@sha256:…`? */
export function isImage(text: string): boolean {
  return /^[a-z0-9][a-z0-9.-]*(:\d{1,5})?(\/[a-z0-9][a-z0-9._-]*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$/.test(text)
}
