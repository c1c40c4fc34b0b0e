import { test } from 'node:test'
import { goes, stays } from '../../support/redact-text.ts'
import { Secrets } from '../../support/secrets.ts'

const VALUE = `${new Secrets(42).alnum(11)}7`

test('arguments of commands that are passwords go', () => {
  goes('echo # | docker login --username dub --password-stdin registry.example', VALUE, 'password')
  goes("echo 'root:#' | chpasswd", VALUE, 'password')
  goes('echo # | sudo -S true', VALUE, 'password')
  goes('kubectl create secret generic db --from-literal=thing=# -n dub', VALUE, 'secret')
  goes("gh secret set DEPLOY --body '#' -R acme/dub", VALUE, 'password')
  goes('smbclient //files.example/s -U dub%#', VALUE, 'password')
  goes('openssl pkcs12 -in a.p12 -passin pass:# -nodes', VALUE, 'password')
  goes('mosquitto_pub -h broker -P # -t a', VALUE, 'password')
  goes('ENV JOB 8\nENV POSTGRES_PASSWORD #\nRUN make', VALUE, 'password')
  goes('setx DB_PASSWORD # /M', VALUE, 'password')
  goes('aws configure set aws_secret_access_key # --profile dub', VALUE, 'api-key')
  goes('redis> AUTH dub #', VALUE, 'password')
})

test('commands without a password stay', () => {
  stays(
    'echo done | tee log',
    'echo "job 12 done" | docker load',
    'export SECRET_KEY from vault first',
    'ENV API_KEY not set',
    'set session_timeout 30',
    'AUTH LOGIN PLAIN'
  )
})
