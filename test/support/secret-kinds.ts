// Every kind of secret that we know of, by what it looks like. A shape is text with the random parts in braces: `{an36}` is 36 letters and digits.
// A pipe cuts a prefix in two, so that no file of ours looks as if it held a secret.
import type { Secrets } from './secrets.ts'

export interface SecretKind {
  readonly name: string
  readonly make: (secrets: Secrets) => string
  /** Names that stand beside the value. Without them, the value tells itself. */
  readonly keys: readonly string[]
}

const DIGITS = '0123456789'
const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
const LOWER = UPPER.toLowerCase()
const ALNUM = `${DIGITS}${UPPER}${LOWER}`

const ALPHABETS: Readonly<Record<string, string>> = {
  an: ALNUM,
  w: `${ALNUM}_`,
  u: `${ALNUM}-_`,
  b: `${ALNUM}+/`,
  h: `${DIGITS}abcdef`,
  d: DIGITS,
  l: `${DIGITS}${LOWER}`,
  U: `${DIGITS}${UPPER}`,
  L: UPPER,
  a: `${UPPER}${LOWER}`,
  B: `${UPPER}234567`,
  c: '023456789ACDEFGHJKLMNPQRSTUVWXYZ'
}

/** Fills a shape: sets by their name, with a length; `{uuid}`, `{json20}` for base64url of JSON. */
export function fill(shape: string, secrets: Secrets): string {
  return shape.replaceAll('|', '').replace(/\{(?:(an|json|[wubhdlULaBc])(\d+)|uuid)\}/g, (_, set: string | undefined, count: string) => {
    if (set === undefined) return [8, 4, 4, 4, 12].map((length) => secrets.hex(length)).join('-')
    if (set === 'json') return Buffer.from(JSON.stringify({ iss: secrets.alnum(Number(count)), n: 1 })).toString('base64url')
    return secrets.of(ALPHABETS[set], Number(count))
  })
}

