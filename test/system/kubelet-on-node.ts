// The double of a kubelet as a process of its own, which a network namespace needs: node kubelet-on-node.ts ADDRESS CERTIFICATE KEY TOKEN PODS
// serves the list of pods that is in the file PODS, read again for each answer, at ADDRESS:10250.
import { readFileSync } from 'node:fs'
import { Kubelet } from '../support/kubelet.ts'

const KUBELET_PORT = 10_250

const [address, certFile, keyFile, token, podsFile] = process.argv.slice(2)
const kubelet = new Kubelet({ cert: readFileSync(certFile), key: readFileSync(keyFile) })
kubelet.token = token
Object.defineProperty(kubelet, 'pods', { get: () => JSON.parse(readFileSync(podsFile, 'utf8')) })
await kubelet.listen(address, KUBELET_PORT)
process.stdout.write('listening\n')
