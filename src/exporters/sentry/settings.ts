/** What the builders of payloads are told. One for each DSN. */
export interface Settings {
  /** Of the DSN. */
  readonly publicKey: string
  readonly organisation: string | undefined
  /** The gateway's own version. */
  readonly version: string
  /** In place of what the telemetry says. */
  readonly environment: string | undefined
  readonly release: string | undefined
  /** Whether a user's e-mail address may leave, where redaction has left it. */
  readonly sendEmail: boolean
  /** Attributes that become tags beside those that always do. */
  readonly tags: readonly string[]
}

export const SDK_NAME = 'sluice'
export const ENVIRONMENT_DEFAULT = 'production'
