// The list of all rules: which heads, and what looks at them.
import type { Text } from './bytes.ts'
import {
  authCall,
  echoed,
  identifiedWith,
  literal,
  literalMember,
  monitoredAuth,
  PROGRAMS,
  programArgument,
  redisAuth,
  redisUser,
  userArgument
} from './commands.ts'
import { ESCAPE_HEADS, encodedPair, noteEscape } from './decoded.ts'
import { basic, bearer, registryAuth } from './headers.ts'
import { CODE_HEADS, FOREIGN_HEADS, KEY_HEADS, KEY_JOINS, KEY_KINDS, SHORT_KEY_HEADS } from './key-words.ts'
import { KeyJudge, wordsOf } from './keys.ts'
import { pair } from './pairs.ts'
import type { UserPattern } from './patterns.ts'
import { email } from './people.ts'
import { MARKER_START, skipMarker } from './replacement.ts'
import { insertedRows, secretManifest } from './statements.ts'
import type { Rule } from './token-shapes.ts'
import { TOKENS } from './tokens.ts'
import { driverAddress, hasUserInfo, oracleLogin, queryValue, userInfo } from './urls.ts'

// Also as JSON in JSON.
const MANIFEST_HEADS = ['kind: secret', ...[0, 1, 3, 7].flatMap((depth) => ['', ' '].map((space) => quotedPair('\\'.repeat(depth), space)))]

function quotedPair(backslashes: string, space: string): string {
  return `kind${backslashes}":${space}${backslashes}"secret`
}

/** All rules: the built-in ones, and those for the keys and patterns of the user. */
export function rulesOf(judge: KeyJudge, keys: readonly string[], patterns: readonly UserPattern[]): Rule[] {
  const ownHeads = keys.flatMap((key) => longestWord(key))
  const keyHeads = new Set([...KEY_HEADS, ...CODE_HEADS, ...ownHeads.filter(isAscii)])
  const foreignHeads = new Set([...FOREIGN_HEADS, ...ownHeads.filter((head) => !isAscii(head)).flatMap(inCases)])
  const folded = true
  return [
    { name: 'marker', heads: [MARKER_START], check: skipMarker, folded },
    ...TOKENS,
    {
      name: 'encoded-secret',
      heads: ['cGFzc3dvcm', 'UGFzc3dvcm', 'UEFTU1dPUk', 'dG9rZW', 'VE9LRU', 'c2VjcmV0', 'YXBpX2tle', 'YXBpS2V5', 'eyJ'],
      check: (text, from) => encodedPair(text, from, judge)
    },
    { name: 'private-key', heads: ['PRIVATE KEY-----', 'PRIVATE KEY BLOCK-----'], check: seeKey },
    ...patterns.map(({ name, literal, check }): Rule => ({ name, heads: [literal], check, folded })),
    { name: 'bearer-token', heads: ['bearer '], check: bearer, folded },
    { name: 'basic-auth', heads: ['basic '], check: basic, folded },
    { name: 'basic-auth', heads: ['auth"', 'auth\\', '_auth'], check: registryAuth, folded },
    { name: 'password', heads: ['AUTH '], check: redisAuth },
    { name: 'password', heads: ['"auth'], check: monitoredAuth, folded },
    { name: 'url-password', heads: ['://'], check: userInfo, folded, mayFollow: hasUserInfo },
    { name: 'url-secret', heads: ['sig=', 'signature=', 'hmac=', 'policy=', 'code=', 'auth=', 'key='], check: queryValue, folded },
    {
      name: 'password',
      heads: [' -u ', '--user ', '--user=', '--auth ', '--auth=', '"-u', "'-u", '"--user', "'--user"],
      check: userArgument,
      folded
    },
    { name: 'password', heads: ['identified by ', 'sshpass -p ', 'sshpass -p', '-passin pass:', '-passout pass:'], check: literal, folded },
    { name: 'password', heads: ['echo '], check: echoed, folded },
    { name: 'secret', heads: ['--from-literal=', '--from-literal '], check: literalMember, folded },
    { name: 'secret', heads: MANIFEST_HEADS, check: secretManifest, folded },
    { name: 'key', heads: ['insert into ', 'replace into '], check: (text, from, end) => insertedRows(text, from, end, judge), folded },
    { name: 'password', heads: ['auth('], check: authCall, folded },
    { name: 'password', heads: ['acl setuser '], check: redisUser, folded },
    { name: 'password', heads: ['identified with '], check: identifiedWith, folded },
    { name: 'password', heads: Object.keys(PROGRAMS), check: programArgument, folded },
    { name: 'url-password', heads: ['@tcp(', '@unix('], check: driverAddress, folded },
    { name: 'url-password', heads: ['oracle:thin:', 'oracle:oci:', 'sqlplus '], check: oracleLogin, folded },
    { name: 'key', heads: [...keyHeads], check: (text, from, end) => pair(text, from, end, judge), folded },
    { name: 'key', heads: Array.from(foreignHeads, latin1Of), check: (text, from, end) => pair(text, from, end, judge) },
    ...SHORT_KEY_HEADS.map((word): Rule => {
      const check: Rule['check'] = (text, from) => pair(text, from, from + word.length, judge)
      return { name: 'key', heads: KEY_JOINS.map((join) => word + join), check, folded }
    }),
    { name: 'email', heads: ['@', '%40', '\\u0040'], check: email, folded },
    { name: 'escape', heads: ESCAPE_HEADS, check: noteEscape, folded }
  ]
}

function longestWord(key: string): string[] {
  return wordsOf(key)
    .sort((a, b) => b.length - a.length)
    .slice(0, 1)
}

const isAscii = (word: string): boolean => /^[ -~]*$/.test(word)
const inCases = (word: string): string[] => [word, word.toUpperCase(), word.charAt(0).toUpperCase() + word.slice(1)]

// What the rules that have no heads find, and what takes the place of what is not looked at.
const HEADLESS = ['card', 'discord-bot-token', 'profile-attribute']
const NO_RULES = new Set(['marker', 'escape', 'key'])

/** The names of all rules as their markers show them, with those of the user. */
export function ruleNames(own: readonly string[]): Set<string> {
  const names = rulesOf(new KeyJudge([], []), [], []).map(({ name }) => name)
  return new Set([...names.filter((name) => !NO_RULES.has(name)), ...HEADLESS, ...KEY_KINDS, ...own])
}

// Heads have a character for each byte.
function latin1Of(word: string): string {
  return Buffer.from(word).toString('latin1')
}

// The lines of a key may come one by one; whoever sees them all needs to know.
function seeKey(text: Text): void {
  text.seesKey = true
}
