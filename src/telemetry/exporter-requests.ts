import type { HttpResponse } from '../net/http-client.ts'
import type { Counter, Metrics } from './metrics.ts'

/** Counts the requests of one exporter, what they carried, and how they were answered. */
export class ExporterRequests {
  private readonly exporter: string
  private readonly requests: Counter
  private readonly sentBytes: Counter

  constructor(exporter: string, metrics: Metrics) {
    this.exporter = exporter
    this.requests = metrics.counter(
      'sluice_exporter_requests_total',
      'Requests to a destination, by signal and answer: 2xx to 5xx, or none.'
    )
    this.sentBytes = metrics.counter('sluice_exporter_sent_bytes_total', 'Bytes of request bodies, as compressed.')
  }

  /** Settles as the request does, whose body has so many bytes. */
  async counted(signal: string, bytes: number, request: Promise<HttpResponse>): Promise<HttpResponse> {
    const labels = { exporter: this.exporter, signal }
    try {
      const response = await request
      this.requests.add(1, { ...labels, answer: `${Math.floor(response.status / 100)}xx` })
      this.sentBytes.add(bytes, labels)
      return response
    } catch (error) {
      this.requests.add(1, { ...labels, answer: 'none' })
      throw error
    }
  }
}
