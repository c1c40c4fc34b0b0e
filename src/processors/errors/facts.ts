// What the texts of GPU, communication, storage and queue errors say in words of their own: the same code whether it is written as a constant of
// C, as Python's message or as a sentence. All patterns are bounded, and see no more than the first characters of the error.

/** What an error's text tells; undefined where it does not. */
type Tell = (text: string) => string | undefined

// The sentences that CUDA has for its codes. https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html
const CUDA_SENTENCES: readonly (readonly [sentence: string, code: string])[] = [
  ['illegal memory access', 'illegal-address'],
  ['device-side assert', 'assert'],
  ['unspecified launch failure', 'launch-failure'],
  ['launch timed out', 'launch-timeout'],
  ['misaligned address', 'misaligned-address'],
  ['illegal instruction', 'illegal-instruction'],
  ['hardware stack error', 'hardware-stack-error'],
  ['uncorrectable ecc error', 'ecc-uncorrectable'],
  ['uncorrectable nvlink error', 'nvlink-uncorrectable'],
  ['no kernel image is available', 'no-kernel-image-for-device'],
  ['kernel image is invalid', 'invalid-kernel-image'],
  ['driver version is insufficient', 'insufficient-driver'],
  ['busy or unavailable', 'devices-unavailable'],
  ['no cuda-capable device', 'no-device'],
  ['invalid device ordinal', 'invalid-device'],
  ['invalid device function', 'invalid-device-function'],
  ['invalid configuration argument', 'invalid-configuration'],
  ['invalid resource handle', 'invalid-resource-handle'],
  ['too many resources requested', 'launch-out-of-resources'],
  ['initialization error', 'initialization-error'],
  ['driver shutting down', 'cudart-unloading'],
  ['peer access', 'peer-access'],
  ['system not yet initialized', 'system-not-ready'],
  ['invalid argument', 'invalid-value'],
  ['out of memory', 'memory-allocation'],
  ['unknown error', 'unknown']
]
const CUDA_SAID = /\b(?:cuda|hip)(?: kernel| runtime| driver)? ?error\b|\btriton error \[cuda\]/i
const CUDA_NAME = /\b(?:cuda|hip)Error([A-Z][A-Za-z]{2,60})\b/
const CUDA_CONSTANT = /\b(?:CUDA|HIP)_ERROR_([A-Z][A-Z_]{2,60})\b/
const CUDA_LIBRARY =
  /\b(CUBLAS|CUDNN|CUSPARSE|CUSOLVER|CUFFT|CURAND|NPP|NVRTC|NVJPEG|HIPBLAS|MIOPEN)_(?:STATUS|ERROR)_([A-Z][A-Z_]{2,60})\b/
// The same code in the runtime's and the driver's words.
const CUDA_SYNONYMS: Readonly<Record<string, string>> = {
  'launch-failed': 'launch-failure',
  'out-of-memory': 'memory-allocation',
  'no-binary-for-gpu': 'no-kernel-image-for-device',
  'system-driver-mismatch': 'insufficient-driver',
  deinitialized: 'cudart-unloading',
  'not-initialized': 'initialization-error'
}

const cudaCode: Tell = (text) => {
  const library = CUDA_LIBRARY.exec(text)
  if (library !== null) return slug(`${library[1]}_${library[2]}`)
  const named = CUDA_NAME.exec(text)?.[1] ?? CUDA_CONSTANT.exec(text)?.[1]
  if (named !== undefined) {
    const code = slug(named)
    return CUDA_SYNONYMS[code] ?? code
  }
  const said = CUDA_SAID.exec(text)
  if (said === null) return undefined
  const sentence = text.slice(said.index, said.index + 400).toLowerCase()
  for (const [words, code] of CUDA_SENTENCES) if (sentence.includes(words)) return code
  return undefined
}

