import { describeError, isReadOfErrors, stackText } from './exception.ts'
import type { LogValue } from './log-entry.ts'
import type { Known } from './names.ts'
import { Slot, type TakePlain } from './slot.ts'
import { describeText, type Exception } from './traceback.ts'

/** How languages write that there is no error. */
const NONE: ReadonlySet<string> = new Set(['', 'null', 'nil', '<nil>', 'None', 'none', 'undefined'])
const TYPED = /^[\w.$]{1,256}(?:Error|Exception)\b/

/** The fields of one record that tell of an exception. */
export class ErrorFields {
  private readonly error: Slot
  private readonly stack: Slot
  private readonly type: Slot
  private readonly message: Slot
  private any = false
  private readonly plain: TakePlain

  constructor(plain: TakePlain) {
    this.plain = plain
    this.error = new Slot(plain)
    this.stack = new Slot(plain)
    this.type = new Slot(plain)
    this.message = new Slot(plain)
  }

  clear(): void {
    if (!this.any) return
    this.any = false
    this.error.clear()
    this.stack.clear()
    this.type.clear()
    this.message.clear()
  }

  /** Whether there is something to tell. */
  get filled(): boolean {
    return this.error.filled || this.stack.filled || this.type.filled || this.message.filled
  }

  /** Takes a field, or makes it an attribute where it is not what its name says. */
  take(role: Known['role'], rank: number, key: string, value: LogValue, depth: number): void {
    this.any = true
    if (role === 'error' && (typeof value === 'object' || isSaid(value))) {
      this.error.take(rank, key, value, depth)
    } else if (role === 'stack' && isStack(value)) this.stack.take(rank, key, value, depth)
    else if (role === 'errorType' && isSaid(value)) this.type.take(rank, key, value, depth)
    else if (role === 'errorMessage' && isSaid(value)) this.message.take(rank, key, value, depth)
    else this.plain(key, value, depth)
  }

  /** What the fields say together; null where that is nothing. What an error says beside what every error does becomes attributes. */
  describe(): Exception | null {
    const { error, stack } = this
    if (!this.filled) return null
    const described = error.filled ? describeError(error.value) : null
    if (error.filled) this.leave(error.key, error.value, described === null)
    const written = stack.filled ? stackText(stack.value) : ''
    const traced = written === '' ? null : describeText(written)
    const type = this.type.text || described?.type || traced?.type || ''
    const message = this.message.text || described?.message || traced?.message || ''
    const stacktrace = described?.stacktrace || written
    if (type !== '' || message !== '') return { type, message, stacktrace }
    if (TYPED.test(written)) return describeError(written)
    // A logger's own stack says where the line was written, and not that anything was thrown.
    if (stack.filled) this.plain(stack.key === 'stacktrace' ? 'code.stacktrace' : stack.key, stack.value, 1)
    return null
  }

  private leave(key: string, error: LogValue, isAll: boolean): void {
    if (isAll) this.plain(key, error, 1)
    else if (typeof error === 'object' && error !== null && !Array.isArray(error) && !(error instanceof Uint8Array)) {
      const fields = error as { readonly [key: string]: LogValue }
      for (const name in fields) if (!isReadOfErrors(name)) this.plain(`${key}.${name}`, fields[name], 2)
    }
  }
}

function isSaid(value: LogValue): boolean {
  return typeof value === 'string' && !NONE.has(value)
}

function isStack(value: LogValue): boolean {
  return typeof value === 'string' ? value.includes('\n') || TYPED.test(value) : Array.isArray(value) && value.length > 0
}
