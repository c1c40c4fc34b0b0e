import { plainBusId } from '../../facts/bus-id.ts'
/** What a driver's line about an error says. What it does not say is undefined. */
export interface Xid {
  /** In the form that both the driver and nvidia-smi can be brought to: `0000:9b:00.0`. */
  readonly busId: string | undefined
  readonly gpuInstanceId: number | undefined
  readonly code: number | undefined
  readonly pid: number | undefined
  readonly processName: string | undefined
}

const BEGINNING = 'NVRM: Xid'
// `NVRM: Xid (PCI:0000:9b:00): 119, pid=2024380, name=python3, what happened`. Old drivers leave out PCI:, the process or its name; of an
// unknown process they say '<unknown>'; new ones put the MIG instance into the parentheses, as `GPU-I:05`.
const XID = /^NVRM: Xid ?\((?:PCI:)?([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}(?:\.[0-7])?)([^)]{0,64})\): *(\d{1,6})(?!\d)/i
const INSTANCE = /GPU-I:(\d{1,4})/
const PID = /[ ,]pid='?(\d{1,10})'?(?=,|$)/
const NAME = /[ ,]name='?([^,']{1,256})'?(?=,|$)/

/** Whether a message is about an Xid, and what it says; a spelling that is not known has nothing but undefined. */
export function readXid(message: string): Xid | null {
  if (!message.startsWith(BEGINNING)) return null
  const found = XID.exec(message)
  const rest = found === null ? '' : message.slice(found[0].length)
  const instance = INSTANCE.exec(found?.[2] ?? '')
  const pid = PID.exec(rest)
  const name = NAME.exec(rest)
  return {
    busId: found === null ? undefined : plainBusId(found[1]),
    gpuInstanceId: instance === null ? undefined : Number(instance[1]),
    code: found === null ? undefined : Number(found[3]),
    pid: pid === null ? undefined : Number(pid[1]),
    processName: name === null || name[1] === '<unknown>' ? undefined : name[1]
  }
}
