import { type Section, section } from './dashboard.ts'
import { figure, graph, line } from './panel.ts'
import { perSecond, quantile } from './queries.ts'

/** It has a job of its own, which the choice of gateways does not name. */
const SELF = 'cluster=~"$cluster",namespace=~"$namespace"'
/** Of the API server, which is in a namespace of its own. */
const WEBHOOKS = 'cluster=~"$cluster",name=~".*[.]inject[.]sluice[.]dev"'

/** Whether pods get the sidecar that they ask for, and for how long they will. */
export const INJECTOR: Section = section(
  'Injector of sidecars',
  line(
    8,
    graph({
      title: 'Pods that were asked of',
      description: 'By what became of them. Failed is a fault of the injector; skipped pods wanted a sidecar and cannot have one.',
      unit: 'ops',
      min: 0,
      stacked: true,
      queries: [{ expr: perSecond('sluice_inject_requests_total', SELF, 'result'), legend: '{{result}}' }]
    }),
    graph({
      title: 'Time to answer the API server',
      description: 'How long it takes from a whole request to its answer. The API server waits for seconds.',
      unit: 's',
      min: 0,
      queries: [
        { expr: quantile(0.5, 'sluice_inject_duration_seconds', SELF), legend: 'half of them' },
        { expr: quantile(0.95, 'sluice_inject_duration_seconds', SELF), legend: '95 % of them' }
      ]
    }),
    graph({
      title: 'Pods without the sidecar they ask for',
      description:
        'What the API server admitted unasked or refused because it could not call, and requests that were refused. Empty is good. Runbook: SluiceInjectionBypassed.',
      unit: 'ops',
      min: 0,
      queries: [
        { expr: perSecond('sluice_inject_refused_requests_total', SELF, 'reason'), legend: 'refused: {{reason}}' },
        {
          expr: perSecond('apiserver_admission_webhook_fail_open_count', WEBHOOKS, 'name'),
          legend: 'not called: {{name}}'
        },
        {
          expr: perSecond('apiserver_admission_webhook_rejection_count', `${WEBHOOKS},error_type!="no_error"`, 'name'),
          legend: 'kept from starting: {{name}}'
        }
      ]
    })
  ),
  line(
    8,
    figure({
      title: 'Certificate of the injector',
      description: 'Time that is left of what ends first. It is made anew when a third is left. Runbook: SluiceInjectorCertificateEnding.',
      unit: 'dtdurations',
      queries: [
        {
          expr: `min by (certificate) (sluice_inject_certificate_not_after_seconds{${SELF}} - time())`,
          legend: '{{certificate}}'
        }
      ]
    }),
    graph({
      title: 'Looks after the certificate',
      description: 'What was done in the last hour. Failed: the log of the injector says why. Runbook: SluiceInjectorCertificateFailing.',
      unit: 'short',
      min: 0,
      queries: [
        {
          expr: `sum by (event) (increase(sluice_inject_certificate_events_total{${SELF}}[1h]))`,
          legend: '{{event}}'
        }
      ]
    }),
    graph({
      title: 'Requests of the injector to Kubernetes',
      description: 'By verb, resource and status; status 0 is no answer. 409 now and then is two replicas at once.',
      unit: 'reqps',
      min: 0,
      queries: [
        {
          expr: perSecond('sluice_inject_api_requests_total', SELF, 'verb', 'resource', 'status'),
          legend: '{{verb}} {{resource}}: {{status}}'
        }
      ]
    })
  )
)
