/** What work takes of a processor, in milliseconds: how busy the machine is does not show in it, so that a limit on it may be tight. */
export function cpuMs(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}
