/** A line of the kernel log. */
export interface KernelLine {
  /** Programs may write to /dev/kmsg too, but never in the kernel's name. */
  readonly isKernels: boolean
  readonly message: string
  /** When, since 1970: lines with a date. */
  readonly atMs?: number
  /** When, since the machine started: records of /dev/kmsg. */
  readonly uptimeMs?: number
  /** Records of /dev/kmsg are numbered one by one. */
  readonly sequence?: number
}

// /dev/kmsg: `priority,sequence,microseconds,flags[,more];message`, then lines that begin with a space and hold KEY=value. The priority is
// facility * 8 + level, and facility 0 the kernel. https://www.kernel.org/doc/Documentation/ABI/testing/dev-kmsg
const RECORD = /^(\d{1,5}),(\d{1,19}),(\d{1,19}),[^;\n]{0,200};([^\n]*)/
// dmesg and syslog: `kern  :warn  : ` of --decode, then a date, then `host kernel: `, then `[  seconds] `; each may be missing.
const TEXT =
  /^(?:(\w{1,12}) {0,12}:\w{1,12} {0,12}: )?(?:(\d{4}-\d\d-\d\dT[\d:.,+Z-]{8,30}) |[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d )?(?:\S{1,255} kernel: )?(?:\[ {0,20}\d{1,20}\.\d{1,9}\] ?)?(.*)$/s

/** Reads a record of /dev/kmsg, or a line of what dmesg or a syslog daemon prints. */
export function readLine(line: string): KernelLine {
  const record = RECORD.exec(line)
  if (record !== null) {
    const [, priority, sequence, microseconds, message] = record
    return { isKernels: Number(priority) < 8, message, uptimeMs: Number(microseconds) / 1000, sequence: Number(sequence) }
  }
  const [, facility, date, message] = TEXT.exec(line) ?? ['', undefined, undefined, line]
  const atMs = date === undefined ? Number.NaN : Date.parse(date.replace(',', '.'))
  return { isKernels: facility === undefined || facility === 'kern', message, ...(Number.isNaN(atMs) ? {} : { atMs }) }
}
