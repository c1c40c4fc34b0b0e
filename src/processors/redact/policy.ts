// What holds where: which rules leave alone what they find, and what takes its place.

export const MODES = ['mask', 'remove', 'hash', 'last4'] as const
export type Mode = (typeof MODES)[number]

/** Where in a signal a text stands, in one of few words. */
export type Place =
  | 'attribute'
  | 'name'
  | 'body'
  | 'resource'
  | 'scope'
  | 'event'
  | 'link'
  | 'status'
  | 'tracestate'
  | 'label'
  | 'exemplar'
  | 'profile'
  | 'text'

/** One policy as the configuration has it. Lists that are empty mean everything. */
export interface PolicyOptions {
  readonly signals: readonly string[]
  readonly attributes: readonly string[]
  readonly allow: readonly string[]
  readonly mode: Mode | 'inherit'
}

/** What is done with the finds at one place. */
export class Treatment {
  /** Rules whose finds stay. */
  readonly allowed: ReadonlySet<string>
  /** Nothing is looked for. */
  readonly allowsAll: boolean
  /** Every find gets the same marker as others of its rule. */
  readonly isPlain: boolean
  private readonly mode: Mode
  private readonly modes: ReadonlyMap<string, Mode>
  private traced: Treatment | undefined

  constructor(mode: Mode, modes: ReadonlyMap<string, Mode>, allowed: ReadonlySet<string>) {
    this.mode = mode
    this.modes = modes
    this.allowed = allowed
    this.allowsAll = allowed.has('*')
    this.isPlain = mode === 'mask' && [...modes.values()].every((one) => one === 'mask')
  }

  modeOf(rule: string): Mode {
    return this.modes.get(rule) ?? this.mode
  }

  /** The same for names of attributes, which never lose a part without a trace: what is left might be another's name. */
  get ofKeys(): Treatment {
    this.traced ??= new Treatment(seen(this.mode), new Map(Array.from(this.modes, ([rule, mode]) => [rule, seen(mode)])), this.allowed)
    return this.traced
  }

  allows(rule: string): boolean {
    return this.allowsAll || this.allowed.has(rule)
  }

  /** This treatment, changed by one policy. */
  with({ allow, mode }: PolicyOptions): Treatment {
    const allowed = new Set([...this.allowed, ...allow])
    return mode === 'inherit' ? new Treatment(this.mode, this.modes, allowed) : new Treatment(mode, new Map(), allowed)
  }
}

function seen(mode: Mode): Mode {
  return mode === 'remove' ? 'mask' : mode
}

/** The treatments of one signal: everywhere, and at single attributes. */
export class SignalPolicy {
  readonly everywhere: Treatment
  /** False: no attribute has a treatment of its own. */
  readonly hasAttributes: boolean
  private readonly exact = new Map<string, Treatment>()
  private readonly prefixes: { readonly prefix: string; treatment: Treatment }[] = []

  constructor(usual: Treatment, policies: readonly PolicyOptions[]) {
    this.everywhere = policies.filter(({ attributes }) => attributes.length === 0).reduce((so, policy) => so.with(policy), usual)
    for (const policy of policies) {
      for (const name of policy.attributes) {
        if (name.endsWith('*')) this.prefixes.push({ prefix: name.slice(0, -1), treatment: this.everywhere.with(policy) })
        else this.exact.set(name, (this.exact.get(name) ?? this.everywhere).with(policy))
      }
    }
    this.hasAttributes = this.exact.size > 0 || this.prefixes.length > 0
  }

  /** The treatment of an attribute by its name, with the names of the maps around it before it and dots between; null where it has none of its own. */
  of(path: string): Treatment | null {
    return this.exact.get(path) ?? this.prefixes.find(({ prefix }) => path.startsWith(prefix))?.treatment ?? null
  }
}

/** All that the configuration says of modes and places. */
export class Policies {
  private readonly usual: Treatment
  private readonly policies: readonly PolicyOptions[]
  private readonly bySignal = new Map<string, SignalPolicy>()

  constructor(mode: Mode, modes: Readonly<Record<string, Mode>>, policies: readonly PolicyOptions[]) {
    this.usual = new Treatment(mode, new Map(Object.entries(modes)), new Set())
    this.policies = policies
  }

  /** What holds for a signal. Its names come from code, so that there are few. */
  of(signal: string): SignalPolicy {
    let found = this.bySignal.get(signal)
    if (found === undefined) {
      found = new SignalPolicy(
        this.usual,
        this.policies.filter(({ signals }) => signals.length === 0 || signals.includes(signal))
      )
      this.bySignal.set(signal, found)
    }
    return found
  }
}
