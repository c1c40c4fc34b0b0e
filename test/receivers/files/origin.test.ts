import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { containerOf } from '../../../src/receivers/files/origin.ts'

const UID = '0b6bf1b5-6f5e-4a3e-9d33-6c3a3a7f3a0d'
const ID = 'c0ffee'.padEnd(64, '0')
const pod = {
  'k8s.namespace.name': 'dubbing',
  'k8s.pod.name': 'worker-7c9d-x2v9q',
  'k8s.pod.uid': UID,
  'k8s.container.name': 'lip-sync'
}

test('the path of a file says which container writes it', () => {
  const f = (path: string, expected: object, realPath = path): void => deepStrictEqual(containerOf(path, realPath), expected)
  const inPods = `/var/log/pods/dubbing_worker-7c9d-x2v9q_${UID}/lip-sync/3.log`
  const inContainers = `/var/log/containers/worker-7c9d-x2v9q_dubbing_lip-sync-${ID}.log`
  const { 'k8s.pod.uid': _, ...named } = pod
  f(inPods, { ...pod, 'k8s.container.restart_count': 3 })
  f(`/host${inPods}`, { ...pod, 'k8s.container.restart_count': 3 })
  f(inContainers, { ...named, 'container.id': ID })
  f(inContainers, { ...pod, 'k8s.container.restart_count': 3, 'container.id': ID }, inPods)
  f(inPods, { ...pod, 'k8s.container.restart_count': 3, 'container.id': ID }, `/var/lib/docker/containers/${ID}/${ID}-json.log`)
  f(`/var/lib/docker/containers/${ID}/${ID}-json.log`, { 'container.id': ID })
  f('/var/log/syslog', {})
  f('/var/log/pods/a_b/c/0.log', {})
  f('/data/my_app_logs/today/1.log', {})
})
