// The list of all rules: which heads, and what looks at them.
import type { Text } from './bytes.ts'
import {
  authCall,
  identifiedWith,
  literal,
  monitoredAuth,
  PROGRAMS,
  programArgument,
  redisAuth,
  redisUser,
  userArgument
} from './commands.ts'
import { ESCAPE_HEADS, noteEscape } from './decoded.ts'
import { basic, bearer, registryAuth } from './headers.ts'
import { KEY_HEADS, type KeyJudge, wordsOf } from './keys.ts'
import { pair } from './pairs.ts'
import type { UserPattern } from './patterns.ts'
import { email } from './people.ts'
import { MARKER_START, skipMarker } from './replacement.ts'
import type { Rule } from './token-shapes.ts'
import { TOKENS } from './tokens.ts'
import { driverAddress, hasUserInfo, oracleLogin, queryValue, userInfo } from './urls.ts'

/** All rules: the built-in ones, and those for the keys and patterns of the user. */
export function rulesOf(judge: KeyJudge, keys: readonly string[], patterns: readonly UserPattern[]): Rule[] {
  const keyHeads = new Set([...KEY_HEADS, ...keys.flatMap((key) => longestWord(key))])
  const folded = true
  return [
    { name: 'marker', heads: [MARKER_START], check: skipMarker, folded },
    ...TOKENS,
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
    { name: 'password', heads: ['identified by ', 'sshpass -p ', 'sshpass -p'], check: literal, folded },
    { name: 'password', heads: ['auth('], check: authCall, folded },
    { name: 'password', heads: ['acl setuser '], check: redisUser, folded },
    { name: 'password', heads: ['identified with '], check: identifiedWith, folded },
    { name: 'password', heads: Object.keys(PROGRAMS), check: programArgument, folded },
    { name: 'url-password', heads: ['@tcp(', '@unix('], check: driverAddress, folded },
    { name: 'url-password', heads: ['oracle:thin:', 'oracle:oci:', 'sqlplus '], check: oracleLogin, folded },
    { name: 'key', heads: [...keyHeads], check: (text, from, end) => pair(text, from, end, judge), folded },
    { name: 'email', heads: ['@', '%40', '\\u0040'], check: email, folded },
    { name: 'escape', heads: ESCAPE_HEADS, check: noteEscape, folded }
  ]
}

function longestWord(key: string): string[] {
  return wordsOf(key)
    .sort((a, b) => b.length - a.length)
    .slice(0, 1)
}

// The lines of a key may come one by one; whoever sees them all needs to know.
function seeKey(text: Text): void {
  text.seesKey = true
}
