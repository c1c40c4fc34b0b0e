import { messageOf, RefusedError } from '../errors.ts'
import type { AlertRule } from './alert-plan.ts'
import type { JsonObject } from './envelope.ts'

/** Who is asked, and in whose name. */
export interface SentryProject {
  /** `https://sentry.io`, or where an own Sentry is served. */
  readonly url: URL
  readonly organisation: string
  readonly project: string
  readonly token: string
}

const TIMEOUT_MS = 30_000
const PAGES_MAX = 50

/**
 * One kind of alert rule of a project: https://docs.sentry.io/api/alerts/. Issue alerts belong to the project, metric alerts to the organisation and
 * name their projects.
 */
export class AlertsApi {
  private readonly project: SentryProject
  private readonly path: string
  private readonly added: JsonObject

  constructor(kind: 'issueAlerts' | 'metricAlerts', project: SentryProject) {
    const organisation = encodeURIComponent(project.organisation)
    this.project = project
    this.path =
      kind === 'issueAlerts'
        ? `/api/0/projects/${organisation}/${encodeURIComponent(project.project)}/rules/`
        : `/api/0/organizations/${organisation}/alert-rules/`
    this.added = kind === 'issueAlerts' ? {} : { projects: [project.project] }
  }

  /** All rules that there are. Throws RefusedError with what Sentry answers. */
  async list(): Promise<JsonObject[]> {
    const rules: JsonObject[] = []
    let cursor: string | null = ''
    for (let page = 0; cursor !== null && page < PAGES_MAX; page++) {
      const { body, next } = await this.call('GET', cursor === '' ? this.path : `${this.path}?cursor=${encodeURIComponent(cursor)}`)
      if (!Array.isArray(body)) throw new RefusedError('unavailable', `${this.path}: the answer is not a list`)
      rules.push(...(body as JsonObject[]).filter((rule) => this.isOurs(rule)))
      cursor = next
    }
    return rules
  }

  async create(rule: AlertRule): Promise<void> {
    await this.call('POST', this.path, { ...rule, ...this.added })
  }

  /** Rules are replaced as a whole. */
  async change(id: string, rule: AlertRule): Promise<void> {
    await this.call('PUT', `${this.path}${encodeURIComponent(id)}/`, { ...rule, ...this.added })
  }

  private isOurs({ projects }: JsonObject): boolean {
    return !Array.isArray(projects) || projects.includes(this.project.project)
  }

  private async call(method: string, path: string, body?: object): Promise<{ body: unknown; next: string | null }> {
    const { url, token } = this.project
    let response: Response
    let text: string
    try {
      response = await fetch(new URL(`${url.pathname.replace(/\/+$/, '')}${path}`, url), {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'user-agent': 'sluice' },
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(body === undefined ? {} : { body: JSON.stringify(body) })
      })
      text = await response.text()
    } catch (error) {
      const { cause } = error as { cause?: unknown }
      throw new RefusedError('unavailable', `${url.host}: ${messageOf(cause ?? error)}`)
    }
    if (!response.ok) throw refused(`${method} ${path}`, response.status, text)
    try {
      return { body: JSON.parse(text), next: nextCursor(response.headers.get('link') ?? '') }
    } catch {
      throw new RefusedError('unavailable', `${method} ${path}: the answer is not JSON`)
    }
  }
}

const REMEDIES: Record<number, string> = {
  401: 'the token is not known; make one with the scopes project:read, alerts:read and alerts:write',
  403: 'the token may not do this; it needs the scopes project:read, alerts:read and alerts:write',
  404: 'there is no such organisation or project, or the token cannot see it'
}

function refused(what: string, status: number, text: string): RefusedError {
  const said = text.replaceAll(/\s+/g, ' ').slice(0, 300)
  return new RefusedError('invalid', `${what}: Sentry answered ${status}: ${REMEDIES[status] ?? (said || 'without a word')}`)
}

// Link: <url>; rel="next"; results="true"; cursor="0:100:0"
function nextCursor(link: string): string | null {
  const next = link.split(',').find((part) => part.includes('rel="next"') && part.includes('results="true"'))
  return next === undefined ? null : (/cursor="([^"]{1,100})"/.exec(next)?.[1] ?? null)
}
