/** What JSON.parse may give; nothing about a pod is taken for granted. */
// biome-ignore lint/suspicious/noExplicitAny: each field is looked at before it is used
export type Json = any

/** The object, or an empty one in place of anything else. */
export const objectOf = (value: unknown): Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, Json>) : {}

/** The list, or an empty one in place of anything else. */
export const listOf = (value: unknown): Json[] => (Array.isArray(value) ? value : [])

/** The text, or an empty one in place of anything else. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
