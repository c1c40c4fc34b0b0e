const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
const DIGEST = /^sha256:[0-9a-f]{64}$/

/** `registry:5000/team/name:tag@digest` without tag and digest. */
export function repositoryOf(image: string): string {
  const named = image.split('@')[0]
  const colon = named.lastIndexOf(':')
  return colon > named.lastIndexOf('/') ? named.slice(0, colon) : named
}

/** Is this an image of the same repository as `other`, with a tag, a digest or both? */
export function isOfRepository(image: string, other: string): boolean {
  const repository = repositoryOf(image)
  const [, tag, digest] = /^(?::([^:@]*))?(?:@(.*))?$/.exec(image.slice(repository.length)) ?? []
  if (repository !== repositoryOf(other) || (tag === undefined && digest === undefined)) return false
  return (tag === undefined || TAG.test(tag)) && (digest === undefined || DIGEST.test(digest))
}

/** The image with another tag or digest; undefined where that is neither. */
export function withVersion(image: string, version: string): string | undefined {
  if (DIGEST.test(version)) return `${repositoryOf(image)}@${version}`
  return TAG.test(version) ? `${repositoryOf(image)}:${version}` : undefined
}
