// Small components to configure: every kind of option, nothing behind them.
import { defineExporter, defineFolder, defineProcessor, defineReceiver, defineRedactor } from '../../src/component.ts'
import type { Definitions } from '../../src/config/config.ts'
import {
  addresses,
  choice,
  duration,
  flag,
  group,
  integer,
  list,
  map,
  maybe,
  ratio,
  secret,
  size,
  text,
  url
} from '../../src/config/schema.ts'

const create = (): never => {
  throw new Error('made for its options only')
}

const tls = group(
  {
    caFile: maybe(text({ doc: 'Certificates to trust.' })),
    certFile: maybe(text({ doc: 'Own certificate.' })),
    keyFile: maybe(text({ doc: 'Key of the own certificate.' }))
  },
  { doc: 'TLS.' }
)

export const definitions: Definitions = {
  receivers: [
    defineReceiver({
      type: 'otlp',
      summary: 'Takes OTLP.',
      options: {
        http: addresses({ default: '127.0.0.1:4318', doc: 'Where HTTP is served.' }),
        grpc: addresses({ default: '127.0.0.1:4317', doc: 'Where gRPC is served.' }),
        bodyLimit: size({ default: '20MiB', min: '1KiB', max: '64MiB', doc: 'Largest request.' })
      },
      create
    })
  ],
  processors: [
    defineProcessor({
      type: 'sample',
      summary: 'Keeps a share.',
      outcome: 'sampled_out',
      options: {
        traces: ratio({ default: '10%', doc: 'Share of traces.' }),
        services: map(ratio({ default: '10%', doc: 'Share.' }), { doc: 'Shares by service.' }),
        hashSeed: integer({ default: 0, max: 1000, doc: 'Seed.' }),
        strict: flag({ default: false, doc: 'Strict.' })
      },
      create
    }),
    defineProcessor({
      type: 'enrich',
      summary: 'Adds attributes.',
      outcome: 'dropped',
      options: { attributes: map(text({ default: '', doc: 'Value.' }), { doc: 'Attributes.' }) },
      create
    })
  ],
  redactor: defineRedactor({
    type: 'redact',
    summary: 'Takes secrets out.',
    options: {
      keys: list(text({ doc: 'A key.' }), { doc: 'More keys.' }),
      mode: choice(['mask', 'hash'], { default: 'mask', doc: 'What stands instead.' }),
      rules: list(group({ name: text({ doc: 'Name.' }), weight: integer({ default: 1, doc: 'Weight.' }) }, { doc: 'A rule.' }), {
        doc: 'Rules.'
      })
    },
    create
  }),
  folders: [
    defineFolder({
      type: 'prometheus',
      summary: 'Shows metrics.',
      signals: ['metrics'],
      options: { expireAfter: duration({ default: '5m', min: '1s', max: '24h', doc: 'How long a series stays.' }) },
      create
    })
  ],
  exporters: [
    defineExporter({
      type: 'otlp',
      summary: 'Sends OTLP.',
      options: {
        endpoint: url({ doc: 'Where to.' }),
        tracesEndpoint: maybe(url({ doc: 'Where traces go to.' })),
        headers: map(text({ default: '', doc: 'Value.' }), { doc: 'Headers.' }),
        token: maybe(secret({ doc: 'Bearer token.' })),
        compression: choice(['gzip', 'zstd', 'none'], { default: 'gzip', doc: 'Compression.' }),
        timeout: duration({ default: '10s', min: '1ms', max: '5m', doc: 'Time for a request.' }),
        tls
      },
      signals: () => ['traces'],
      batchBytesMax: () => 1,
      create
    })
  ]
}
