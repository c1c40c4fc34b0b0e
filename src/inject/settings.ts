import type * as z from 'zod'
import { readFileTree } from '../config/file.ts'
import { kindOf } from '../config/kinds.ts'
import { readOptions } from '../config/options.ts'
import { ConfigError, DEFAULT, type Problem } from '../config/problem.ts'
import type { Mapping } from '../config/tree.ts'
import { Vocabulary } from '../config/vocabulary.ts'
import { sidecar } from './sidecar-settings.ts'
import { webhook } from './webhook-settings.ts'

/** What the injector's file may say. */
export const settingsShape = { sidecar, webhook }

export type SidecarSettings = z.output<typeof sidecar>

export interface InjectSettings {
  readonly sidecar: SidecarSettings
  readonly webhook: z.output<typeof webhook>
}

/**
 * Reads the injector's file; without one all is at its default. No variables are put in: those that stand in `sidecar` are for the sidecar. Throws
 * ConfigError with everything that is wrong at once.
 */
export async function loadSettings(file: string | undefined): Promise<InjectSettings> {
  const problems: Problem[] = []
  const nothing: Mapping = { type: 'mapping', place: DEFAULT, entries: new Map() }
  const tree = file === undefined ? nothing : await readFileTree(file, null, problems)
  const vocabulary = new Vocabulary()
  for (const [key, type] of Object.entries(settingsShape)) vocabulary.learn('', key, kindOf(type).shape)
  const settings = readOptions(settingsShape, tree, '', vocabulary, problems)
  if (settings === undefined || problems.length > 0) throw new ConfigError(problems)
  return settings as InjectSettings
}
