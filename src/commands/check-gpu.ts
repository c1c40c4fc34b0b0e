import type { Facts, GpuDevice, GpuFacts, GpuSample } from '../facts/facts.ts'
import { type FactsOptions, openFacts } from '../facts/open.ts'
import { Metrics } from '../telemetry/metrics.ts'

/** Longer than all runs of nvidia-smi in one look may take together at the default timeout. */
const LOOK_WITHIN_MS = 90_000
/** A GPU without any user has a few hundred MiB in use at most. */
const USED_BYTES = 512 * 1024 * 1024

/**
 * The command `sluice check --gpu`: looks once, and says what was found on this machine, which source would be used, what is missing, and what can be
 * done about it. The code is 1 when a source that the configuration names does not work.
 */
export async function checkGpu(options: FactsOptions): Promise<{ readonly code: 0 | 1; readonly stdout: string }> {
  const said: string[] = []
  const log = {
    info: () => undefined,
    // What GPU facts say of their state is shown with the state.
    warn: (fields: object, message: string) => void ('state' in fields || said.push(message))
  }
  const facts = openFacts(options, log, new Metrics())
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, LOOK_WITHIN_MS)
  })
  await Promise.race([facts.firstLook, late])
  clearTimeout(timer)
  const { state, source } = facts.gpu.state
  const lines = [
    ...stateLines(facts.gpu),
    ...facts.gpu.devices().flatMap((device) => deviceLines(facts, device)),
    `Pods: ${podText(facts, options)}`,
    ...section('Missing:', missing(facts)),
    ...section('Said meanwhile:', [...new Set(said)])
  ]
  await facts.stop()
  return { code: state !== 'ok' && source !== 'off' && options.gpu.source !== 'auto' ? 1 : 0, stdout: `${lines.join('\n')}\n` }
}

function section(heading: string, entries: readonly string[]): string[] {
  return entries.length === 0 ? [] : [heading, ...entries.map((entry) => `  - ${entry}`)]
}

function stateLines(gpu: GpuFacts): string[] {
  const { state, source, remedy } = gpu.state
  if (source === 'off') return ['GPU facts: off']
  const all = gpu.devices()
  const driver = all[0]?.driverVersion
  const parts = all.filter(({ mig }) => mig !== undefined).length
  const found =
    all.length === 0 ? '' : `: ${all.length - parts} GPUs, ${parts} MIG instances${driver === undefined ? '' : `, driver ${driver}`}`
  return [`GPU facts: ${state}, from ${source}${found}`, ...(remedy === '' ? [] : [`  what to do: ${remedy}`])]
}

function deviceLines({ gpu }: Facts, { uuid, index, model, memoryTotalBytes, mig }: GpuDevice): string[] {
  const sample = gpu.latest(uuid)
  const values = [
    value('load', sample?.utilization, (share) => `${Math.round(share * 100)} %`),
    value(
      'memory',
      sample?.memoryUsedBytes,
      (bytes) => `${sizeText(bytes)}${memoryTotalBytes === undefined ? '' : ` of ${sizeText(memoryTotalBytes)}`}`
    ),
    value('temperature', sample?.temperature, (celsius) => `${celsius} °C`),
    value('power', sample?.powerWatts, (watts) => `${watts} W`)
  ].filter((each) => each !== undefined)
  const owners = gpu
    .owners(uuid)
    .map(({ namespace, pod, container }) => `${namespace}/${pod}${container === undefined ? '' : `/${container}`}`)
  const name = mig === undefined ? `${index}  ${model}` : `   ${mig.profile ?? 'MIG instance'} of ${mig.parent}`
  return [
    `  ${name}  ${uuid}`,
    ...(values.length === 0 ? [] : [`     ${values.join(', ')}`]),
    ...(owners.length === 0 ? [] : [`     used by ${owners.join(', ')}`])
  ]
}

const sizeText = (bytes: number): string => (bytes < 2 ** 30 ? `${Math.round(bytes / 2 ** 20)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`)

function value(name: string, given: number | undefined, text: (given: number) => string): string | undefined {
  return given === undefined ? undefined : `${name} ${text(given)}`
}

function podText({ pod }: Facts, { pod: { source } }: FactsOptions): string {
  if (pod.source === 'off') return source === 'off' ? 'off' : 'off, because nothing here tells of a pod'
  if (pod.source === 'kubelet') return 'all of the node, from the kubelet'
  const own = pod.own()
  return own === undefined
    ? 'downward, but nothing tells of this pod'
    : `downward: ${own['k8s.namespace.name'] ?? '?'}/${own['k8s.pod.name'] ?? '?'}`
}

const WANTED = [
  ['utilization', 'load'],
  ['memoryUsedBytes', 'memory'],
  ['temperature', 'temperature'],
  ['powerWatts', 'power'],
  ['throttleReasons', 'throttle reasons']
] as const

function missing({ gpu }: Facts): string[] {
  const devices = gpu.devices()
  const parents = new Set(devices.map(({ mig }) => mig?.parent))
  const found: string[] = []
  for (const { uuid, index, mig } of devices) {
    if (mig !== undefined) continue
    const sample = gpu.latest(uuid)
    const absent = WANTED.filter(([name]) => sample?.[name] === undefined && !(name === 'utilization' && parents.has(uuid)))
    if (absent.length > 0) found.push(`GPU ${index} does not tell its ${absent.map(([, words]) => words).join(', ')}`)
    if (parents.has(uuid)) found.push(`GPU ${index} is divided by MIG: neither it nor its instances have a utilization`)
    if (sample !== undefined && isSilentlyUsed(sample))
      found.push(
        `GPU ${index} has memory in use, but no process is seen: run the gateway in the process namespace of the node (hostPID: true)`
      )
  }
  const owned = devices.some(({ uuid }) => gpu.owners(uuid).length > 0)
  if (devices.length > 0 && !owned)
    found.push(
      'no pod is known to use a GPU: on a node mount the directory of facts.gpu.podResources and set facts.pod.source: kubelet; in a sidecar set POD_NAME and POD_NAMESPACE'
    )
  return found
}

function isSilentlyUsed({ memoryUsedBytes = 0, processes }: GpuSample): boolean {
  return memoryUsedBytes > USED_BYTES && processes.length === 0
}
