import { stringAttribute } from '../../otlp/views.ts'

const ATTRIBUTES = 1 // of a Resource
const SERVICE_NAME = Buffer.from('service.name')

/** What holds for the service whose records are walked now; `resourceEntry` and `resource` are to be told of each resource. */
export class ByService<T> {
  current: T
  private readonly others: T
  private readonly named: ReadonlyMap<string, T>

  constructor(others: T, named: ReadonlyMap<string, T>) {
    this.current = others
    this.others = others
    this.named = named
  }

  resourceEntry(): void {
    this.current = this.others
  }

  resource(bytes: Uint8Array, start: number, end: number): void {
    if (this.named.size === 0) return
    const name = stringAttribute(bytes, start, end, ATTRIBUTES, SERVICE_NAME)
    if (name !== undefined) this.current = this.named.get(name) ?? this.others
  }
}