// `file.cu:12: indexSelectLargeIndex: block: [0,0,0], thread: [1,0,0] Assertion` of the device, or a name in quotes.
const KERNEL_ASSERTED = /\b([A-Za-z_]\w{2,80})(?:<[^<>\n]{0,80}>)?(?:\([^()\n]{0,160}\))?: block: \[/
const KERNEL_NAMED = /\b(?:kernel|__global__ function)(?: function| name)?:? ["'`‘“]([A-Za-z_]\w{2,80})/i
const cudaKernel: Tell = (text) => (KERNEL_ASSERTED.exec(text) ?? KERNEL_NAMED.exec(text))?.[1]

const NCCL = /nccl|rccl|collective/i
const NCCL_NAME = /\b[nr]ccl([A-Z][A-Za-z]{2,30}(?:Error|Usage|Argument))\b/
const NCCL_SENTENCES: readonly (readonly [sentence: string, code: string])[] = [
  ['collective operation timeout', 'timeout'],
  ['before timing out', 'timeout'],
  ['watchdog caught', 'timeout'],
  ['heartbeat', 'heartbeat-timeout'],
  ['unhandled cuda error', 'unhandled-cuda-error'],
  ['unhandled system error', 'system-error'],
  ['remote process exited', 'remote-error'],
  ['communicator was aborted', 'aborted'],
  ['connection closed by remote peer', 'remote-error'],
  ['internal error', 'internal-error'],
  ['invalid usage', 'invalid-usage'],
  ['invalid argument', 'invalid-argument']
]
const ncclCode: Tell = (text) => {
  if (!NCCL.test(text)) return undefined
  const named = NCCL_NAME.exec(text)
  if (named !== null) return slug(named[1])
  const small = text.toLowerCase()
  for (const [words, code] of NCCL_SENTENCES) if (small.includes(words)) return code
  return /\b[nr]ccl error\b/i.test(text) ? 'error' : undefined
}

const NCCL_OPERATION =
  /\bOpType=_?([A-Z_]{3,40})|\b(?:nccl)?_?(All_?Reduce|All_?Gather|Reduce_?Scatter|All_?To_?All|Broadcast|Barrier|SendRecv)\b/i
const ncclOperation: Tell = (text) => {
  const found = NCCL_OPERATION.exec(text)
  return (found?.[1] ?? found?.[2])?.toLowerCase().replaceAll('_', '').replace(/base$/, '')
}

const XID = /\bXid\b(?: \([^)\n]{1,64}\))?:? {0,4}(\d{1,4})\b/
const xidCode: Tell = (text) => XID.exec(text)?.[1]

const SQLSTATE = /\bSQLSTATE\W{0,4}([0-9A-Z]{5})\b/i
const sqlState: Tell = (text) => SQLSTATE.exec(text)?.[1].toUpperCase()

const DISK: readonly (readonly [words: RegExp, code: string])[] = [
  [/\bENOSPC\b|no space left on device/i, 'no-space'],
  [/\bEDQUOT\b|disk quota exceeded/i, 'quota'],
  [/\bEROFS\b|read-only file system/i, 'read-only'],
  [/\bESTALE\b|stale (?:nfs )?file handle/i, 'stale-handle'],
  [/\bEIO\b|\[Errno 5\]|input\/output error/i, 'io-error']
]
const diskCode: Tell = (text) => DISK.find(([words]) => words.test(text))?.[1]

// botocore: An error occurred (NoSuchKey) when calling the GetObject operation; S3 and Azure answer <Code>NoSuchKey</Code>.
const STORE_CODE =
  /\ban error occurred \(([A-Za-z]\w{2,60})\) when calling|<Code>([A-Za-z]\w{2,60})<\/Code>|\b(?:Error ?Code|code): ?([A-Z][A-Za-z]{4,60})\b/i
const storeCode: Tell = (text) => {
  const found = STORE_CODE.exec(text)
  return found?.[1] ?? found?.[2] ?? found?.[3]
}

const QUEUES = ['bullmq', 'celery', 'kombu', 'rabbitmq', 'amqp', 'pika', 'kafka', 'redis', 'nats', 'sqs', 'pubsub', 'sidekiq', 'bull']
const queueSystem: Tell = (text) => {
  const small = text.toLowerCase()
  const found = QUEUES.find((name) => small.includes(name))
  return found === 'pika' || found === 'amqp' ? 'rabbitmq' : found === 'kombu' ? 'celery' : found
}

/** By name, as conditions and fingerprints of rules use them. */
export const FACTS: Readonly<Record<string, Tell>> = {
  'cuda.code': cudaCode,
  'cuda.kernel': cudaKernel,
  'nccl.code': ncclCode,
  'nccl.operation': ncclOperation,
  'xid.code': xidCode,
  'sql.state': sqlState,
  'disk.code': diskCode,
  'store.code': storeCode,
  'queue.system': queueSystem
}

function slug(name: string): string {
  return name
    .replace(/([a-z])([A-Z])/g, '$1-$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1-$2')
    .replaceAll('_', '-')
    .toLowerCase()
}
