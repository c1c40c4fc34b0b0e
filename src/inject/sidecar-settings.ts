import * as z from 'zod'
import description from '../../package.json' with { type: 'json' }
import { choice, flag, group, integer, list, map, size, text } from '../config/schema.ts'
import { CPU, isCpu, isImage, isMemory, isObjectName, MEMORY } from './values.ts'

/** The part `sidecar` of the injector's file: what is put into a pod. Annotations of the pod change some of it for that pod. */
export const sidecar = group(
  {
    image: text({
      default: `ghcr.io/sluice-telemetry/sluice:${description.version}`,
      doc: 'The image of the sidecar. Pods may choose another tag or digest of the same repository.'
    }).refine(isImage, 'expected the name of an image, as registry.example.com/sluice:1.2.3'),
    imagePullPolicy: choice(['IfNotPresent', 'Always', 'Never'], { default: 'IfNotPresent', doc: 'When nodes pull the image.' }),
    pullSecrets: list(text({ doc: 'The name of a Secret.' }).refine(isObjectName, 'expected the name of a Secret'), {
      doc: 'Secrets in the pod’s namespace with which its node pulls the image, by name; pods that lack them get them. Manifests that get them beforehand no longer get those of the service account.'
    }),
    native: choice(['auto', 'always', 'never'], {
      default: 'auto',
      doc: 'Whether the sidecar is a native one, an init container that keeps running. auto: from Kubernetes 1.29 on, and where the version is not known.'
    }),
    config: map(z.unknown(), {
      doc: 'The gateway’s configuration in the sidecar, as its own file would say it. Variables in it are the sidecar’s, as those of its Secret.'
    }),
    profiles: map(map(z.unknown(), { doc: 'Options of the gateway’s configuration.' }), {
      doc: 'More configuration by name, laid over config in pods that choose the profile.'
    }),
    secret: text({
      default: 'sluice',
      doc: 'The Secret in the pod’s namespace whose keys become variables of the sidecar, as SENTRY_DSN or DD_API_KEY; empty for none.'
    }).refine((name) => name === '' || isObjectName(name), 'expected the name of a Secret'),
    secretOptional: flag({ default: true, doc: 'Pods start without that Secret, too. Otherwise they wait for it, worker and all.' }),
    resources: group(
      {
        cpu: text({ default: '250m', doc: 'CPU of the sidecar; empty for no request and no limit.' }).refine(
          (amount) => amount === '' || isCpu(amount),
          `expected ${CPU}`
        ),
        memory: text({ default: '256Mi', doc: 'Memory of the sidecar; empty for no request and no limit.' }).refine(
          (amount) => amount === '' || isMemory(amount),
          `expected ${MEMORY}`
        )
      },
      { doc: 'Requests and limits of the sidecar. They are the same, so that a Guaranteed pod stays one.' }
    ),
    queueSize: size({ default: '256MiB', min: '1MiB', doc: 'What may wait in the pod to be delivered: queue.sizeMax of the sidecar.' }),
    logsSize: size({
      default: '2GiB',
      min: '1MiB',
      doc: 'The size of the volume for log files that pods ask for; a pod that writes more is evicted, so let programs rotate their files.'
    }),
    gpu: choice(['node', 'nvidia-smi', 'off'], {
      default: 'node',
      doc: 'Where the sidecar has GPU facts from: the gateway of its node, an nvidia-smi of its own, or nowhere.'
    }),
    gpuPort: integer({ default: 9465, min: 1, max: 65_535, doc: 'The port of facts.listen of the gateways of the nodes.' }),
    sentry: flag({ default: false, doc: 'Point Sentry SDKs in the workers at the sidecar by SENTRY_DSN.' }),
    datadog: flag({ default: true, doc: 'Point Datadog’s tracers and DogStatsD clients in the workers at the sidecar.' }),
    startupProbe: choice(['exec', 'http', 'off'], {
      default: 'exec',
      doc: 'How it is found out that a native sidecar serves; the worker starts then. http asks the pod’s address, which a service mesh may not let through yet.'
    }),
    user: integer({ default: 65_532, doc: 'The user and group of the sidecar; 0 leaves them to the cluster.' }),
    leave: list(text({ doc: 'The name of a container.' }), {
      default: ['istio-proxy', 'istio-init', 'istio-validation', 'linkerd-proxy', 'linkerd-init', 'vault-agent', 'vault-agent-init'],
      doc: 'Containers that get no variables, since they are no workers.'
    })
  },
  { doc: 'What is put into pods.' }
)
