import { RefusedError } from '../errors.ts'
import { Mount } from './mounts.ts'

/** A port that serves guests beside its own routes. */
export interface GuestHost {
  /** The guests have changed; resolves when requests go by the new routes. Rejects when it cannot serve them. */
  refresh(): Promise<void>
}

/** What one guest has lent. */
export interface Loan {
  /** Serves the routes no more; resolves when no request to them is inside, which is waited for up to `withinMs`. */
  close(withinMs: number): Promise<void>
}

interface Lent<R> {
  readonly option: string
  readonly mount: Mount<R>
}

/**
 * Routes of components that are served on the ports of others, so that a sender needs one address for all that it has. A port and a guest may come
 * and go in any order: each port that takes guests serves all that are there. A port's own routes win.
 */
export class Guests<R> {
  private readonly hosts = new Map<GuestHost, number>()
  private lent: readonly Lent<R>[] = []
  private readonly key: (route: R) => string

  constructor(key: (route: R) => string) {
    this.key = key
  }

  /**
   * Serves these routes on every port that takes guests. `option` is the place in the configuration that asks: its next generation takes over what
   * the one before has lent. Throws RefusedError `unavailable` when another option serves one of the routes already.
   */
  async lend(option: string, routes: readonly R[]): Promise<Loan> {
    const keys = new Set(routes.map(this.key))
    const other = this.lent.find((one) => one.option !== option && one.mount.routes.some((route) => keys.has(this.key(route))))
    if (other !== undefined) throw new RefusedError('unavailable', `${option}: ${other.option} serves the same paths already`)
    const lent = { option, mount: new Mount(routes) }
    this.lent = [...this.lent, lent]
    const takeBack = (): Promise<unknown> => {
      this.lent = this.lent.filter((one) => one !== lent)
      return this.refresh()
    }
    try {
      await this.refresh()
    } catch (error) {
      await takeBack()
      throw error
    }
    return {
      close: async (withinMs) => {
        await Promise.all([takeBack(), lent.mount.settled(withinMs)])
      }
    }
  }

  /** Serves the guests at this port, too, until `leave` has been called as often. */
  async enter(host: GuestHost): Promise<void> {
    const times = this.hosts.get(host) ?? 0
    this.hosts.set(host, times + 1)
    if (times === 0) await host.refresh()
  }

  async leave(host: GuestHost): Promise<void> {
    const times = this.hosts.get(host) ?? 0
    if (times > 1) this.hosts.set(host, times - 1)
    else if (this.hosts.delete(host)) await host.refresh()
  }

  takesPartIn(host: GuestHost): boolean {
    return this.hosts.has(host)
  }

  /** What is served at a port that takes guests; who comes later is served where two generations of one guest serve the same. */
  get mounts(): readonly Mount<R>[] {
    return this.lent.map(({ mount }) => mount)
  }

  private refresh(): Promise<unknown> {
    return Promise.all([...this.hosts.keys()].map((host) => host.refresh()))
  }
}
