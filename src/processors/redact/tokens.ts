// Tokens that tell themselves by a prefix, or by a mark in their middle: which vendor, which head, what follows.
import {
  ALNUM,
  BASE64_RUN,
  BLANK,
  DASH,
  DIGIT,
  DOT,
  EQUALS,
  HEX,
  LOWER,
  PERCENT,
  type Text,
  TILDE,
  UNDERSCORE,
  UPPER,
  URLSAFE,
  WORD
} from './bytes.ts'

/** Looks at the place where a head was found, [from, end), and reports what it finds to `text`. */
export type Check = (text: Text, from: number, end: number) => void

/** One kind of secret. Heads are found in any case; unless `folded`, they count only as written. */
export interface Rule {
  readonly name: string
  readonly heads: readonly string[]
  readonly check: Check
  readonly folded?: boolean
}

const RUN_MAX = 4_096

/** A prefix and then at least `min` characters of `classes`. Longer ones are hidden to their end, since formats grow; `max` is for plain prefixes. */
function prefixed(name: string, heads: string, classes: number, min: number, max = RUN_MAX): Rule {
  return {
    name,
    heads: heads.split(' '),
    check(text, from, end) {
      if (!text.beginsWord(from)) return
      let to = text.run(end, classes, RUN_MAX)
      while (to > end && (text.at(to - 1) === 46 || text.at(to - 1) === 37)) to--
      if (to - end < min || to - end > max || isFiller(text, end, to)) return
      text.found(from, to, name)
    }
  }
}

// `sk_live_xxxxxxxxxxxx`: an example in a text.
function isFiller(text: Text, from: number, to: number): boolean {
  for (let pos = from + 1; pos < to; pos++) if (text.bytes[pos] !== text.bytes[from]) return false
  return true
}

/** `before` characters of a class, the mark, and `after` characters of a class. Whole words only. */
function around(name: string, mark: string, left: [number, number, number], right: [number, number, number]): Rule {
  return {
    name,
    heads: [mark],
    check(text, from, end) {
      const start = text.behindEscape(text.runBack(from, left[0], left[2] + 1))
      const to = text.run(end, right[0], right[2] + 1)
      if (!text.beginsWord(start)) return
      const before = from - start
      const after = to - end
      if (before >= left[1] && before <= left[2] && after >= right[1] && after <= right[2]) text.found(start, to, name)
    }
  }
}

// Header and payload are base64url of JSON objects, so both begin with `eyJ`; the signature may be missing, an encrypted one has five parts.
function jwt(text: Text, from: number): void {
  if (text.is(from - 1, URLSAFE) && text.escapeBefore(from) === 0) return
  let to = text.run(from, URLSAFE, 16_384)
  if (to - from < 10 || text.at(to) !== 46) return
  const second = to + 1
  to = text.run(second, URLSAFE, 65_536)
  const isSigned = text.has(second, 'eyJ')
  let parts = 2
  while (text.at(to) === 46 && parts < 5 && (text.is(to + 1, URLSAFE) || parts === 2 || (parts < 4 && text.at(to + 1) === 46))) {
    to = text.run(to + 1, URLSAFE, 65_536)
    parts++
  }
  if ((isSigned && to - second > 4) || parts === 5) text.found(from, to, 'jwt')
}

// -----BEGIN … PRIVATE KEY----- body -----END …-----. Without an end (cut off) the rest of the text goes, up to a quotation mark around it.
function pem(text: Text, _from: number, end: number): void {
  const label = text.run(end, UPPER | DIGIT | BLANK, 48)
  if (!text.slice(end, label).includes('PRIVATE KEY') || !text.has(label, '-----')) return
  const start = label + 5
  let to = start
  while (to < text.stop && text.bytes[to] !== 34 && text.bytes[to] !== 39 && text.bytes[to] !== 60) {
    if (text.bytes[to] === 45 && text.has(to, '-----END')) break
    to++
  }
  text.work += to - start
  const closed = text.at(to) === 45
  // Backslashes before a quotation mark are its own, and belong to the text around.
  if (!closed) while (to > start && text.at(to) !== 0 && text.at(to - 1) === 92) to--
  if (!text.has(start, '[redacted:') && to > start) text.found(start, to, 'private-key')
  if (!closed) pemLines(text, to)
}

// The same key as a list of lines: "-----BEGIN…","MIIE…","…".
function pemLines(text: Text, at: number): void {
  let pos = at
  for (let line = 0; line < 512; line++) {
    const gap = pos
    while (pos < text.stop && pos - gap < 24 && '\\"\', \r\n\tn'.includes(String.fromCharCode(text.bytes[pos]))) pos++
    const to = text.run(pos, BASE64_RUN, 128)
    if (pos === gap || to - pos < 8 || (text.at(pos - 1) !== 34 && text.at(pos - 1) !== 39)) return
    text.found(pos, to, 'private-key')
    pos = to
  }
}

