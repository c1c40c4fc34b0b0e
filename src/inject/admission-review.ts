// AdmissionReview, admission.k8s.io/v1: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request
//   { apiVersion, kind, request: { uid, kind: { group, version, kind }, subResource?, namespace?, operation, object, dryRun? } }
// answered by
//   { apiVersion, kind, response: { uid, allowed, patchType?, patch? (base64), warnings?, auditAnnotations? } }
import { RefusedError } from '../errors.ts'
import type { PatchOperation } from './pod.ts'

const VERSION = 'admission.k8s.io/v1'
const KIND = 'AdmissionReview'

/** What of a request is looked at; `uid` alone is sure to be there. */
export interface AdmissionRequest {
  readonly uid: string
  readonly operation: string
  /** Group, version and kind, as `v1 Pod`. */
  readonly kind: string
  readonly subResource: string
  readonly namespace: string | undefined
  readonly object: unknown
}

/** Warnings are headers of the API server's answer; it cuts longer ones, and all of them beyond 4096 characters. */
const WARNING_LENGTH_MAX = 120
const WARNINGS_MAX = 20

/** More than any pod has that a cluster could store. Short values take thirty times their bytes once they are read. */
const VALUES_MAX = 200_000

/** Reads a request. Throws RefusedError `invalid` where there is none that could be answered, `too-large` where it would fill the memory. */
export function readReview(body: Buffer): AdmissionRequest {
  if (!hasValuesWithin(body, VALUES_MAX)) throw new RefusedError('too-large', `the body has more than ${VALUES_MAX} values`)
  let review: unknown
  try {
    review = JSON.parse(body.toString('utf8'))
  } catch {
    throw new RefusedError('invalid', `the body of ${body.length} bytes is not JSON, expected an ${KIND} of ${VERSION}`)
  }
  const { apiVersion, kind, request } = mappingOf(review)
  if (kind !== KIND) throw new RefusedError('invalid', `kind: came ${shown(kind)}, expected ${KIND}`)
  if (apiVersion !== VERSION)
    throw new RefusedError(
      'invalid',
      `apiVersion: came ${shown(apiVersion)}, expected ${VERSION}; let it be the only one of admissionReviewVersions in the webhook configuration`
    )
  const { uid, operation, kind: type, subResource, namespace, object } = mappingOf(request)
  if (typeof uid !== 'string' || uid === '') throw new RefusedError('invalid', 'request.uid: came nothing, expected a text')
  const { group, version, kind: name } = mappingOf(type)
  const groupVersion = group === '' || group === undefined ? text(version) : `${text(group)}/${text(version)}`
  return {
    uid,
    operation: text(operation),
    kind: `${groupVersion} ${text(name)}`,
    subResource: text(subResource),
    namespace: typeof namespace === 'string' && namespace !== '' ? namespace : undefined,
    object
  }
}

const [QUOTE, BACKSLASH, COMMA, BRACKET, BRACE] = Buffer.from('"\\,[{')

// Commas and opening brackets, but for those in texts: as many as there are values.
function hasValuesWithin(body: Buffer, max: number): boolean {
  let values = 0
  let isText = false
  for (let at = 0; at < body.length; at++) {
    const byte = body[at]
    if (byte === QUOTE) isText = !isText
    else if (isText) at += byte === BACKSLASH ? 1 : 0
    else if ((byte === COMMA || byte === BRACKET || byte === BRACE) && ++values > max) return false
  }
  return true
}

export interface Admission {
  readonly patch: readonly PatchOperation[]
  readonly warnings: readonly string[]
  /** What became of the pod, for the audit log. */
  readonly outcome: string
}

// An audit annotation is written once: who is called again and has nothing to do must not contradict what stands there.
const TOLD: ReadonlySet<string> = new Set(['injected', 'skipped', 'failed'])

/** The answer to a request. It allows, always: whoever could not be given a sidecar runs without. */
export function writeReview(uid: string, { patch, warnings, outcome }: Admission): string {
  const response = {
    uid,
    allowed: true,
    ...(patch.length === 0 ? {} : { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }),
    ...(warnings.length === 0 ? {} : { warnings: warningsOf(warnings) }),
    ...(TOLD.has(outcome) ? { auditAnnotations: { outcome } } : {})
  }
  return JSON.stringify({ apiVersion: VERSION, kind: KIND, response })
}

/** A refusal in the form that the API server logs in full: a Status. */
export function writeStatus({ message }: Error, code: number): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'Status', metadata: {}, status: 'Failure', message: `sluice inject: ${message}`, code })
}

/** Warnings as they can be told: not too long, not too many, without control characters. */
export function warningsOf(warnings: readonly string[]): string[] {
  const told = warnings.length > WARNINGS_MAX ? WARNINGS_MAX - 1 : WARNINGS_MAX
  const more = warnings.length - told
  return [...warnings.slice(0, told), ...(more > 0 ? [`sluice: ${more} more warnings`] : [])].map(asHeader)
}

// Control characters would make the API server drop the warning.
function asHeader(warning: string): string {
  const line = warning.toWellFormed().replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ')
  const characters = [...line]
  return characters.length <= WARNING_LENGTH_MAX ? line : `${characters.slice(0, WARNING_LENGTH_MAX - 1).join('')}…`
}

function mappingOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

// A name of an API may be shown; what else came is not ours to repeat.
function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  return typeof value === 'string' && /^[\w./-]{1,80}$/.test(value) ? value : 'something else'
}
