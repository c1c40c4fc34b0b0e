import type { Definitions } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { ConfigError, DEFAULT, type Problem, problemText } from '../config/problem.ts'
import { CONFIG_VARIABLE } from './names.ts'
import type { InjectSettings } from './settings.ts'
import { configText, laidOver, sidecarConfig } from './sidecar-config.ts'

/** A variable of a container can be no longer than Linux lets it be, 128 KiB. */
const CONFIG_BYTES_MAX = 120 * 1024

/**
 * Checks the configuration that sidecars would get, and each profile, as the gateway will; what their variables hold is not known here. Throws
 * ConfigError.
 */
export async function checkSidecarConfig({ sidecar }: InjectSettings, file: string | undefined, definitions: Definitions): Promise<void> {
  const problems: Problem[] = []
  for (const [path, over] of [
    ['sidecar.config', {}] as const,
    ...Object.entries(sidecar.profiles).map(([name, profile]) => [`sidecar.profiles.${name}`, profile] as const)
  ]) {
    const { config } = sidecarConfig({}, {}, { ...sidecar, config: laidOver(sidecar.config, over) }, new Set(), [])
    const text = configText(config)
    const place = file === undefined ? DEFAULT : { file, line: 0, column: 0 }
    if (Buffer.byteLength(text) > CONFIG_BYTES_MAX) {
      const came = `a configuration of ${Buffer.byteLength(text)} bytes`
      problems.push({ place, path, came, expected: `at most ${CONFIG_BYTES_MAX} bytes, as it goes into a variable`, remedy: 'shorten it' })
    }
    try {
      // Stands for what the Secret and the downward API will say.
      const env = { SLUICE_NODE: '127.0.0.1:9465', [CONFIG_VARIABLE]: text.replaceAll('$$', () => '$') }
      await loadConfig({ file: `env:${CONFIG_VARIABLE}`, env, definitions })
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      const known = error.problems.filter(({ came }) => came === undefined || !came.includes('${'))
      problems.push(...known.map((problem) => ({ ...problem, place, path: problem.path === '' ? path : `${path}.${problem.path}` })))
    }
  }
  if (problems.length > 0) throw new ConfigError([...new Map(problems.map((problem) => [problemText(problem), problem])).values()])
}