// Slack's and Discord's web hooks: the path is the secret.
function webHook(name: string): Check {
  return (text, _from, end) => {
    const to = text.run(end, URLSAFE | BASE64_RUN, 256)
    if (to - end >= 20) text.found(end, to, name)
  }
}

// Bot tokens: 8 to 10 digits, `:A`, 34 characters.
function telegram(text: Text, from: number, end: number): void {
  const start = text.behindEscape(text.runBack(from, DIGIT, 11))
  const to = text.run(end, URLSAFE, 40)
  if (
    from - start >= 8 &&
    from - start <= 10 &&
    to - end >= 32 &&
    to - end <= 36 &&
    (text.beginsWord(start) || text.hasFolded(start - 3, 'bot'))
  )
    text.found(start, to, 'telegram-bot-token')
}

// Old keys: sk-, 20 characters, the mark, 20 characters. Whatever stands around the mark goes.
function openaiMark(text: Text, from: number, end: number): void {
  const start = text.behindEscape(text.runBack(from, URLSAFE, RUN_MAX))
  const to = text.run(end, URLSAFE, RUN_MAX)
  if (from - start >= 16 && from - start < RUN_MAX && to - end >= 16) text.found(start, to, 'openai-api-key')
}

// pat, 14 characters, a dot, 64 hex digits.
function airtable(text: Text, from: number, end: number): void {
  if (!text.beginsWord(from)) return
  const dot = text.run(end, ALNUM, 15)
  if (dot - end !== 14 || text.at(dot) !== 46) return
  const to = text.run(dot + 1, HEX, 80)
  if (to - dot > 56) text.found(from, to, 'airtable-token')
}

const hexHeads = Array.from('0123456789abcdef', (digit) => `SK${digit}`).join(' ')

