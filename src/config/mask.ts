/** What is printed in a secret's place. */
export const MASK = '***'

/** Does a name (of a header, a variable, an attribute) say that its value is secret? */
export function looksSecret(name: string): boolean {
  return /auth|key|token|secret|passw|credential|cookie|dsn|signature|session/i.test(name)
}

/** The URL with the password, and query values with secret names, masked; other texts as they are. */
export function maskUrl(value: string): string {
  return value
    .replace(/(\b[a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#@]{1,1000}@/gi, `$1${MASK}@`)
    .replace(/([?&])([^=&#\s]{1,100})=[^&#\s]{1,1000}/g, (all, mark: string, name: string) =>
      looksSecret(name) ? `${mark}${name}=${MASK}` : all
    )
}

/** So much of a text is looked at; patterns run out of stack on a text of megabytes. */
const LOOKED_AT_MAX = 4096

/**
 * A text from a configuration file as a message may quote it: short, on one line, and not at all when it could be a secret that was put in the
 * wrong place, which a long run of letters with digits is taken for.
 */
export function safeText(value: string): string {
  const masked = maskUrl(value.slice(0, LOOKED_AT_MAX))
  if (/[A-Za-z0-9+/=_-]{16,}/.test(masked) && /\d/.test(masked) && /[A-Za-z]/.test(masked)) return `a text of ${value.length} characters`
  return JSON.stringify(masked.length > 48 ? `${masked.slice(0, 45)}...` : masked)
}
