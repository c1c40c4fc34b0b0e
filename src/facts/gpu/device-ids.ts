import type { GpuDevice } from '../facts.ts'

// How device plugins name a device to the kubelet, and the containers that were given it:
//   NVIDIA            GPU-<uuid>, MIG-<uuid>; shared: GPU-<uuid>::<replica>; before driver 470 MIG-GPU-<uuid>/<GPU instance>/<compute instance>
//   GKE               nvidia<N>, nvidia<N>/gi<GPU instance>; shared: …/vgpu<replica>
const UUID = /(?:GPU|MIG)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i
const OLD_MIG = /^MIG-(GPU-[0-9a-f-]{36})\/(\d+)\/(\d+)$/i
const GKE = /^nvidia(\d{1,3})(?:\/gi(\d{1,2}))?(?:\/vgpu\d+)?$/

/**
 * The device that a device plugin's id means, among those of this machine; undefined when it is no GPU's, or none that is known. A UUID that is
 * not among them is an answer too: it stands for itself, since the list of devices may come later.
 */
export function uuidOf(deviceId: string, devices: readonly GpuDevice[]): string | undefined {
  const replica = deviceId.indexOf('::')
  const id = replica === -1 ? deviceId : deviceId.slice(0, replica)
  const old = OLD_MIG.exec(id)
  if (old !== null) return instance(devices, (parent) => parent.uuid === old[1], Number(old[2]), Number(old[3]))
  const uuid = UUID.exec(id)
  if (uuid !== null && uuid[0].length === id.length) return id
  const gke = GKE.exec(id)
  if (gke === null) return undefined
  // The number is that of /dev/nvidia<N>, which is the index wherever no GPU is hidden.
  if (gke[2] !== undefined) return instance(devices, (parent) => parent.index === Number(gke[1]), Number(gke[2]), undefined)
  return devices.find(({ index, mig }) => mig === undefined && index === Number(gke[1]))?.uuid
}

function instance(
  devices: readonly GpuDevice[],
  isParent: (device: GpuDevice) => boolean,
  gpuInstanceId: number,
  computeInstanceId: number | undefined
): string | undefined {
  const parent = devices.find((device) => device.mig === undefined && isParent(device))
  return devices.find(
    ({ mig }) =>
      mig !== undefined &&
      mig.parent === parent?.uuid &&
      mig.gpuInstanceId === gpuInstanceId &&
      (computeInstanceId === undefined || mig.computeInstanceId === computeInstanceId)
  )?.uuid
}

/**
 * The devices that NVIDIA_VISIBLE_DEVICES grants to a container, as far as it names them by UUID. Nothing for `all`, which anybody may write
 * without having been given a device, and nothing for bare indices, which do not count the same inside of a container as outside.
 */
export function visibleUuids(variable: string | undefined, devices: readonly GpuDevice[]): readonly string[] {
  const granted = new Set<string>()
  for (const id of (variable ?? '').split(',')) {
    const uuid = uuidOf(id.trim(), devices)
    if (uuid !== undefined) granted.add(uuid)
  }
  return [...granted]
}