const TELL_THEMSELVES = `
aws-long-lived AK|IA{B16}
aws-sts AS|IA{B16}
aws-bearer AB|IA{B16}
aws-context AC|CA{B16}
aws-session IQoJb3JpZ2|luX2{b300}
aws-session-old FwoGZX|Iv{b260}
bedrock AB|SK{b132}
bedrock-short bedrock-api|-key-{b60}
google-api AI|za{u35}
gemini AQ|.Ab8{an47}
google-access ya29|.{u80}
google-secret GOCSPX|-{u28}
google-refresh 1/|/0{u42}
azure-client {w3}{d1}Q|~{u33}
azure-annotated {an52}JQQJ|99{an8}{an18}
github-classic gh|p_{an36}
github-oauth gh|o_{an36}
github-user gh|u_{an36}
github-server gh|s_{an36}
github-refresh gh|r_{an76}
github-fine github|_pat_{an22}_{an59}
github-app gh|s_{d6}_eyJ{an20}.eyJ{an60}.{u60}
gitlab-personal gl|pat-{u20}
gitlab-routable gl|pat-{u27}.01.{l9}
gitlab-deploy gl|dt-{u20}
gitlab-runner gl|rt-{u20}
gitlab-feed gl|ft-{u20}
gitlab-agent gl|agent-{u50}
gitlab-job gl|cbt-{an2}_{u20}
gitlab-trigger gl|ptt-{h40}
gitlab-app gl|oas-{u64}
gitlab-mail gl|imt-{u25}
gitlab-scim gl|soat-{u20}
gitlab-registration GR|1348941{u20}
npm np|m_{an36}
pypi pypi|-AgEIcHlwaS5vcmc{u90}
rubygems rubygems|_{h48}
docker-personal dckr|_pat_{u27}
docker-organisation dckr|_oat_{u32}
docker-swarm SWMTKN|-1-{l50}-{l25}
slack-bot xox|b-{d12}-{d12}-{an24}
slack-user xox|p-{d12}-{d12}-{d12}-{h32}
slack-refresh xox|e-1-{an146}
slack-rotated xox|e.xoxp-1-{an160}
slack-app xa|pp-1-A{U10}-{d12}-{h64}
slack-cookie xox|d-{an60}%2B{an30}%3D
slack-client xox|c-{d12}-{d12}-{d12}-{h64}
discord-bot M{an23}.{u6}.{u38}
discord-bot-new OT{an24}.{u6}.{u27}
telegram {d9}:|AA{u33}
stripe-live sk|_live_{an24}
stripe-long sk|_live_{an99}
stripe-test sk|_test_{an24}
stripe-restricted rk|_live_{an60}
stripe-webhook wh|sec_{b32}
twilio S|K{h32}
sendgrid S|G.{u22}.{u43}
mailgun ke|y-{h32}
mailchimp {h32}|-us{d2}
shopify shp|at_{h32}
shopify-shared shp|ss_{h32}
square sq0|atp-{u22}
square-secret sq0|csp-{u43}
square-new EA|AA{u60}
notion nt|n_{d11}{an35}
notion-old secret|_{an43}
linear lin|_api_{an40}
atlassian AT|ATT3{u180}={U8}
atlassian-ct AT|CTT3{u180}={U8}
bitbucket AT|BB{an32}
bitbucket-server BB|DC-{b44}
openai-project sk|-proj-{u74}T3Blb|kFJ{u74}
openai-service sk|-svcacct-{u58}T3Blb|kFJ{u58}
openai-admin sk|-admin-{u58}T3Blb|kFJ{u58}
openai-old sk|-{an20}T3Blb|kFJ{an20}
anthropic sk|-ant-api03-{u93}AA
anthropic-admin sk|-ant-admin01-{u93}AA
anthropic-oauth sk|-ant-oat01-{u86}AA
huggingface h|f_{a34}
huggingface-org api|_org_{a34}
nvidia nv|api-{u64}
elevenlabs s|k_{h48}
replicate r|8_{an37}
groq gs|k_{an52}
openrouter sk|-or-v1-{h64}
xai xa|i-{an80}
perplexity ppl|x-{an48}
cerebras cs|k-{l48}
together tgp|_v1_{u43}
runpod rp|a_{U46}
pinecone pc|sk_{an6}_{an63}
langsmith lsv2|_pt_{h32}_{h10}
langsmith-service lsv2|_sk_{h32}_{h10}
langfuse sk|-lf-{uuid}
wandb wandb|_v1_{an77}
sentry-org sntr|ys_{json40}_{b43}
sentry-user sntr|yu_{h64}
grafana-service gl|sa_{an32}_{h8}
grafana-cloud gl|c_{json60}
grafana-legacy eyJ|rIjoi{an70}==
new-relic NR|AK-{U27}
new-relic-licence {h36}NR|AL
new-relic-insert NR|II-{u32}
vault hv|s.{u24}
vault-long hv|s.{u95}
vault-batch hv|b.{u140}
vault-recovery hv|r.{u24}
terraform {an14}.atlas|v1.{u67}
digitalocean dop|_v1_{h64}
digitalocean-oauth doo|_v1_{h64}
databricks dap|i{h32}
databricks-2 dap|i{h32}-2
supabase sb|p_{h40}
supabase-secret sb|_secret_{u31}
cloudflare-user cf|ut_{an40}{h8}
cloudflare-account cf|at_{an40}{h8}
cloudflare-global cf|k_{an40}{h8}
cloudflare-origin v1.|0-{h24}-{h146}
vercel vc|p_{an56}
fly Fly|V1 fm2_{b200}
fly-old fo1|_{u43}
tailscale tskey|-auth-{an12}CNTRL-{an32}
tailscale-api tskey|-api-{an12}CNTRL-{an32}
pulumi pu|l-{h40}
postman PM|AK-{h24}-{h34}
doppler dp.|pt.{an43}
doppler-service dp.|st.prd.{an43}
planetscale pscale|_tkn_{u43}
planetscale-password pscale|_pw_{u43}
posthog ph|x_{an44}
figma fig|d_{u40}
airtable pat|{an14}.{h64}
onepassword ops|_eyJ{b300}
age AGE-SECRET|-KEY-1{c58}
nkey-user SU|A{B55}
nkey-account SA|A{B55}
jwt {json20}.eyJ{an60}.{u43}
jwe {json20}.{u60}.{u16}.{u90}.{u22}
jwt-unsigned {json20}.eyJ{an60}.
alibaba LT|AI5t{an20}
tencent AK|ID{an32}
adafruit ai|o_{an28}
adobe p8|e-{an32}
artifactory AK|Cp8{an65}
artifactory-reference cmVm|dGtu{an56}
circleci CCI|PAT_{an22}_{h40}
buildkite bk|ua_{h40}
clojars CLOJ|ARS_{l60}
contentful CF|PAT-{u43}
dnkey dnk|ey-{U26}-{U52}
dropbox sl|.u.{u150}
duffel duffel|_live_{u43}
dynatrace dt0|c01.{U24}.{U64}
easypost EZ|AK{an54}
endor en|dr+{an16}
facebook EA|ACEdEose0cBA{an120}
flutterwave FLW|SECK_TEST-{h32}-X
frameio fi|o-u-{u64}
harness pa|t.{u22}.{h24}.{an20}
heroku HRKU|-AA{u58}
hubspot pa|t-na1-{uuid}
infracost ic|o-{an32}
intra42 s-s4|t2ud-{h64}
launchdarkly-api ap|i-{uuid}
launchdarkly-sdk sd|k-{uuid}
mapbox s|k.eyJ{an60}.{u22}
maxmind {an6}_{an29}_m|mk
netlify nf|p_{an36}
nuget oy|2{l43}
octopus AP|I-{U32}
openshift sha|256~{u43}
plaid access|-production-{uuid}
prefect pn|u_{an36}
readme rd|me_{l70}
scalingo tk-|us-{an48}
brevo xkey|sib-{h64}-{an16}
settlemint sm_|pat_{an16}
shippo shippo|_live_{h40}
sonar sq|u_{h40}
sonar-project sq|p_{h40}
sourcegraph sg|p_{h16}_{h40}
sourcegraph-old sg|p_{h40}
trello AT|TA{h64}{h8}
twitter AAAAAAAAAAA|AAAAAAAAAAA{an90}
typeform tf|p_{an44}_{an14}
vercel-ci vc|i_{an56}
firecrawl fc|-{h32}
tavily tv|ly-{an32}
llamaindex ll|x-{an48}
e2b e2|b_{h40}
jina jin|a_{an60}
voyage pa|-{u43}
fireworks fw|_{an24}
neon na|pi_{l64}
render rn|d_{an32}
resend r|e_{an8}_{an24}
inngest signkey|-prod-{h64}
helicone sk|-helicone-{an7}-{an7}-{an7}-{an7}
honeycomb hc|aik_{l58}
axiom xa|at-{uuid}
cockroach CC|DB1_{an22}_{an40}
mongodb-atlas mdb_sa|_sk_{an40}
cratesio ci|o{an32}
paddle pdl|_live_apikey_{l26}_{an22}_{an3}
paypal access_token|$production$|{l16}$|{h32}
mollie live_|{an30}
portainer pt|r_{an44}
pangea pt|s_{an32}
cartesia sk|_car_{an22}
cursor cr|sr_{h64}
scaleway SC|W{U17}
infisical st|.{uuid}.{h32}.{h32}
yandex AQ|VN{u36}
clickhouse 4b|1d{an38}
`

