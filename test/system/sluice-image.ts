import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { addDirectory, addProgram, type Image, makeImageFiles } from './pod-container.ts'

const ROOT = join(import.meta.dirname, '..', '..')
export function makeSluiceImage(dir: string): Image {
  const files = makeImageFiles(join(dir, 'image'))
  execFileSync(process.execPath, [join(ROOT, 'test/tools/bundle.ts'), join(dir, 'bundle')], { stdio: 'pipe' })
  addDirectory(files, join(dir, 'bundle'), '/app')
  addProgram(files, process.execPath, '/nodejs/bin/node')
  return { files, entrypoint: ['/nodejs/bin/node', '/app/sluice.js'], command: ['run'], env: { PATH: '/usr/bin:/bin' } }
}
