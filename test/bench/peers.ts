// Other gateways, if they are on the PATH, with a pipeline as near to ours as each allows: OTLP in, metrics from all spans, a tenth of the traces
// kept, secrets looked for, OTLP over HTTP with gzip out, durable in between.
import { execFileSync } from 'node:child_process'
import { accessSync, constants, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Program, type Running, start } from './processes.ts'

export interface PeerPorts {
  readonly http: number
  readonly grpc: number
  readonly sink: number
}

export interface Peer {
  readonly name: string
  /** What it does less than the gateway, or otherwise. */
  readonly differs: string
  readonly program: (command: string, dir: string, ports: PeerPorts) => Program
}

/** Texts that the collector's redaction looks for; the gateway's built-in rules are many times as many. */
const BLOCKED_VALUES = [
  'AKIA[0-9A-Z]{16}',
  'gh[pousr]_[A-Za-z0-9]{36}',
  'eyJ[A-Za-z0-9_-]{10,}\\.[A-Za-z0-9_-]{10,}',
  '-----BEGIN [A-Z ]*PRIVATE KEY',
  '4[0-9]{12}(?:[0-9]{3})?'
]

const collector = (name: string): Peer => ({
  name,
  differs: `redacts by key and ${BLOCKED_VALUES.length} patterns`,
  program: (command, dir, { http, grpc, sink }) => {
    const listed = execFileSync(command, ['components'], { encoding: 'utf8' })
    const has = (component: string): boolean => new RegExp(`^\\s+- name: ${component}$`, 'm').test(listed)
    // Renamed with the years.
    const out = has('otlp_http') ? 'otlp_http' : 'otlphttp'
    const measure = ['span_metrics', 'spanmetrics'].find(has)
    const queue = has('file_storage') ? { storage: 'file_storage' } : {}
    const settings: Record<string, object> = {
      probabilistic_sampler: { sampling_percentage: 10 },
      redaction: {
        allow_all_keys: true,
        blocked_key_patterns: ['.*password.*', '.*secret.*', '.*token.*'],
        blocked_values: BLOCKED_VALUES
      },
      resource: { attributes: [{ key: 'deployment.environment.name', value: 'bench', action: 'insert' }] }
    }
    const processors = Object.keys(settings).filter(has)
    const config = {
      extensions: has('file_storage') ? { file_storage: { directory: dir } } : {},
      receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${http}` }, grpc: { endpoint: `127.0.0.1:${grpc}` } } } },
      processors: Object.fromEntries(processors.map((name) => [name, settings[name]])),
      connectors: measure === undefined ? {} : { [measure]: {} },
      exporters: { [out]: { endpoint: `http://127.0.0.1:${sink}`, sending_queue: { queue_size: 10_000, ...queue } } },
      service: {
        extensions: has('file_storage') ? ['file_storage'] : [],
        telemetry: { metrics: { level: 'none' }, logs: { level: 'error' } },
        pipelines: {
          traces: { receivers: ['otlp'], processors, exporters: [out] },
          ...(measure === undefined
            ? {}
            : {
                'traces/measured': { receivers: ['otlp'], exporters: [measure] },
                metrics: { receivers: [measure], exporters: [out] }
              })
        }
      }
    }
    return { command, args: ['--config', written(dir, 'collector.yaml', config)], ready: [http, grpc] }
  }
})

const PEERS: readonly Peer[] = [
  collector('otelcol-contrib'),
  collector('otelcol'),
  {
    name: 'rotel',
    differs: 'passes everything on: no sampling, no redaction, no metrics, nothing durable',
    program: (command, dir, { http, grpc, sink }) => ({
      command,
      args: [
        ...['start', '--pid-file', join(dir, 'rotel.pid'), '--log-file', join(dir, 'rotel.log')],
        ...['--otlp-http-endpoint', `127.0.0.1:${http}`, '--otlp-grpc-endpoint', `127.0.0.1:${grpc}`],
        ...['--exporter', 'otlp', '--otlp-exporter-protocol', 'http', '--otlp-exporter-endpoint', `http://127.0.0.1:${sink}`]
      ],
      ready: [http, grpc]
    })
  },
  {
    name: 'vector',
    differs: 'samples requests and not traces; no redaction, no metrics of spans',
    program: (command, dir, { http, grpc, sink }) => ({
      command,
      args: [
        '--config',
        written(dir, 'vector.json', {
          data_dir: dir,
          sources: {
            otlp: {
              type: 'opentelemetry',
              grpc: { address: `127.0.0.1:${grpc}` },
              http: { address: `127.0.0.1:${http}` },
              use_otlp_decoding: true
            }
          },
          transforms: { tenth: { type: 'sample', inputs: ['otlp.traces'], rate: 10 } },
          sinks: {
            out: {
              type: 'opentelemetry',
              inputs: ['tenth'],
              buffer: { type: 'disk', max_size: 536_870_912 },
              protocol: {
                type: 'http',
                uri: `http://127.0.0.1:${sink}/v1/traces`,
                method: 'post',
                compression: 'gzip',
                encoding: { codec: 'otlp' }
              }
            }
          }
        })
      ],
      ready: [http, grpc]
    })
  },
  {
    name: 'fluent-bit',
    differs: 'no redaction, no metrics of spans; one port for both transports',
    program: (command, dir, { http, sink }) => ({
      command,
      args: [
        '--config',
        written(dir, 'fluent-bit.yaml', {
          service: { flush: 1, log_level: 'error', 'storage.path': join(dir, 'storage') },
          pipeline: {
            inputs: [
              {
                name: 'opentelemetry',
                listen: '127.0.0.1',
                port: http,
                'storage.type': 'filesystem',
                processors: { traces: [{ name: 'sampling', type: 'probabilistic', sampling_settings: { sampling_percentage: 10 } }] }
              }
            ],
            outputs: [{ name: 'opentelemetry', match: '*', host: '127.0.0.1', port: sink, traces_uri: '/v1/traces', compress: 'gzip' }]
          }
        })
      ],
      ready: [http]
    })
  }
]

/** The peers that are on the PATH, by where they are, and the names of the others. */
export function findPeers(): { found: { peer: Peer; command: string }[]; missing: string[] } {
  const found: { peer: Peer; command: string }[] = []
  const missing: string[] = []
  for (const peer of PEERS) {
    const command = commandOf(peer.name)
    if (command === undefined) missing.push(peer.name)
    else found.push({ peer, command })
  }
  return { found, missing }
}

export function startPeer({ peer, command }: { peer: Peer; command: string }, dir: string, ports: PeerPorts): Promise<Running> {
  return start(peer.program(command, dir, ports))
}

function commandOf(name: string): string | undefined {
  for (const dir of (process.env.PATH ?? '').split(delimiter)) {
    const command = join(dir, name)
    try {
      accessSync(command, constants.X_OK)
      return command
    } catch {
      // Not in this directory.
    }
  }
  return undefined
}

// JSON is YAML too.
function written(dir: string, name: string, config: object): string {
  const file = join(dir, name)
  writeFileSync(file, JSON.stringify(config, null, 2))
  return file
}
