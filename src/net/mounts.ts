/** What one owner serves at a shared address, and how much of it is under way. */
export class Mount<R> {
  readonly routes: readonly R[]
  private underWay = 0
  private settle: (() => void) | undefined

  constructor(routes: readonly R[]) {
    this.routes = routes
  }

  enter(): void {
    this.underWay++
  }

  leave(): void {
    if (--this.underWay === 0) this.settle?.()
  }

  /** Resolves when nothing is under way, at latest after `withinMs`. */
  settled(withinMs: number): Promise<void> {
    if (this.underWay === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs)
      this.settle = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/** What all owners serve at one address. Who comes later is served where two serve the same, until he leaves. */
export class Mounts<R> {
  private mounts: readonly Mount<R>[] = []
  private readonly key: (route: R) => string

  constructor(key: (route: R) => string) {
    this.key = key
  }

  add(routes: readonly R[]): Mount<R> {
    const mount = new Mount(routes)
    this.mounts = [...this.mounts, mount]
    return mount
  }

  remove(mount: Mount<R>): void {
    this.mounts = this.mounts.filter((other) => other !== mount)
  }

  /** The routes in force, by key; those of `guests` where nobody here serves the same. */
  table(guests: readonly Mount<R>[] = []): Map<string, { route: R; mount: Mount<R> }> {
    const all = [...guests, ...this.mounts]
    return new Map(all.flatMap((mount) => mount.routes.map((route) => [this.key(route), { route, mount }] as const)))
  }
}
