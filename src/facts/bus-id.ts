/** A PCI address in one spelling: the driver writes `0000:9b:00`, nvidia-smi `00000000:9B:00.0`. */
export function plainBusId(id: string): string {
  const plain = id.toLowerCase().replace(/^0+(?=[0-9a-f]{4}:)/, '')
  return plain.includes('.') ? plain : `${plain}.0`
}