const PASSWORD_SHAPES = ['{an12}', '{a5}!{an4}_{d2}', 'river-Stone-{d3}', '{a4}#{an5}', '{an3}$w{an5}', '{a3}*{d3}^{a4}', '{an24}']

const BESIDE_A_KEY = `
aws-secret {b40} aws_secret_access_key SecretAccessKey AWS_SECRET_KEY secret_key
aws-session-key {b280} aws_session_token X-Amz-Security-Token
azure-account {b86}== AccountKey storage_account_key
azure-ai {h32} api-key Ocp-Apim-Subscription-Key AZURE_OPENAI_API_KEY
azure-bus {b43}= SharedAccessKey
ngc {an84} NGC_API_KEY NGC_CLI_API_KEY
twilio-auth {h32} TWILIO_AUTH_TOKEN twilio_auth_token authToken
wandb-old {h40} WANDB_API_KEY wandb_api_key
deepgram {h40} DEEPGRAM_API_KEY deepgramApiKey
assemblyai {h32} ASSEMBLYAI_API_KEY assemblyai-api-key
deepl {uuid}:fx DEEPL_AUTH_KEY deepl_api_key
fal {uuid}:{h32} FAL_KEY fal_key
cohere {an40} COHERE_API_KEY CO_API_KEY
mistral {an32} MISTRAL_API_KEY mistralApiKey
datadog-api {h32} DD_API_KEY DD-API-KEY datadog.api_key
datadog-app {h40} DD_APP_KEY DD-APPLICATION-KEY
sentry-old {h64} SENTRY_AUTH_TOKEN
cloudflare-old {u40} CF_API_TOKEN CLOUDFLARE_API_TOKEN
elevenlabs-old {h32} xi-api-key ELEVENLABS_API_KEY
npm-old {uuid} _authToken NPM_TOKEN npm_config__authToken
heroku-old {uuid} HEROKU_API_KEY
openai-like sk|-{an48} OPENAI_API_KEY openai_api_key
hex-key {h32} api_key apikey apiKey X-API-Key x-api-key api.key APIKEY
access-token {an40} access_token accessToken ACCESS_TOKEN access-token oauth_token bearer_token user_token
refresh-token {u48} refresh_token refreshToken
id-token {an60} id_token idToken
plain-token {u32} token auth_token authToken X-Auth-Token GITHUB_TOKEN vault_token X-Vault-Token deploy_token
csrf {an32} csrf_token csrfToken X-CSRF-Token xsrf_token
client-secret {u36} client_secret clientSecret client-secret consumer_secret app_secret APP_SECRET oauth.client.secret
plain-secret {an28} secret SECRET jwt_secret JWT_SECRET session_secret webhook_secret signingSecret SECRET_KEY_BASE
key-of-kind {b44} encryption_key signing_key private_key master_key MASTER_KEY secretKey SECRET_KEY auth_key shared_key
licence-key {U5}-{U5}-{U5}-{U5} license_key LICENSE_KEY licenseKey
session-id {an32} session_id sessionid sessionId JSESSIONID PHPSESSID session_token session_key
credential {an20} credentials credential db_credentials
`

