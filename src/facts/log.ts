/** What facts say of themselves: fields first, then the message. */
export interface FactsLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}
