import { of } from '../metric.ts'

const { counter, gauge, histogram } = of('injector')

/** What the injector says of itself, on its own page, beside `sluice_build_info` and what else a gateway says of its process. */
export const INJECTOR_METRICS = [
  gauge('sluice_inject_annotated_namespaces', 'inject', 'Namespaces with the annotation sluice.dev/inject, by whether it says true.'),
  counter(
    'sluice_inject_api_requests_total',
    'verb resource status',
    'Requests to the API server, by the status of its answer; 0: none came.'
  ),
  counter(
    'sluice_inject_certificate_events_total',
    'event',
    'What was done about the certificate, and looks that failed: served, failed, secret-written, bundle-patched, adopted.'
  ),
  gauge('sluice_inject_certificate_not_after_seconds', 'certificate', 'Until when serving and authority are valid, in seconds since 1970.'),
  gauge('sluice_inject_certificate_not_before_seconds', 'certificate', 'From when serving and authority are valid, in seconds since 1970.'),
  counter('sluice_inject_connection_events_total', 'event', 'What befell connections, and requests that belong to no path.'),
  histogram('sluice_inject_duration_seconds', '', 'Time from a whole AdmissionReview to its answer.'),
  gauge('sluice_inject_kubernetes_info', 'version', 'The version of Kubernetes that the API server says; always 1.'),
  counter(
    'sluice_inject_namespace_events_total',
    'event',
    'What was done about the annotations of namespaces: listed, entry-patched, left-out, failed.'
  ),
  counter('sluice_inject_refused_requests_total', 'reason', 'Requests that were not answered with an AdmissionReview, by reason.'),
  counter(
    'sluice_inject_requests_total',
    'result entry',
    'AdmissionReviews that were answered, by what became of the pod: injected, unchanged, not-asked, skipped, ignored or failed.'
  ),
  counter('sluice_inject_settings_reloads_total', 'result', 'Settings that were read again.'),
  counter('sluice_inject_warnings_total', '', 'Warnings in answers.')
]