const PASSWORD_KEYS =
  'password Password PASSWORD passwd PASSWD pwd passphrase db_password DB_PASSWORD dbPassword db.password db-password smtp_passwd DB_PASS PGPASSWORD MYSQL_PWD user_password newPassword old_password spring.datasource.password keystorePassword ssh_passphrase ADMIN_PASS redis_pass requirepass dbpassword passwort ansible_become_password'.split(
    ' '
  )

/** All kinds, those that tell themselves first. */
export const SECRET_KINDS: readonly SecretKind[] = [
  ...rows(TELL_THEMSELVES).map((row): SecretKind => {
    const split = row.indexOf(' ')
    return { name: row.slice(0, split), keys: [], make: (secrets) => fill(row.slice(split + 1), secrets) }
  }),
  { name: 'card', keys: [], make: (secrets) => secrets.card() },
  { name: 'card-blanks', keys: [], make: (secrets) => secrets.card().replace(/(\d{4})(?=\d)/g, '$1 ') },
  { name: 'card-dashes', keys: [], make: (secrets) => secrets.card().replace(/(\d{4})(?=\d)/g, '$1-') },
  { name: 'email', keys: [], make: (secrets) => fill(`{l8}.{l5}@{l7}.te|st`, secrets).replace(/^\d/, 'q') },
  { name: 'email-tag', keys: [], make: (secrets) => fill(`u{l8}+{l4}@mail.{l7}.co|.uk`, secrets) },
  ...rows(BESIDE_A_KEY).map((row): SecretKind => {
    const [name, shape, ...keys] = row.split(' ')
    return { name, keys, make: (secrets) => fill(shape, secrets) }
  }),
  {
    name: 'password',
    keys: PASSWORD_KEYS,
    make: (secrets) => fill(PASSWORD_SHAPES[secrets.int(PASSWORD_SHAPES.length)], secrets)
  }
]

function rows(table: string): string[] {
  return table.trim().split('\n')
}
