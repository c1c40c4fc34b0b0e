import { readdirSync, readFileSync } from 'node:fs'

/** Sends a signal to all processes of a group; one that is gone, or that is not ours to signal, is left alone. */
export function signalGroup(groupId: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-groupId, signal)
  } catch {
    // ESRCH: nobody is left. EPERM: somebody who changed his user; whoever looks next still finds him alive.
  }
}

/**
 * Whether a process of a group that we made still runs. Our groups are sessions too, so a stranger who got the number later is not mistaken for
 * ours. The dead that nobody has reaped do not count: under a container's first process they may stay for ever.
 */
export function groupLives(groupId: number): boolean {
  try {
    process.kill(-groupId, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  const living = countLiving(groupId)
  return living === undefined || living > 0
}

/** How many processes of the group run, the stuck ones among them; undefined where there is no /proc to say so. */
export function countLiving(groupId: number): number | undefined {
  let names: string[]
  try {
    names = readdirSync('/proc')
  } catch {
    return undefined
  }
  if (!names.includes('self')) return undefined
  let living = 0
  for (const name of names) if (name.charCodeAt(0) <= 57 && isLivingMember(name, groupId)) living++
  return living
}

// /proc/PID/stat: `pid (name) state parent group session …`; the name may hold anything, closing brackets and blanks too.
function isLivingMember(pid: string, groupId: number): boolean {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return false
  }
  const [state, , group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 4)
  return state !== 'Z' && state !== 'X' && Number(group) === groupId && Number(session) === groupId
}
