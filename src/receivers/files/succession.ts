import type { Host, Push } from '../../component.ts'
import type { Sockets } from '../../net/sockets.ts'
import { faultOf } from '../../telemetry/fault.ts'
import type { Positions } from './positions.ts'

/** A receiver's work, from the moment when nobody else does it. */
export interface Office {
  /** `before`: what the one before remembers; null where there was none in this process. */
  begin(push: Push, before: Positions | null): Promise<void>
  /** Returns what is remembered; null where it had not begun. */
  end(): Promise<Positions | null>
}

// The last to hold each name in a gateway: resolves when it has left.
const holders = new WeakMap<Sockets, Map<string, Promise<Positions | null>>>()

/**
 * Lets receivers of one name follow each other. A reload starts the new one before it stops the old one, but two must not read the same files, so the
 * new one begins when the old one has left.
 */
export function succeed({ sockets, name, log }: Host, office: Office): { start(push: Push): Promise<void>; stop(): Promise<void> } {
  const names = holders.get(sockets) ?? new Map<string, Promise<Positions | null>>()
  holders.set(sockets, names)
  let begun: Promise<void> | null = null
  let isStopped = false
  let before: Promise<Positions | null> = Promise.resolve(null)
  let left: (positions: Positions | null | Promise<Positions | null>) => void = () => undefined
  return {
    async start(push) {
      const predecessor = names.get(name)
      if (predecessor !== undefined) before = predecessor
      names.set(
        name,
        new Promise((resolve) => {
          left = resolve
        })
      )
      const work = before.then(async (positions) => {
        if (isStopped) return
        begun = office.begin(push, positions)
        await begun
      })
      if (predecessor === undefined) await work
      // Nobody waits for it any more.
      else work.catch((error) => log.error({ receiver: name, ...faultOf(error, 3) }, 'files: could not begin'))
    },
    async stop() {
      isStopped = true
      await begun?.catch(() => undefined)
      // Stopped before its turn came, it hands on what the one before it will leave.
      left((await office.end()) ?? before)
    }
  }
}
