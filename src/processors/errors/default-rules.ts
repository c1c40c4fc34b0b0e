import type { RuleText } from './grouping.ts'

const MODEL = '{gen_ai.request.model|gen_ai.response.model|model.name|ml.model.name|ml.model|model}'
const MODELS = ['gen_ai.request.model', 'gen_ai.response.model', 'model.name', 'ml.model.name', 'ml.model', 'model']
const DATABASE = '{db.system.name|db.system}'

/**
 * The rules that the gateway brings along, the first that fits counts. What broke the machine stands before what the program was doing: an inference
 * that runs out of memory is out of memory.
 */
export const DEFAULT_RULES: readonly RuleText[] = [
  { name: 'gpu-xid', when: [{ field: 'gpu.xid.code|xid.code', matches: ['*'] }], fingerprint: ['gpu-xid', '{=gpu.xid.code|=xid.code}'] },
  {
    name: 'out-of-memory',
    when: [
      {
        field: 'text',
        matches: [
          '*cuda out of memory*',
          '*hip out of memory*',
          '*torch.*outofmemoryerror*',
          '*cuda error: out of memory*',
          '*cuda runtime error*out of memory*',
          '*cuda_error_out_of_memory*',
          '*cudaerrormemoryallocation*',
          '*cublas_status_alloc_failed*',
          '*cudnn_status_alloc_failed*',
          '*resource_exhausted: out of memory*',
          '*resourceexhaustederror*oom when allocating*',
          '*failed to allocate*on gpu*',
          '*failed to allocate*on device*',
          '*no available memory for the cache blocks*'
        ]
      }
    ],
    fingerprint: ['out-of-memory', 'device', MODEL]
  },
  {
    name: 'out-of-memory',
    when: [
      {
        field: 'text',
        matches: [
          'memoryerror*',
          '*: memoryerror',
          '*numpy*arraymemoryerror*',
          '*java.lang.outofmemoryerror*',
          '*system.outofmemoryexception*',
          'nomemoryerror*',
          '*javascript heap out of memory*',
          '*runtime: out of memory*',
          '*allowed memory size of*exhausted*',
          '*std::bad_alloc*',
          '*defaultcpuallocator: *memory*',
          '*memory allocation of*bytes failed*',
          '*cannot allocate memory*',
          '*oomkilled*',
          '*enomem*'
        ]
      }
    ],
    fingerprint: ['out-of-memory', 'host', MODEL]
  },
  { name: 'nccl', when: [{ field: 'nccl.code', matches: ['*'] }], fingerprint: ['nccl', '{nccl.code}', '{nccl.operation}'] },
  {
    name: 'cuda',
    when: [{ field: 'cuda.code', matches: ['*'] }],
    fingerprint: ['cuda', '{cuda.code}', '{cuda.kernel|gpu.kernel.name|cuda.kernel.name}']
  },
  {
    name: 'storage',
    when: [{ field: 'disk.code', matches: ['*'] }],
    fingerprint: ['storage', 'disk', '{disk.code}']
  },
  {
    name: 'storage',
    when: [{ field: 'type', matches: ['botocore.*', 'boto3.*', 's3*', '*amazons3*', '*.s3.*', 'nosuchkey', 'nosuchbucket'] }],
    fingerprint: ['storage', 's3', '{rpc.method}', '{store.code|type}']
  },
  {
    name: 'storage',
    when: [
      { field: 'text', matches: ['*an error occurred (*when calling the *object*', '*an error occurred (*when calling the *upload*'] }
    ],
    fingerprint: ['storage', 's3', '{rpc.method}', '{store.code|type}']
  },
  {
    name: 'storage',
    when: [{ field: 'rpc.service', matches: ['s3'] }],
    fingerprint: ['storage', 's3', '{rpc.method}', '{store.code|type}']
  },
  {
    name: 'storage',
    when: [
      {
        field: 'type',
        matches: ['google.cloud.storage*', 'google.cloud.exceptions*', 'google.api_core.exceptions*', 'gcsfs*', 'com.google.cloud.storage*']
      }
    ],
    fingerprint: ['storage', 'gcs', '{type}']
  },
  {
    name: 'storage',
    when: [{ field: 'type', matches: ['azure.storage*', 'azure.core.exceptions*', 'com.azure.storage*'] }],
    fingerprint: ['storage', 'azure', '{store.code|type}']
  },
  {
    name: 'queue',
    when: [
      {
        field: 'type',
        matches: [
          'redis.*',
          'redis::*',
          'ioredis*',
          'replyerror',
          'maxretriesperrequesterror',
          '*.redis.*',
          'bullmq*',
          'celery.*',
          'kombu.*',
          'billiard.*',
          'pika.*',
          'aio_pika.*',
          'aiormq.*',
          'amqp.*',
          '*.rabbitmq.*',
          'kafka*',
          '*.kafka.*',
          'confluent_kafka*',
          'aiokafka*',
          'nats.*',
          'sidekiq*'
        ]
      }
    ],
    fingerprint: [
      'queue',
      '{messaging.system|db.system.name|db.system|queue.system}',
      '{messaging.operation.type|messaging.operation}',
      '{type}'
    ]
  },
  {
    name: 'queue',
    when: [
      {
        field: 'messaging.system|db.system.name|db.system',
        matches: ['redis', 'rabbitmq', 'kafka', 'aws_sqs', 'aws.sqs', 'nats', 'bullmq', 'celery', 'gcp_pubsub']
      },
      { field: 'span.kind', matches: ['client', 'producer'] }
    ],
    fingerprint: ['queue', '{messaging.system|db.system.name|db.system}', '{messaging.operation.type|messaging.operation}', '{type}']
  },
  {
    name: 'database',
    when: [{ field: 'db.system.name|db.system', matches: ['*'] }],
    fingerprint: ['database', DATABASE, '{db.operation.name|db.operation}', '{=sql.state|=db.response.status_code|type}']
  },
  {
    name: 'database',
    when: [
      {
        field: 'type',
        matches: [
          'psycopg*',
          'asyncpg*',
          'sqlalchemy*',
          'pymongo*',
          'pymysql*',
          'mysql*',
          'sqlite3.*',
          'oracledb*',
          'pg::*',
          'mysql2::*',
          'activerecord::*',
          'prismaclient*',
          'sequelize*',
          'queryfailederror',
          'mongo*error',
          'java.sql.*',
          'org.postgresql.*',
          'com.mysql.*',
          'org.hibernate.*',
          'npgsql*',
          '*.sqlexception',
          'pdoexception',
          '*pgconn.pgerror'
        ]
      }
    ],
    fingerprint: ['database', DATABASE, '{=sql.state|type}']
  },
  {
    name: 'database',
    when: [{ field: 'sql.state', matches: ['*'] }],
    fingerprint: ['database', DATABASE, '{=sql.state}']
  },
  {
    name: 'inference-failure',
    when: [{ field: MODELS.join('|'), matches: ['*'] }],
    fingerprint: ['inference-failure', MODEL, '{type}']
  }
]
