import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execForm, expand, pairsOf, readDockerfile } from './dockerfile.ts'
import { addDirectory, addProgram, type Image, makeImageFiles } from './pod-container.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const NODE = '/nodejs/bin/node'

/**
 * The image as its Dockerfile describes it, with what matters to a pod: the program at its place, entry point, command and environment. That the
 * Dockerfile itself builds is another test's; here Node and its libraries are this machine's, and there is no tini, which reaps strangers.
 */
export function makeSluiceImage(dir: string): Image {
  const { instructions } = readDockerfile(readFileSync(join(ROOT, 'Dockerfile'), 'utf8')).at(-1)!
  const env: Record<string, string> = {}
  const lists: Record<string, string[]> = {}
  for (const { word, rest } of instructions) {
    if (word === 'ENV') Object.assign(env, Object.fromEntries(pairsOf(expand(rest, env))))
    if (word === 'ENTRYPOINT' || word === 'CMD') lists[word] = execForm(rest) ?? []
  }
  const entrypoint = lists.ENTRYPOINT.slice(lists.ENTRYPOINT.indexOf(NODE))
  const [, program] = entrypoint
  const place = dirname(program)
  const bundle = join(dir, 'bundle')
  execFileSync(process.execPath, [join(ROOT, 'test', 'tools', 'bundle.ts'), bundle], { stdio: 'pipe' })
  const files = makeImageFiles(join(dir, 'image'))
  addDirectory(files, bundle, place)
  addProgram(files, process.execPath, NODE)
  const main = join(files, program)
  writeFileSync(main, readFileSync(main, 'utf8').replace(/^#!.*/, `#!${NODE}`))
  chmodSync(main, 0o755)
  writeFileSync(join(files, place, 'package.json'), '{"type":"module"}')
  mkdirSync(join(files, place, 'bin'))
  symlinkSync('../sluice.js', join(files, place, 'bin', 'sluice'))
  return { files, entrypoint, command: lists.CMD, env }
}
