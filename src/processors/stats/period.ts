import type { Key } from './keys.ts'
import { Row } from './row.ts'

/** Ten seconds, and all that ended in them. */
export class Period {
  /** How many of them since 1970. */
  readonly number: number
  readonly rows = new Map<Key, Row>()
  readonly resources = new Set<string>()
  /** The second that its points are dated with, once it is told of. */
  toldAtSecond = 0

  constructor(number: number) {
    this.number = number
  }

  /** The row of a key, made where it is not there. */
  rowOf(key: Key): Row {
    let row = this.rows.get(key)
    if (row === undefined) {
      row = new Row(key, this)
      this.rows.set(key, row)
      this.resources.add(key.resource)
    }
    return row
  }
}
