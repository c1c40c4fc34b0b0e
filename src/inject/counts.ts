import type { Metrics } from '../telemetry/metrics.ts'
import type { Validity } from './certificates/make.ts'
import { Histogram, textPage } from './metrics-page.ts'

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]

/** The numbers that the injector shows of itself. Every label comes from the code. */
export class Counts {
  private readonly metrics: Metrics
  private readonly duration = new Histogram(
    'sluice_inject_duration_seconds',
    'Time from a whole AdmissionReview to its answer, in seconds.',
    SECONDS
  )

  constructor(metrics: Metrics) {
    this.metrics = metrics
    for (const result of ['injected', 'unchanged', 'failed'])
      for (const entry of ['pods', 'namespaces', 'any']) this.requests(0, { result, entry })
    for (const result of ['ok', 'failed']) this.reloads(0, { result })
    for (const event of ['served', 'failed', 'secret-written', 'bundle-patched', 'adopted']) this.certificates(0, { event })
    for (const event of ['listed', 'entry-patched', 'left-out', 'failed']) this.namespaceEvents(0, { event })
    this.warnings(0)
  }

  answered(result: string, entry: string, warnings: number, tookMs: number): void {
    this.requests(1, { result, entry })
    this.warnings(warnings)
    this.duration.observe(tookMs / 1000)
  }

  refused(reason: string): void {
    this.metrics
      .counter('sluice_inject_refused_requests_total', 'Requests that were not answered with an AdmissionReview, by reason.')
      .add(1, { reason })
  }

  befell(event: string): void {
    this.metrics
      .counter('sluice_inject_connection_events_total', 'What befell connections, and requests that belong to no path.')
      .add(1, { event })
  }

  certificate(event: string): void {
    this.certificates(1, { event })
  }

  namespaces(event: string): void {
    this.namespaceEvents(1, { event })
  }

  reloaded(result: string): void {
    this.reloads(1, { result })
  }

  asked(verb: string, resource: string, status: number): void {
    this.metrics
      .counter('sluice_inject_api_requests_total', 'Requests to the API server, by the status of its answer; 0: none came.')
      .add(1, { verb, resource, status: String(status) })
  }

  /** Shows what somebody else keeps. */
  show(validity: () => Readonly<Record<string, Validity>>, kubernetesVersion: () => string | undefined): void {
    const showTime = (name: string, help: string, timeOf: (valid: Validity) => number): void =>
      this.metrics.observe(name, help, 'gauge', () =>
        Object.entries(validity()).map(([certificate, valid]) => ({ labels: { certificate }, value: timeOf(valid) / 1000 }))
      )
    showTime(
      'sluice_inject_certificate_not_before_seconds',
      'From when the certificate that is served, and its authority, are valid, in seconds since 1970.',
      ({ fromMs }) => fromMs
    )
    showTime(
      'sluice_inject_certificate_not_after_seconds',
      'Until when the certificate that is served, and its authority, are valid, in seconds since 1970.',
      ({ untilMs }) => untilMs
    )
    this.metrics.observe('sluice_inject_kubernetes_info', 'The version of Kubernetes that the API server says; always 1.', 'gauge', () => {
      const version = kubernetesVersion()
      return version === undefined ? [] : [{ labels: { version }, value: 1 }]
    })
  }

  /** Shows what namespaces say by their annotation. */
  showNamespaces(wishes: () => ReadonlyMap<string, boolean> | undefined): void {
    this.metrics.observe('sluice_inject_annotated_namespaces', 'Namespaces with the annotation sluice.dev/inject.', 'gauge', () => {
      const said = wishes()
      if (said === undefined) return []
      const asking = [...said.values()].filter((asks) => asks).length
      return [
        { labels: { inject: 'true' }, value: asking },
        { labels: { inject: 'false' }, value: said.size - asking }
      ]
    })
  }

  page(): string {
    return textPage(this.metrics.families(), [this.duration])
  }

  private requests(value: number, labels: { result: string; entry: string }): void {
    this.metrics
      .counter('sluice_inject_requests_total', 'AdmissionReviews that were answered, by what became of the pod.')
      .add(value, labels)
  }

  private certificates(value: number, labels: { event: string }): void {
    this.metrics
      .counter('sluice_inject_certificate_events_total', 'What was done about the certificate, and looks that failed.')
      .add(value, labels)
  }

  private namespaceEvents(value: number, labels: { event: string }): void {
    this.metrics
      .counter('sluice_inject_namespace_events_total', 'What was done about the annotations of namespaces, and what failed.')
      .add(value, labels)
  }

  private reloads(value: number, labels: { result: string }): void {
    this.metrics.counter('sluice_inject_settings_reloads_total', 'Settings that were read again.').add(value, labels)
  }

  private warnings(value: number): void {
    this.metrics.counter('sluice_inject_warnings_total', 'Warnings in answers.').add(value)
  }
}
