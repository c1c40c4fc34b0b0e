import { type GatewayProcess, scrapeAll, sumOf } from './gateway-process.ts'

/** What the gateway's books say of one signal, at one moment. */
export async function booksOf(gateway: GatewayProcess, signal: string) {
  const [items, held] = await scrapeAll(gateway, 'sluice_items_total', 'sluice_items_held')
  const of = (...parts: string[]): number => sumOf(items, `signal="${signal}"`, ...parts)
  return {
    received: of('stage="receive"', 'outcome="accepted"'),
    sampledOut: of('outcome="sampled_out"'),
    enqueued: of('outcome="enqueued"'),
    delivered: of('outcome="delivered"'),
    dropped: of('stage="export"', 'outcome="dropped"'),
    held: sumOf(held, `signal="${signal}"`)
  }
}
