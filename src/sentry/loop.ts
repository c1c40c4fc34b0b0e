import { randomUUID } from 'node:crypto'

/** Goes along with all that this process sends to Sentry: a worker's SENTRY_DSN, set for the gateway as well, would have it send to itself for ever. */
export const INSTANCE_HEADER = 'x-sluice-instance'
export const INSTANCE = randomUUID()
