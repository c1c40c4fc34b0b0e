import { type GatewayProcess, scrape, sumOf } from './gateway-process.ts'

/** What the gateway's books say of one signal. */
export async function booksOf(gateway: GatewayProcess, signal: string) {
  const items = await scrape(gateway, 'sluice_items_total')
  const of = (...parts: string[]): number => sumOf(items, `signal="${signal}"`, ...parts)
  return {
    received: of('stage="receive"', 'outcome="accepted"'),
    sampledOut: of('outcome="sampled_out"'),
    enqueued: of('outcome="enqueued"'),
    delivered: of('outcome="delivered"'),
    dropped: of('stage="export"', 'outcome="dropped"'),
    held: sumOf(await scrape(gateway, 'sluice_items_held'), `signal="${signal}"`)
  }
}
