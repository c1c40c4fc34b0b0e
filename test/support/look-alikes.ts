// Texts that resemble secrets and are none: what workers, drivers and clients of language models really write.
import { fill } from './secret-kinds.ts'
import type { Secrets } from './secrets.ts'

// One text a line; braces are filled as in the shapes of secrets.
const TABLE = `
git-sha revision {h40}
git-short built from {h7} on main, {h12} before
uuid request {uuid} done
trace-parent traceparent: 00-{h32}-{h16}-01
trace-ids trace_id={h32} span_id={h16} dd.trace_id={d19}
digest sha256:{h64} verified
digest-md5 md5={h32} ETag: "{h32}"
digest-equals checksum={h64} size=14532
image-digest pulled registry.example/render/tts@sha256:{h64}
image-tag image: registry.example/render/tts:v1.2.3-{h8}
integrity "integrity": "sha512-{b86}=="
content-md5 Content-MD5: {b22}==
base64-image poster data:image/jpeg;base64,/9j/{b200}
base64-audio {"audio":"UklGR{b300}=="}
base64-plain payload {b120}
pods pod render-7d9f8b6c5d-x2k9p evicted from gke-pool-1-{h8}-x7fq
pod-uid /var/lib/kubelet/pods/{uuid}/volumes/kubernetes.io~projected/kube-api-access-x7fq2
container containerd://{h64}
cgroup /kubepods.slice/kubepods-pod{h8}_{h4}_{h4}.slice/cri-containerd-{h64}.scope
gpu-uuid GPU-{uuid} MIG-{uuid} NVIDIA H100 80GB HBM3
cuda-hash nvcc build cuda_12.4.r12.4/compiler.{d8}_0 driver 550.54.15
kernel-cache loading /root/.cache/torch_extensions/{h32}/kernel.so
triton-cache ~/.triton/cache/{h64}/fused_kernel.cubin
wandb-run wandb: run at https://wandb.example/team/dub/runs/{l8}
hf-models loading hf_hub mirror facebook/wav2vec2-large-960h-lv60-self, hf_transfer=1
hf-revision openai/whisper-large-v3@{h40}
request-ids req_{an24} chatcmpl-{an29} msg_01{an22} file-{an24} run_{an24} asst_{an24}
stripe-ids cus_{an14} pi_{an24} evt_{an24} in_{an24} price_{an24}
public-stripe pk_live_{an24} pk_test_{an24}
public-langfuse pk-lf-{uuid}
sentry-dsn https://{h32}@o{d6}.ingest.sentry.example/{d7}
twilio-account AC{h32} SM{h32}
aws-arn arn:aws:iam::{d12}:role/render-worker arn:aws:s3:::clips/raw
aws-ids i-{h17} vpc-{h17} ami-{h17} AROA{B17}
aws-request x-amz-request-id: {U16} x-amz-id-2: {b60}=
s3-url s3://clips/raw/0001.mov gs://models/whisper/large-v3 https://clips.s3.eu-west-1.example/raw/{uuid}.mp4
signed-less https://clips.s3.example/{d3}.mp4?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=60&X-Amz-SignedHeaders=host
plain-url http://models.render.svc:9000/v2/models/whisper-large-v3/ready
db-url postgres://db.example:5432/clips redis://cache:6379/0 mongodb://mongo-0,mongo-1/clips
user-url ssh://git@host.example/repo.git postgres://render@db.example/clips
page-url https://app.example/projects/{uuid}?page=2&sort=key&lang=de#clips
query-state https://app.example/a?state=done&key=clips/0001.mp4&code=404&id={d8}
port-ratio listening on 127.0.0.1:{d4}, ratio 16:9, 10:11:12.345
tokens-used generated {d3} tokens, max_tokens=1024, token count: 512
tokens-json {"usage":{"prompt_tokens":{d2},"completion_tokens":{d3},"total_tokens":8{d3}}}
tokens-attributes gen_ai.usage.input_tokens={d4} gen_ai.usage.output_tokens={d3}
tokens-rate tokens per second: 41.5, time to first token: 210ms, tokens/s=87.4
tokenizer tokenizer loaded in 40 ms; eos_token="</s>" pad_token=<pad> bos_token_id=1
tokenizer-file tokenizer.json tokenizer_config.json special_tokens_map.json added_tokens.json
token-error SyntaxError: Unexpected token < in JSON at position 0
token-state invalid token: expected string; token expired; token type Bearer; token_type=Bearer
token-words the token bucket is empty; token ring; next token: hello; token_bucket=12 tokenize=true
keyframes keyframe every 48 frames; keypoints=68 keyboard=de monkey=1 turkey
keys sort_key=name cache_key=models/whisper/{h8} partition_key=clips primary_key=id foreign_key=user_id
key-value key=value keys=12 key: clips/0001.mp4 object key raw/{uuid}.mov
key-states press any key; key not found: clip; KeyError: 'speaker'; missing key "language"
public-keys public_key=abcd ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{an43} render@host
key-names api_key_id={an8} SharedAccessKeyName=RootManage key_name=render secretName=render-tls secretKeyRef: db
secret-words secretary voice, take 3; no secrets found; reading secret default/tls; secret "render-tls" not found
password-prose asked for a password reset; password authentication failed for user "render"; wrong password
password-rules password: must be at least 8 characters; password_changed_at=2026-05-01 passwordMinLength=12
password-states password=true password: required; password=null; password is required; password is missing
passes bypass=true pass=2 compass=north passed=14 passive=1 passthrough=yes render pass: denoise
class-pass class Foo: pass; class Empty(Exception):\\n    pass
authors author=Ana author_id={d5} authority=x.example authored 3 clips; auth_method=oidc auth=none
auth-prose authorization header absent; unauthorized; Authorization: required; basic authentication failed
auth-challenge WWW-Authenticate: Bearer realm="media", error="invalid_token"
cookie-words cookies enabled; cookie consent: accepted; cookie_count=3 cookiecutter cookie policy updated
session-words session started; session.duration=12.3 sessions=4 session closed after 30s inference session ready
credential-words loading credentials from /root/.aws/credentials; credentials provider: env; no credentials
signature-words function signature mismatch; signature verified; def f(key, token, secret=None, password=None):
code-python password = self.password; token = get_token(); api_key = os.environ["API_KEY"]; secret=settings.SECRET
code-javascript const token = req.headers.token; password: config.password, apiKey: process.env.API_KEY
code-types login(user: str, password: str, token: Optional[str] = None) -> Session; password string; Token token
code-go func Login(ctx context.Context, token string, password string) error
placeholders password=$DB_PASSWORD token=\${TOKEN} api_key={{ .Values.key }} secret=<YOUR_SECRET> key=%(key)s
placeholders-masked password=**** token=xxxxxxxx secret=[REDACTED] api_key=*** "password":"<redacted>" "token":"***"
placeholders-words api_key=your-api-key-here token=<token> sk_live_xxxxxxxxxxxxxxxxxxxxxxxx password=changeme
empty password= token="" "secret":null "api_key":"" password='' secret: ~
flags-file --password-file /run/secrets/db --token-path=/var/run/token --key-file=/etc/tls.key --cert x.pem
file-paths /etc/ssl/private/key.pem /var/run/secrets/kubernetes.io/serviceaccount/token /run/secrets/db_password
certificate -----BEGIN CERTIFICATE-----\\nMIID{b60}\\n{b64}\\n-----END CERTIFICATE-----
public-pem -----BEGIN PUBLIC KEY-----\\nMIIB{b60}\\n-----END PUBLIC KEY-----
fingerprint SHA256:{b43} fingerprint 4a:5b:{d2}:0c:9d
timestamps from 2026-05-01T10:11:12.345Z to 2026-05-01 10:11:12,345 ts=17{d17}
epoch-pairs 1717000000 1717000060 1717000120 started 17{d11}
numeric-id asset 1{d13} ready, 9{d15}, user 7{d14}
float-number loss=0.{d16} lr=1.{d15}e-05
float-list [0.{d14}, 0.{d15}, -0.{d16}]
number-list frames 1024 2048 4096 8192 1024 2048
tensors latents (2, 4, 64, 64) on cuda:0, dtype=torch.float16, shape [1, 80, 3000]
addresses 0x{h16} at 0x7f{h10} 10.42.0.17:8080 fe80::{h4}:{h4}
memory used 80,113,664,000 of 85,899,345,920 bytes
at-versions tsx@4.19.2 @types/node@24.0.0 pnpm@9.1.0 npm i @scope/pkg@latest
at-paths git@github.com:org/repo.git git@git.example:org/repo user@host root@gpu-7
at-code @Component({}) @app.route("/x") @property def f(self); logo@2x.png icon@3x.webp
at-units user@1000.service getty@tty1.service systemd@2.target
at-rate 1920x1080@60 24000Hz@16bit p99@5m
hex-colours #ff8800 #00ccff80 color: #{h6}
snake-names lip_sync_worker_pool_exhausted_total sk_learn_version=1.2 sk-fold-of-five
kebab-names risk-analysis-of-dubbing-pipelines task-runner disk-cleanup-in-progress whisk-or-mix-of-eggs-and-milk-for-bread-dough
long-words xai-models-are-not-supported-in-this-region-please-choose-another pplx-models gsk_shared
npm-names npm_config_cache=/tmp npm_package_version=1.2.3 npm_lifecycle_event=start
model-names claude-sonnet-4-20250514 gpt-4o-mini-2024-07-18 eleven_multilingual_v2 sk-learn
dataset hf_dataset_loader hf_internal_testing_tiny_random
voice-ids voice_id={an20} model_id=eleven_turbo_v2_5 speaker=spk_{d2}
cache-hits cache key hit for tts:{h64}:de
lock-file "resolved": "https://registry.npmjs.example/undici/-/undici-7.1.0.tgz#{h40}"
etag-header If-None-Match: W/"{h40}"
build-id Build ID: {h40}, next/static/{u21}/_buildManifest.js
js-bundle main.{h8}.js vendors~main.{h20}.chunk.css
k8s-mount MountVolume.SetUp succeeded for volume "kube-api-access-{l5}" (UniqueName: "kubernetes.io/projected/{uuid}-kube-api-access-{l5}")
k8s-ref envFrom: secretRef: name: render-secrets; imagePullSecrets: registry-login
consul-raft raft: term={d3} votes={d2} key_share_count=5 key_threshold=3
prometheus-line http_requests_total{method="POST",code="200"} {d6} 17{d11}
sql-plain SELECT id, password_hash IS NULL FROM users WHERE token_id = $1 AND key = ?
sql-columns CREATE TABLE sessions (token varchar(64) NOT NULL, secret text, password char(60))
ansi \u001b[32mtoken\u001b[0m accepted, \u001b[31mpassword\u001b[0m rejected
emoji ✅ done 日本語 clé über straße token ✓
usage-help --token TOKEN  the API token; --password PASSWORD; -p, --port PORT; --api-key KEY
yaml-schema password: {type: string, minLength: 8}; token: {type: string}
json-schema {"properties":{"password":{"type":"string","minLength":8},"token":{"type":"string"}}}
graphql mutation { login(password: $password, token: $token) { id } }
changelog fix: rotate api key on 401; feat: add password field; docs: token auth
passport passport.js 0.7.0 passphrase prompt shown; passenger=2
dimension hidden=1280 heads=20 key_dim=64 value_dim=64 query_key_value=true attn_key=k_proj
attention layer.0.key.weight: (64, 64); token_embedding.weight; model.layers.3.self_attn.k_proj.weight
key-codes keyCode=65 keydown keyup hotkey=ctrl+s accessKey="s"
model-tokens {"logprobs":[{"token":" transcription","logprob":-0.1},{"token":"synthesis","logprob":-2.5},{"token":"\u2581dubbing"}]}
fetch-options fetch(url, {credentials: 'include', mode: 'cors'}) credentials: "same-origin"
secret-references "secret":"arn:aws:secretsmanager:eu-west-1:{d12}:secret:db" token: vault:secret/data/db private_key=/etc/tls/tls.key
secret-files {"api_key":"/run/secrets/api_key","token":"/var/run/token"}
allowed-headers "allowedHeaders":["authorization","content-type","x-api-key","x-b3-traceid"] fields ["password","address1","token"]
versions-at pkg@1.2.3-rc.beta github.com/foo/bar@v1.2.3-alpha.rc go@1.22.x
datadog-ids dd.trace_id=4{d18} dd.span_id=5{d18} trace_id: 4{d15} "offset":4{d15}
query-words https://app.example/a?policy=strict&signature=required&auth=none&sig=off
percent 100%25 done, 50%2 a%20b%2Fc%3Dd /path%2Fto%2Ffile.mp4?name=a%26b
escapes {"html":"\u003cb\u003ehello\u003c/b\u003e","path":"a/b/c","q":"a\u0026b"}
basic-words Basic block layout; basic auth; Basic Latin; bearer of news; digest of the week
hyphen-us 2 clips in eu-west, 3 in eu-us1 and ap-us2; abc-us1
idempotency idempotency-key: {uuid} Idempotency-Key={uuid} object_key=raw/{h32}
prose-keys the key is under the mat; the token is stored in redis; the secret is managed by vault; password is case-sensitive
cell-id cell {h8}-{h4} node-{l5} shard-{d3} ray::Worker.{h8}
lines-exit exit code: 137; code=ECONNREFUSED errno: -111; status_code=503 code="P2002"
`

export interface LookAlike {
  readonly name: string
  readonly make: (secrets: Secrets) => string
}

export const LOOK_ALIKES: readonly LookAlike[] = TABLE.trim()
  .split('\n')
  .map((row) => {
    const split = row.indexOf(' ')
    const shape = row.slice(split + 1).replaceAll('\\n', '\n')
    return { name: row.slice(0, split), make: (secrets) => fill(shape, secrets) }
  })