/** The tokens, by vendor. */
export const TOKENS: readonly Rule[] = [
  prefixed('aws-access-key-id', 'AKIA ASIA ABIA ACCA', UPPER | DIGIT, 16, 16),
  prefixed('aws-session-token', 'IQoJb3JpZ2luX2 FwoGZX', BASE64_RUN, 80),
  prefixed('aws-bedrock-key', 'ABSK', BASE64_RUN, 90),
  prefixed('aws-bedrock-key', 'bedrock-api-key-', BASE64_RUN, 20),
  prefixed('google-api-key', 'AIza', URLSAFE, 30, 45),
  prefixed('google-api-key', 'AQ.', URLSAFE, 40, 64),
  prefixed('google-oauth-token', 'ya29.', URLSAFE | DOT, 20),
  prefixed('google-oauth-secret', 'GOCSPX-', URLSAFE, 20),
  prefixed('google-refresh-token', '1//', URLSAFE, 35),
  around('azure-client-secret', 'Q~', [WORD | TILDE | DOT, 4, 4], [URLSAFE | TILDE | DOT, 28, 38]),
  around('azure-api-key', 'JQQJ99', [ALNUM, 44, 60], [ALNUM, 20, 32]),

  prefixed('github-token', 'ghp_ gho_ ghu_ ghr_', ALNUM, 30),
  prefixed('github-token', 'ghs_', URLSAFE | DOT, 30),
  prefixed('github-token', 'github_pat_', WORD, 60),
  prefixed('gitlab-token', 'glpat- gldt- glrt- glft- glsoat- glcbt- glptt- gloas- glagent- glimt- glffct-', URLSAFE | DOT, 18),
  prefixed('bitbucket-token', 'BBDC-', URLSAFE | BASE64_RUN, 30),
  prefixed('atlassian-token', 'ATATT3 ATCTT3', URLSAFE | EQUALS, 100),
  prefixed('npm-token', 'npm_', ALNUM, 30, 44),
  prefixed('pypi-token', 'pypi-AgE', URLSAFE, 40),
  prefixed('rubygems-token', 'rubygems_', HEX, 40),
  prefixed('docker-token', 'dckr_pat_ dckr_oat_', URLSAFE, 20),
  prefixed('docker-token', 'SWMTKN-1-', URLSAFE, 55),

  prefixed('slack-token', 'xoxb- xoxp- xoxa- xoxr- xoxs- xoxc- xoxd- xoxe- xoxe.xox xapp-', URLSAFE | DOT | PERCENT, 24),
  {
    name: 'slack-webhook',
    heads: ['hooks.slack.com/services/', 'hooks.slack.com/workflows/', 'hooks.slack.com/triggers/'],
    check: webHook('slack-webhook')
  },
  { name: 'discord-webhook', heads: ['discord.com/api/webhooks/', 'discordapp.com/api/webhooks/'], check: webHook('discord-webhook') },
  { name: 'telegram-bot-token', heads: [':A'], check: telegram },
  prefixed('stripe-key', 'sk_live_ sk_test_ rk_live_ rk_test_', ALNUM, 10),
  prefixed('webhook-secret', 'whsec_', BASE64_RUN, 24),
  prefixed('twilio-key', hexHeads, HEX, 31, 31),
  around('sendgrid-key', 'SG.', [0, 0, 0], [URLSAFE | DOT, 56, 80]),
  prefixed('mailgun-key', 'key-', HEX, 32, 32),
  around('mailchimp-key', '-us', [HEX, 32, 32], [DIGIT, 1, 2]),
  prefixed('shopify-token', 'shpat_ shpca_ shppa_ shpss_', HEX, 28),
  prefixed('square-token', 'sq0atp- sq0csp-', URLSAFE, 20),
  prefixed('square-token', 'EAAA', URLSAFE, 56, 70),
  prefixed('notion-token', 'ntn_', ALNUM, 40),
  prefixed('notion-token', 'secret_', ALNUM, 43, 43),
  prefixed('linear-key', 'lin_api_', ALNUM, 32),

  prefixed('openai-api-key', 'sk-proj- sk-svcacct- sk-admin-', URLSAFE, 40),
  { name: 'openai-api-key', heads: ['T3BlbkFJ'], check: openaiMark },
  prefixed('api-key', 'sk-', ALNUM, 32),
  prefixed('anthropic-api-key', 'sk-ant-', URLSAFE, 40),
  prefixed('openrouter-api-key', 'sk-or-', URLSAFE, 40),
  prefixed('langfuse-key', 'sk-lf-', URLSAFE, 30),
  prefixed('huggingface-token', 'hf_', ALNUM, 30, 44),
  prefixed('huggingface-token', 'api_org_', ALNUM, 30, 44),
  prefixed('nvidia-api-key', 'nvapi-', URLSAFE, 50),
  prefixed('elevenlabs-api-key', 'sk_', HEX, 40),
  prefixed('replicate-token', 'r8_', ALNUM, 30),
  prefixed('groq-api-key', 'gsk_', ALNUM, 40),
  prefixed('xai-api-key', 'xai-', WORD, 60),
  prefixed('perplexity-api-key', 'pplx-', ALNUM, 40),
  prefixed('cerebras-api-key', 'csk-', LOWER | DIGIT, 40),
  prefixed('together-api-key', 'tgp_v1_', URLSAFE, 36),
  prefixed('runpod-api-key', 'rpa_', ALNUM, 38),
  prefixed('pinecone-api-key', 'pcsk_', WORD, 50),
  prefixed('langsmith-api-key', 'lsv2_pt_ lsv2_sk_', WORD, 36),
  prefixed('wandb-api-key', 'wandb_v1_', WORD, 60),

  prefixed('sentry-token', 'sntrys_', BASE64_RUN | UNDERSCORE | DASH, 60),
  prefixed('sentry-token', 'sntryu_', HEX, 50),
  prefixed('grafana-token', 'glsa_', WORD, 36),
  prefixed('grafana-token', 'glc_eyJ eyJrIjoi', BASE64_RUN, 30),
  prefixed('new-relic-key', 'NRAK-', ALNUM, 22, 34),
  around('new-relic-key', 'NRAL', [HEX, 36, 36], [0, 0, 0]),
  prefixed('vault-token', 'hvs. hvb. hvr.', URLSAFE, 20),
  around('terraform-token', '.atlasv1.', [ALNUM, 12, 16], [ALNUM, 50, 80]),
  prefixed('digitalocean-token', 'dop_v1_ doo_v1_ dor_v1_', HEX, 50),
  prefixed('databricks-token', 'dapi', HEX | DASH, 32, 36),
  prefixed('supabase-key', 'sbp_', ALNUM, 36),
  prefixed('supabase-key', 'sb_secret_', URLSAFE, 25),
  prefixed('cloudflare-token', 'cfut_ cfat_ cfk_', ALNUM, 40),
  prefixed('vercel-token', 'vcp_ vci_ vca_ vcr_ vck_', ALNUM, 20),
  prefixed('fly-token', 'FlyV1 fm', BASE64_RUN | UNDERSCORE | DASH, 30),
  prefixed('tailscale-key', 'tskey-', URLSAFE, 20),
  prefixed('pulumi-token', 'pul-', HEX, 36, 44),
  prefixed('postman-key', 'PMAK-', HEX | DASH, 50),
  prefixed('doppler-token', 'dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.', URLSAFE | DOT, 36),
  prefixed('planetscale-token', 'pscale_tkn_ pscale_pw_ pscale_oauth_', URLSAFE | DOT, 28),
  prefixed('posthog-key', 'phx_', ALNUM, 36),
  prefixed('figma-token', 'figd_', URLSAFE, 36),
  { name: 'airtable-token', heads: ['pat'], check: airtable },
  prefixed('onepassword-token', 'ops_eyJ', BASE64_RUN | UNDERSCORE | DASH, 100),
  prefixed('age-secret-key', 'AGE-SECRET-KEY-1', UPPER | DIGIT, 50),
  prefixed('nats-seed', 'SUA SAA SOA SNA SCA', UPPER | DIGIT, 55, 55),

  { name: 'jwt', heads: ['eyJ'], check: jwt },
  { name: 'private-key', heads: ['-----BEGIN '], check: pem }
]
