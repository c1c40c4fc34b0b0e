import type { Started } from './started.ts'

export interface Answer {
  readonly status: number
  readonly type: string | null
  readonly retryAfter: string | null
  readonly body: string
}

/** Posts a body to a receiver of logs. */
export async function post(
  { http }: Pick<Started, 'http'>,
  path: string,
  type: string | undefined,
  body: string | Uint8Array,
  more: Record<string, string> = {}
): Promise<Answer> {
  const headers = { ...(type === undefined ? {} : { 'content-type': type }), ...more }
  const answer = await fetch(`http://${http}${path}`, { method: 'POST', headers, body: Buffer.from(body) })
  return {
    status: answer.status,
    type: answer.headers.get('content-type'),
    retryAfter: answer.headers.get('retry-after'),
    body: await answer.text()
  }
}
