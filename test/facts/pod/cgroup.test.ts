import { deepStrictEqual } from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { ownPlacement, parseCgroup, parseMountinfo, placementOf } from '../../../src/facts/pod/cgroup.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const ID = 'c0ffee'.repeat(11).slice(0, 64)
const OUTER = 'ab12'.repeat(16)
const UID = '0b9f9f0e-2c70-4a0e-9b40-6a1d9f2c6d11'
const UID_ = UID.replaceAll('-', '_')
const STATIC = '5f2b9a7d3c1e4f60a8b7c6d5e4f30211'

test('a cgroup path names the pod and the container, whichever runtime and driver wrote it', () => {
  const f = (path: string, podUid: string | undefined, containerId: string | undefined): void => {
    deepStrictEqual(parseCgroup(`0::${path}\n`), { podUid, containerId }, `v2 ${path}`)
    const lines = ['12:memory', '11:cpu,cpuacct', '3:devices', '1:name=systemd'].map((each) => `${each}:${path}`)
    deepStrictEqual(parseCgroup(lines.join('\n')), { podUid, containerId }, `v1 ${path}`)
  }
  const slice = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID_}.slice`
  f(`/kubepods/burstable/pod${UID}/${ID}`, UID, ID)
  f(`/kubepods/besteffort/pod${UID}/${ID}`, UID, ID)
  f(`/kubepods/pod${UID}/${ID}`, UID, ID)
  f(`${slice}/cri-containerd-${ID}.scope`, UID, ID)
  f(`${slice}/crio-${ID}.scope`, UID, ID)
  f(`${slice}/crio-${ID}.scope/container`, UID, ID)
  f(`${slice}/docker-${ID}.scope`, UID, ID)
  f(`/kubepods.slice/kubepods-pod${UID_}.slice/cri-containerd-${ID}.scope`, UID, ID)
  f(`/system.slice/containerd.service/kubepods-besteffort-pod${UID_}.slice:cri-containerd:${ID}`, UID, ID)
  f(`/kubepods/pod${STATIC}/${ID}`, STATIC, ID)
  f(`/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${UID_}.slice/cri-containerd-${ID}.scope`, UID, ID)
  f(`/docker/${OUTER}/kubelet/kubepods/burstable/pod${UID}/${ID}`, UID, ID)
  f(`/docker/${OUTER}/kubelet.slice/kubelet-kubepods-pod${UID_}.slice/cri-containerd-${ID}.scope`, UID, ID)
  f(`/../../kubepods-burstable-pod${UID_}.slice/cri-containerd-${ID}.scope`, UID, ID)
  f(`/../cri-containerd-${ID}.scope`, undefined, ID)
  f(`/docker/${ID}`, undefined, ID)
  f(`/system.slice/docker-${ID}.scope`, undefined, ID)
  f(`/machine.slice/libpod-${ID}.scope`, undefined, ID)
})

test('a cgroup path that names no container gives none', () => {
  for (const path of ['/', '/user.slice/user-1000.slice/session-2.scope', '/init.scope', '/system.slice/sshd.service', '/podium/abc', ''])
    deepStrictEqual(parseCgroup(`0::${path}`), { podUid: undefined, containerId: undefined }, path)
  deepStrictEqual(parseCgroup(`0::/kubepods/pod${UID}`).containerId, undefined)
  deepStrictEqual(parseCgroup(`0::/kubepods.slice/crio-conmon-${ID}.scope`).containerId, undefined)
})

test('on a machine with both versions, the line that has the path counts', () =>
  deepStrictEqual(parseCgroup(`0::/\n1:name=systemd:/kubepods/pod${UID}/${ID}`), { podUid: UID, containerId: ID }))

test('mounts tell the pod in a private namespace; a host name file is the container only outside of pods', () => {
  const f = (line: string, podUid: string | undefined, containerId: string | undefined): void =>
    deepStrictEqual(parseMountinfo(line), { podUid, containerId })
  const hosts = `1 2 8:1 /var/lib/kubelet/pods/${UID}/etc-hosts /etc/hosts rw - ext4 /dev/sda1 rw`
  f(hosts, UID, undefined)
  f(`1 2 8:1 /kubelet/pods/${UID}/containers/worker/0a1b2c3d /dev/termination-log rw - ext4 /dev/sda1 rw`, UID, undefined)
  f(`3 2 8:1 /var/lib/docker/containers/${ID}/hostname /etc/hostname rw - ext4 /dev/sda1 rw`, undefined, ID)
  f(`3 2 0:9 /containers/overlay-containers/${ID}/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw`, undefined, ID)
  f(`${hosts}\n3 2 8:1 /var/lib/docker/containers/${OUTER}/hostname /etc/hostname rw - ext4 /dev/sda1 rw`, UID, undefined)
  f(
    `4 2 8:1 /var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/${OUTER}/hostname /etc/hostname rw - ext4 /dev/sda1 rw`,
    undefined,
    undefined
  )
})

test('placement is read from /proc; what is not there is not known', () => {
  const proc = temporaryDirectory()
  deepStrictEqual(ownPlacement(proc), { podUid: undefined, containerId: undefined })
  mkdirSync(join(proc, 'self'))
  mkdirSync(join(proc, '41'))
  writeFileSync(join(proc, 'self', 'cgroup'), '0::/\n')
  writeFileSync(join(proc, 'self', 'mountinfo'), `1 2 8:1 /var/lib/kubelet/pods/${UID}/etc-hosts /etc/hosts rw - ext4 /dev/sda1 rw\n`)
  writeFileSync(join(proc, '41', 'cgroup'), `0::/kubepods/pod${UID}/${ID}\n`)
  deepStrictEqual(ownPlacement(proc), { podUid: UID, containerId: undefined })
  deepStrictEqual(placementOf(proc, 41), { podUid: UID, containerId: ID })
  deepStrictEqual(placementOf(proc, 42), { podUid: undefined, containerId: undefined })
})

test('no text makes the readers fail, and every id that they find was in it', () => {
  const parts = fc.constantFrom('pod', UID, UID_, ID, '/', ':', '.slice', '.scope', '-', '\n', '0::', 'cri-containerd', 'crio-')
  fc.assert(
    fc.property(fc.array(fc.oneof(parts, fc.string({ maxLength: 4 }))), (pieces) => {
      const text = pieces.join('')
      for (const { podUid, containerId } of [parseCgroup(text), parseMountinfo(text)]) {
        if (containerId !== undefined && !text.includes(containerId)) return false
        if (podUid !== undefined && !text.replaceAll('_', '-').includes(podUid)) return false
      }
      return true
    })
  )
})
