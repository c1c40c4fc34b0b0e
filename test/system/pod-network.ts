import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readlinkSync } from 'node:fs'
import { until } from '../support/gateway-process.ts'

/** A network namespace; the process that holds it open. */
export interface NetworkNamespace {
  readonly pid: number
  readonly address: string
}

/** Why there can be no namespaces for pods here; false when there can. */
export function skipWithoutNamespaces(): string | false {
  if (process.platform !== 'linux') return 'SKIPPED: there are no network namespaces here'
  try {
    const script = 'mount -t tmpfs none /mnt && ip link add left type veth peer name right && ip link add pods type bridge'
    execFileSync('unshare', ['--net', '--mount', '--pid', '--fork', 'sh', '-ec', script], { stdio: 'pipe' })
    execFileSync('setpriv', ['--version'], { stdio: 'pipe' })
    return false
  } catch (error) {
    return `SKIPPED: no namespaces for pods, which takes root, ip and setpriv: ${String((error as Error).message).split('\n')[0]}`
  }
}

/**
 * A node of a cluster as far as its network goes: a bridge to which pods are connected, each in a namespace of its own, and a line to this machine. From
 * the addresses for benchmarks (198.18.0.0/15), so nothing else is in the way. All of it is gone when the test has ended.
 */
export class NodeNetwork {
  /** Where servers of the test listen to be reached from pods. */
  readonly outside: string
  private readonly t: { after(done: () => unknown): void }
  private readonly prefix: string
  private readonly node: NetworkNamespace
  private pods = 0

  private constructor(t: { after(done: () => unknown): void }, node: NetworkNamespace, outside: string, prefix: string) {
    this.t = t
    this.node = node
    this.outside = outside
    this.prefix = prefix
  }

  static async open(t: { after(done: () => unknown): void }): Promise<NodeNetwork> {
    const number = randomInt(1, 255)
    const [outside, uplink, prefix] = [`198.19.${number}.1`, `198.19.${number}.2`, `198.18.${number}`]
    const node = { pid: await holdNamespace(t), address: `${prefix}.1` }
    ip(`link add sluice${number} type veth peer name uplink netns ${node.pid}`)
    ip(`addr add ${outside}/30 dev sluice${number}`)
    ip(`link set sluice${number} up`)
    inside(node.pid, `addr add ${uplink}/30 dev uplink`)
    inside(node.pid, 'link add pods type bridge')
    inside(node.pid, `addr add ${node.address}/24 dev pods`)
    for (const device of ['lo', 'uplink', 'pods']) inside(node.pid, `link set ${device} up`)
    inside(node.pid, `route add default via ${outside}`)
    execFileSync('nsenter', ['--net', `--target=${node.pid}`, 'sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward'])
    ip(`route add ${prefix}.0/24 via ${uplink}`)
    return new NodeNetwork(t, node, outside, prefix)
  }

  /** A namespace for one pod. */
  async addPod(): Promise<NetworkNamespace> {
    const pod = { pid: await holdNamespace(this.t), address: `${this.prefix}.${10 + ++this.pods}` }
    inside(this.node.pid, `link add pod${this.pods} type veth peer name eth0 netns ${pod.pid}`)
    inside(this.node.pid, `link set pod${this.pods} master pods up`)
    inside(pod.pid, `addr add ${pod.address}/24 dev eth0`)
    for (const device of ['lo', 'eth0']) inside(pod.pid, `link set ${device} up`)
    inside(pod.pid, `route add default via ${this.prefix}.1`)
    return pod
  }

  /**
   * The address of the node, behind which is this pod: what a hostPort does for its port, and it leaves the sender's address as it is, too. A pod on
   * the node's network has the node's own address.
   */
  giveNodeAddressTo(pod: NetworkNamespace): string {
    const address = `${this.prefix}.250`
    inside(pod.pid, `addr add ${address}/32 dev eth0`)
    return address
  }
}

function ip(command: string): void {
  execFileSync('ip', command.split(' '), { stdio: ['ignore', 'ignore', 'inherit'] })
}

function inside(pid: number, command: string): void {
  execFileSync('nsenter', ['--net', `--target=${pid}`, 'ip', ...command.split(' ')], { stdio: ['ignore', 'ignore', 'inherit'] })
}

async function holdNamespace(t: { after(done: () => unknown): void }): Promise<number> {
  const holder: ChildProcess = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' })
  t.after(async () => {
    const ended = once(holder, 'exit')
    holder.kill('SIGKILL')
    await ended
  })
  const own = readlinkSync('/proc/self/ns/net')
  await until(
    () => readlinkSync(`/proc/${holder.pid}/ns/net`),
    (found) => found !== own
  )
  return holder.pid!
}
