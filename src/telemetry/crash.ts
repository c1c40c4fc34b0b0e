/** Tells somebody that the gateway itself broke. */
export interface CrashReporter {
  report(error: unknown): void
  /** Waits, for at most two seconds, until what was reported has left. */
  flush(): Promise<void>
}

export const NO_CRASH_REPORTER: CrashReporter = { report: () => undefined, flush: async () => undefined }

const FLUSH_MS = 2_000

/**
 * Reports the gateway's own crashes to Sentry, whose SDK is loaded only now. It is given the error's type and stack and nothing else: no
 * breadcrumbs, no environment, no request, no local variables, since any of them may hold what passes through the gateway.
 */
export async function openCrashReporter(dsn: string, version: string): Promise<CrashReporter> {
  const { captureException, flush, init } = await import('@sentry/node')
  init({
    dsn,
    release: `sluice@${version}`,
    defaultIntegrations: false,
    maxBreadcrumbs: 0,
    includeServerName: false,
    beforeSend: ({ event_id, timestamp, platform, level, release, exception }) => ({
      type: undefined,
      ...(event_id === undefined ? {} : { event_id }),
      ...(timestamp === undefined ? {} : { timestamp }),
      platform: platform ?? 'node',
      level: level ?? 'fatal',
      ...(release === undefined ? {} : { release }),
      exception: { values: exception?.values?.map(({ type, stacktrace }) => ({ type, value: '', stacktrace })) }
    })
  } as Parameters<typeof init>[0])
  return {
    report: (error) => void captureException(error),
    flush: async () => void (await flush(FLUSH_MS))
  }
}
