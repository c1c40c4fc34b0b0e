const NAME_CHARACTERS_MAX = 120
const MESSAGE_CHARACTERS_MAX = 512

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
/** Letters and digits in a row with at least one digit: hex of some length, or a number. */
const HEX = '(?:0x[0-9a-f]{1,64}|(?<![0-9a-z])(?=[a-f]{0,63}[0-9])[0-9a-f]{8,64}(?![0-9a-z]))'
const QUOTED = '"[^"\\n]{0,256}"|(?<!\\w)\'[^\'\\n]{0,256}\'(?!\\w)|`[^`\\n]{0,256}`|“[^”\\n]{0,256}”'
const PATH = 'https?://[^\\s"\'<>]{1,512}|(?<![\\w.])(?:[a-z]:)?(?:[\\\\/][\\w.@%+~-]{1,128}){2,32}[\\\\/]?'

const CHANGING_IN_MESSAGES = new RegExp(`${QUOTED}|${PATH}|${UUID}|${HEX}|\\d+`, 'gi')
const CHANGING_IN_NAMES = new RegExp(`${UUID}|${HEX}|\\d{4,}`, 'gi')

/** A message without what differs from case to case: quoted texts, paths, URLs, ids, numbers. */
export function normalMessage(message: string): string {
  return message.slice(0, MESSAGE_CHARACTERS_MAX).replace(CHANGING_IN_MESSAGES, '*').slice(0, NAME_CHARACTERS_MAX)
}

/** A name as of a model, a type or a host, without ids in it. Short numbers stay: they tell `v3` from `v2`. Of a path its last part counts. */
export function normalName(name: string): string {
  const text = name.slice(0, MESSAGE_CHARACTERS_MAX).trim()
  const path = /^(?:[a-z]:)?[\\/]|^[a-z][a-z0-9+]{1,16}:\/\//i.test(text)
  const last = path ? (text.split(/[\\/]/).findLast((part) => part !== '') ?? '') : text
  return last.replace(CHANGING_IN_NAMES, '*').slice(0, NAME_CHARACTERS_MAX)
}
