// What Sentry takes of each payload, or takes and then cuts by itself: https://develop.sentry.dev/sdk/foundations/envelopes/event-payloads/
export const EVENT_BYTES_MAX = 1024 * 1024
export const ITEM_BYTES_MAX = 1024 * 1024
export const SPANS_MAX = 1000
/** Of the spans inside of a transaction, which share its 1 MiB with the rest of it. */
export const TRANSACTION_SPANS_BYTES_MAX = 800_000
export const LOGS_MAX = 100
/** Containers may be larger; Sentry's own SDKs stop here. */
export const CONTAINER_BYTES_MAX = 5 * 1024 * 1024
export const TAG_CHARACTERS_MAX = 200
export const NAME_CHARACTERS_MAX = 200
export const MESSAGE_CHARACTERS_MAX = 8192
export const EXTRA_BYTES_MAX = 16_000
export const EXTRA_TOTAL_BYTES_MAX = 256_000
export const CONTEXT_BYTES_MAX = 8192
export const BREADCRUMBS_MAX = 100
export const FRAMES_MAX = 500

// Our own, so that one record cannot fill an item.
/** Characters of a single attribute of a span or log record, and of all of them. */
export const ATTRIBUTE_CHARACTERS_MAX = 16 * 1024
export const ATTRIBUTES_CHARACTERS_MAX = 128 * 1024
export const ATTRIBUTES_MAX = 512
export const LINKS_MAX = 128
/** Characters of the JSON that a span's events become. */
export const SPAN_EVENTS_CHARACTERS_MAX = 4096
export const SPAN_EVENTS_MAX = 32
export const LOG_BODY_CHARACTERS_MAX = 64 * 1024

/** What was cut because of these limits: pieces, by what they were a part of. */
export class Trimmed {
  readonly counts = new Map<string, number>()

  add(part: string, count = 1): void {
    this.counts.set(part, (this.counts.get(part) ?? 0) + count)
  }
}

/** The text, or its beginning with a mark that it was longer. Never ends within a surrogate pair. */
export function cut(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text
  let end = charactersMax - 1
  const unit = text.charCodeAt(end - 1)
  if (unit >= 0xd800 && unit < 0xdc00) end--
  return `${text.slice(0, end)}…`
}
