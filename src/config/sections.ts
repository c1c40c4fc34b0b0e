import { address, choice, duration, flag, group, list, maybe, ratio, secret, size, text, url } from './schema.ts'

/** What the file may say besides components. */
export const sections = {
  facts: group(
    {
      gpu: group(
        {
          source: choice(['auto', 'nvidia-smi', 'node', 'off'], {
            default: 'auto',
            doc: 'Where GPU facts come from. auto: nvidia-smi where it works, else the gateway of the node, where `node` names it.'
          }),
          command: text({ default: 'nvidia-smi', doc: 'The nvidia-smi to run: a name on the PATH, or a path.' }),
          interval: duration({ default: '15s', min: '1s', max: '1h', doc: 'How often to look at load, memory, power and processes.' }),
          slowInterval: duration({
            default: '5m',
            min: '10s',
            max: '1d',
            doc: 'How often to look at what seldom changes: identity, MIG instances, links.'
          }),
          timeout: duration({ default: '10s', min: '100ms', max: '5m', doc: 'How long one look may take; then nvidia-smi is ended.' }),
          node: maybe(url({ doc: 'Where the gateway of the node serves its facts: its facts.listen.' })),
          podResources: text({
            default: '/var/lib/kubelet/pod-resources/kubelet.sock',
            doc: 'The kubelet’s socket that tells which container was given which GPU; it is asked where its directory is mounted.'
          })
        },
        { doc: 'GPUs: their load, memory, power, health and who uses them.' }
      ),
      pod: group(
        {
          source: choice(['auto', 'downward', 'kubelet', 'off'], {
            default: 'auto',
            doc: 'Where facts about pods come from. downward: what the pod spec hands to the gateway. kubelet: all pods of the node. auto: downward where there is any.'
          }),
          directory: text({ default: '/etc/podinfo', doc: 'Where the downward volume with labels and annotations is mounted.' }),
          labels: list(text({ doc: 'A rule.' }), {
            doc: 'Labels of the pod to add to telemetry: team as k8s.pod.label.team, team=dubbing.team under another name, example.com/* all of a prefix.'
          }),
          annotations: list(text({ doc: 'A rule.' }), { doc: 'Annotations, by the same rules.' }),
          ownContainer: flag({
            default: false,
            doc: 'The gateway runs in the very container that sends, so container.id of the gateway is the senders’ too.'
          }),
          kubelet: group(
            {
              ask: choice(['kubelet', 'api'], {
                default: 'kubelet',
                doc: 'Who lists the pods of the node: its kubelet (nodes/pods or nodes/proxy), or the API server (list pods).'
              }),
              url: maybe(url({ doc: 'Where to ask instead of what NODE_IP or NODE_NAME say.' })),
              tokenFile: text({
                default: '/var/run/secrets/kubernetes.io/serviceaccount/token',
                doc: 'File with the token of the service account; read again as it changes.'
              }),
              caFile: text({
                default: '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
                doc: 'PEM file with the authorities that are trusted.'
              }),
              insecure: flag({ default: false, doc: 'Takes any certificate; kubelets often sign their own.' }),
              interval: duration({ default: '30s', min: '1s', max: '1h', doc: 'How often to ask.' }),
              timeout: duration({ default: '10s', min: '100ms', max: '5m', doc: 'How long an answer may take.' })
            },
            { doc: 'How the pods of the node are asked for.' }
          )
        },
        { doc: 'Pods: the one beside the gateway, or all of the node.' }
      ),
      listen: address({
        default: 'off',
        doc: 'Where to tell the sidecars of this node their GPUs; a pod is shown its own only. Needs pod.source: kubelet.'
      }),
      token: maybe(secret({ doc: 'Shared by the gateway of the node and its sidecars, for networks that hide the addresses of pods.' }))
    },
    { doc: 'What the gateway knows of the machine beside telemetry. It keeps itself fresh, and no telemetry ever waits for it.' }
  ),
  queue: group(
    {
      dir: maybe(
        text({
          doc: 'Directory for what waits to be delivered, created when it is missing; left out, it waits in memory and dies with the process.'
        })
      ),
      sizeMax: size({ default: '512MiB', min: '1MiB', doc: 'Bytes that may wait on disk.' }),
      memoryMax: size({
        default: '64MiB',
        min: '1MiB',
        doc: 'Bytes that may wait in memory: all of them without a directory, else while the disk is full or failing.'
      }),
      ageMax: duration({ default: '24h', min: '1s', max: '365d', doc: 'What has waited longer than this is dropped and counted.' }),
      whenFull: choice(['refuse', 'evict'], {
        default: 'refuse',
        doc: 'When no room is left: refuse new telemetry, so that senders try again, or evict the oldest, traces first.'
      }),
      deadLetterMax: size({ default: '64MiB', doc: 'Bytes of refused telemetry to keep beside the queue for a look later.' })
    },
    { doc: 'Where telemetry waits until every exporter has taken it.' }
  ),
  admin: group(
    { listen: address({ default: '127.0.0.1:9464', doc: 'Where /metrics, /healthz and /readyz are served.' }) },
    { doc: 'The port for people and for Prometheus.' }
  ),
  telemetry: group(
    {
      log: group(
        { level: choice(['debug', 'info', 'warn', 'error'], { default: 'info', doc: 'The least severe messages to log.' }) },
        { doc: "The gateway's own log: JSON lines on stderr." }
      ),
      traces: group(
        {
          endpoint: maybe(url({ doc: "OTLP/HTTP endpoint for the gateway's own traces; left out, it makes none." })),
          ratio: ratio({ default: '1%', doc: "Share of the gateway's own work to trace." })
        },
        { doc: "The gateway's own traces." }
      ),
      sentry: group(
        { dsn: maybe(secret({ doc: "Sentry DSN for the gateway's own crashes; left out, they are only logged." })) },
        { doc: "The gateway's own crashes." }
      )
    },
    { doc: 'What the gateway tells about itself.' }
  ),
  shutdownTimeout: duration({
    default: '25s',
    min: '1s',
    max: '1h',
    doc: 'Time to finish and flush after SIGTERM; keep it under the grace period of the pod.'
  })
}
