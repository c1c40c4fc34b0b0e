import { BYTES, Fields, VARINT, WireError } from './wire.ts'

export interface PartialSuccess {
  readonly rejected: number
  readonly message: string
}

const NONE: PartialSuccess = { rejected: 0, message: '' }

/** What a successful answer says of items that were refused. An empty answer, and one that cannot be read, says nothing. */
export function partialSuccessOf(body: Buffer, contentType = ''): PartialSuccess {
  if (body.length === 0) return NONE
  return contentType.includes('json') ? fromJson(body) : fromProtobuf(body)
}

// The wire: Export…ServiceResponse { partial_success = 1 { int64 rejected_… = 1, string error_message = 2 } }
function fromProtobuf(body: Buffer): PartialSuccess {
  let { rejected, message } = NONE
  try {
    const outer = new Fields().open(body, 0, body.length)
    while (outer.next()) {
      if (outer.number !== 1 || outer.type !== BYTES) continue
      const inner = new Fields().open(body, outer.start, outer.end)
      while (inner.next()) {
        if (inner.number === 1 && inner.type === VARINT) rejected = inner.high < 2 ** 31 ? inner.uint() : 0
        else if (inner.number === 2 && inner.type === BYTES) message = body.toString('utf8', inner.start, inner.end)
      }
    }
    return { rejected, message }
  } catch (error) {
    if (error instanceof WireError) return NONE
    throw error
  }
}

function fromJson(body: Buffer): PartialSuccess {
  try {
    const { partialSuccess } = JSON.parse(body.toString()) as { partialSuccess?: Record<string, unknown> }
    const { errorMessage = '', ...counts } = partialSuccess ?? {}
    const rejected = Object.entries(counts).find(([name]) => name.startsWith('rejected'))?.[1]
    return { rejected: Math.max(0, Math.trunc(Number(rejected ?? 0)) || 0), message: String(errorMessage) }
  } catch {
    return NONE
  }
}
