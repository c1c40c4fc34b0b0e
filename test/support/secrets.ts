// Secrets for tests. Random per run of the seed, and joined from pieces, so that no file of ours looks as if it held one.

const DIGITS = '0123456789'
const HEX = `${DIGITS}abcdef`
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
const ALNUM = `${DIGITS}${LETTERS}${LETTERS.toLowerCase()}`

/** Small and deterministic; the same seed gives the same secrets. */
export class Secrets {
  private state: number

  constructor(seed = 1) {
    this.state = seed >>> 0 || 1
  }

  int(below: number): number {
    this.state ^= this.state << 13
    this.state ^= this.state >>> 17
    this.state ^= this.state << 5
    return (this.state >>> 0) % below
  }

  of(alphabet: string, length: number): string {
    return Array.from({ length }, () => alphabet[this.int(alphabet.length)]).join('')
  }

  hex = (length: number): string => this.of(HEX, length)
  alnum = (length: number): string => this.of(ALNUM, length)
  urlSafe = (length: number): string => this.of(`${ALNUM}-_`, length - 1) + this.of(ALNUM, 1)
  base64 = (length: number): string => this.of(`${ALNUM}+/`, length)

  /** No shape of its own; letters of both cases and digits. */
  password = (): string => `${this.of(LETTERS, 3)}${this.of(LETTERS.toLowerCase(), 4)}${this.of(DIGITS, 3)}${this.alnum(4)}`

  jwt = (): string => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    return `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: this.hex(12) })}.${this.urlSafe(43)}`
  }

  card = (): string => {
    const body = `4${this.of(DIGITS, 14)}`
    for (let check = 0; check < 10; check++) if (luhn(body + check)) return body + check
    throw new Error('one of ten digits always fits')
  }

  /** One of each kind that tells itself, by the name of the rule that should find it. */
  tokens(): Record<string, string> {
    const { hex, alnum, urlSafe, base64 } = this
    return {
      'aws-access-key-id': `AK${'IA'}${this.of(`${LETTERS}234567`, 16)}`,
      'aws-bedrock-key': `AB${'SK'}${base64(120)}`,
      'google-api-key': `AI${'za'}${urlSafe(35)}`,
      'google-oauth-token': `ya${'29.'}${urlSafe(60)}`,
      'google-oauth-secret': `GOC${'SPX-'}${urlSafe(28)}`,
      'azure-client-secret': `${alnum(3)}${this.of(DIGITS, 1)}Q${'~'}${alnum(34)}`,
      'azure-api-key': `${alnum(52)}JQ${'QJ99'}${alnum(26)}`,
      'github-token': `gh${'p_'}${alnum(36)}`,
      'gitlab-token': `gl${'pat-'}${urlSafe(20)}`,
      'npm-token': `np${'m_'}${alnum(36)}`,
      'pypi-token': `py${'pi-AgEIcHlwaS5vcmc'}${urlSafe(80)}`,
      'docker-token': `dckr${'_pat_'}${urlSafe(27)}`,
      'slack-token': `xo${'xb-'}${this.of(DIGITS, 12)}-${this.of(DIGITS, 12)}-${alnum(24)}`,
      'telegram-bot-token': `${1 + this.int(8)}${this.of(DIGITS, 8)}:${'AA'}${urlSafe(33)}`,
      'stripe-key': `sk${'_live_'}${alnum(24)}`,
      'twilio-key': `S${'K'}${hex(32)}`,
      'sendgrid-key': `S${'G.'}${urlSafe(22)}.${urlSafe(43)}`,
      'mailchimp-key': `${hex(32)}-${'us'}12`,
      'shopify-token': `shp${'at_'}${hex(32)}`,
      'openai-api-key': `sk${'-proj-'}${urlSafe(74)}T3Blbk${'FJ'}${urlSafe(74)}`,
      'anthropic-api-key': `sk${'-ant-api03-'}${urlSafe(93)}AA`,
      'huggingface-token': `h${'f_'}${alnum(34)}`,
      'nvidia-api-key': `nv${'api-'}${urlSafe(64)}`,
      'elevenlabs-api-key': `s${'k_'}${hex(48)}`,
      'replicate-token': `r${'8_'}${alnum(37)}`,
      'groq-api-key': `gs${'k_'}${alnum(52)}`,
      'langsmith-api-key': `lsv2${'_pt_'}${hex(32)}_${hex(10)}`,
      'sentry-token': `snt${'ryu_'}${hex(64)}`,
      'grafana-token': `gl${'sa_'}${alnum(32)}_${hex(8)}`,
      'new-relic-key': `NR${'AK-'}${this.of(`${LETTERS}${DIGITS}`, 27)}`,
      'vault-token': `hv${'s.'}${urlSafe(90)}`,
      'terraform-token': `${alnum(14)}.atlas${'v1.'}${alnum(64)}`,
      'digitalocean-token': `do${'p_v1_'}${hex(64)}`,
      'age-secret-key': `AGE-SECRET${'-KEY-1'}${this.of(`${LETTERS}${DIGITS}`, 58)}`,
      jwt: this.jwt(),
      card: this.card(),
      email: `${this.of('abcdefgh', 6)}.${this.of('ijklmnop', 5)}@viewers.example`
    }
  }
}

function luhn(digits: string): boolean {
  let sum = 0
  Array.from(digits)
    .reverse()
    .forEach((digit, i) => {
      const value = Number(digit) * (1 + (i % 2))
      sum += value > 9 ? value - 9 : value
    })
  return sum % 10 === 0
}
