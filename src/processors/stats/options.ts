import { integer } from '../../config/schema.ts'

export const options = {
  keysMax: integer({
    default: 7000,
    min: 1,
    max: 100_000,
    doc: 'Rows of ten seconds, at most; what finds no room is counted in one row that is named tracer_blocked_value.'
  }),
  resourcesMax: integer({
    default: 1024,
    min: 1,
    max: 100_000,
    doc: 'Different resource names (routes, statements) of ten seconds, at most; spans with further ones count as tracer_blocked_value.'
  })
}
