import { match, ok } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startGateway } from './support/gateway-process.ts'

const ROOT = join(import.meta.dirname, '..')
const README = readFileSync(join(ROOT, 'README.md'), 'utf8')

test('both commands stand at the top of the README', () => {
  const top = README.split('\n').slice(0, 12).join('\n')
  match(top, /^npm ci && npm start\b/m)
  match(top, /^npm ci && npm test\b/m)
})

test('the first trace of the README arrives', async (t) => {
  const [, script] = /<!-- run by test\/readme.test.ts -->\n```sh\n([\s\S]*?)```/.exec(README) ?? []
  ok(script !== undefined, 'the example is marked')
  const gateway = await startGateway(t, {
    yaml: 'receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: off } }\nadmin: { listen: 127.0.0.1:0 }\n'
  })
  const there = script.replace('localhost:4318', gateway.http.slice(7)).replace('localhost:9464', gateway.admin.slice(7))
  const { stdout } = await promisify(execFile)('sh', ['-c', there])
  match(stdout, /^http_requests_total\{.*method="POST".*route="\/dub".*service="dubbing-worker".*status="500".*\} 1$/m)
  match(stdout, /^sluice_items_total\{component="otlp",outcome="accepted",signal="traces",stage="receive"\} 1$/m)
})

test('every link between the pages leads somewhere', () => {
  const docs = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'))
  const pages = ['README.md', join('examples', 'README.md'), ...docs.map((page) => join('docs', page))]
  let links = 0
  for (const page of pages) {
    for (const [, target] of readFileSync(join(ROOT, page), 'utf8').matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      links++
      ok(existsSync(join(ROOT, dirname(page), target)), `${page} links to ${target}`)
    }
  }
  ok(links > 10)
})

test('every npm command of the README exists', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  const names = Array.from(README.matchAll(/^npm (?:run (?:-s )?)?([a-z:]+)/gm), ([, name]) => name)
  ok(names.length > 5)
  for (const name of names) ok(name === 'ci' || name in scripts, `npm run ${name}`)
})
