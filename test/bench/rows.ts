import type { Row } from './figures.ts'
import { gpu } from './rows/gpu.ts'
import { logsFiles, logsHttp, logsSyslog, logsTcp } from './rows/logs.ts'
import { memory } from './rows/memory.ts'
import { redaction } from './rows/redaction.ts'
import { redactionShare } from './rows/redaction-share.ts'
import { start } from './rows/start.ts'
import { grpc, grpcSmall, http, httpGzip, httpSmall, peers } from './rows/throughput.ts'
import { walk } from './rows/walk.ts'

/** All rows, in the order of the table. */
export const ROWS: readonly Row[] = [
  http,
  httpSmall,
  httpGzip,
  grpc,
  grpcSmall,
  logsTcp,
  logsHttp,
  logsSyslog,
  logsFiles,
  gpu,
  walk,
  redaction,
  redactionShare,
  memory,
  start,
  peers
]
