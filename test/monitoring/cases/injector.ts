import { type Case, pair } from '../case.ts'

const AT = { job: 'sluice/injector', instance: '10.0.0.7:9464', namespace: 'sluice', pod: 'injector-7' }
const INJECTOR = { job: AT.job, namespace: AT.namespace }
const own = (name: string, labels: Record<string, string> = {}): string =>
  `${name}{${Object.entries({ ...AT, ...labels })
    .map(([label, value]) => `${label}="${value}"`)
    .join(',')}}`
const HERE = own('sluice_build_info', { command: 'inject' })
const OF_PODS = (result: string): string => own('sluice_inject_requests_total', { result, entry: 'pods' })
const CERTIFICATE = (event: string): string => own('sluice_inject_certificate_events_total', { event })
const NAMESPACES = (event: string): string => own('sluice_inject_namespace_events_total', { event })
const UNTIL = own('sluice_inject_certificate_not_after_seconds', { certificate: 'serving' })
const SINCE = own('sluice_inject_certificate_not_before_seconds', { certificate: 'serving' })
const ASKED = (verb: string, resource: string, status: string): string =>
  own('sluice_inject_api_requests_total', { verb, resource, status })
const API_SERVER = 'job="apiserver",instance="10.0.0.1:6443",namespace="default"'
const UP = `up{${API_SERVER}}`
const PODS = 'pods.inject.sluice.dev'
const bypassed = (name: string): string => `apiserver_admission_webhook_fail_open_count{${API_SERVER},name="${name}",type="admit"}`
const rejected = (name: string, type: string): string =>
  `apiserver_admission_webhook_rejection_count{${API_SERVER},name="${name}",type="admit",operation="CREATE",error_type="${type}",rejection_code="0"}`

export const INJECTOR_CASES: readonly Case[] = [
  // All replicas, and not one of them; and where nobody has asked, nobody waits.
  pair('SluiceInjectorAway', '13m..14m', { [HERE]: '1x7 stale', [OF_PODS('injected')]: '0+1x7 stale' }, INJECTOR, {
    [HERE]: '1x7 stale',
    [own('sluice_build_info', { command: 'inject', pod: 'injector-8', instance: '10.0.0.8:9464' })]: '1x60',
    [OF_PODS('injected')]: '0+1x7 stale'
  }),
  pair('SluiceInjectorAway', '13m..40m', { [HERE]: '1x7 stale', [OF_PODS('skipped')]: '1x7 stale' }, INJECTOR, {
    [HERE]: '1x7 stale',
    [OF_PODS('injected')]: '0x7 stale',
    [OF_PODS('ignored')]: '5x7 stale'
  }),
  pair('SluiceInjectionFailing', '13m..30m', { [HERE]: '1x60', [OF_PODS('failed')]: '0x12 1x40' }, AT, {
    [HERE]: '1x60',
    [OF_PODS('failed')]: '1x60',
    [OF_PODS('injected')]: '0+5x60'
  }),
  pair(
    'SluiceInjectorRefusing',
    '17m..30m',
    { [HERE]: '1x60', [own('sluice_inject_refused_requests_total', { reason: 'busy' })]: '_x12 1x40' },
    { ...AT, reason: 'busy' },
    // What was there already as the injector was scraped first.
    { [HERE]: '_x10 1x60', [own('sluice_inject_refused_requests_total', { reason: 'busy' })]: '_x10 7x60' }
  ),
  pair(
    'SluiceInjectionBypassed',
    '19m..30m',
    { [UP]: '1x60', [bypassed(PODS)]: '_x19 1x40' },
    { name: PODS },
    { [UP]: '1x60', [bypassed(PODS)]: '4x60', [bypassed('inject.others.dev')]: '0+1x60' }
  ),
  // An API server that could not be scraped for a while counts on; another that is new to Prometheus has nothing new to tell.
  pair(
    'SluiceInjectionBypassed',
    '21m..40m',
    { [UP]: '1x60', [bypassed(PODS)]: '3x20 4x40' },
    { name: PODS },
    { [UP]: '1x9 0x19 1x40', [bypassed(PODS)]: '4x9 stale _x18 4x40' }
  ),
  pair(
    'SluiceInjectionBlocksPods',
    '19m..30m',
    { [UP]: '1x60', [rejected(PODS, 'calling_webhook_error')]: '_x19 1x40' },
    { name: PODS },
    { [UP]: '1x60', [rejected(PODS, 'no_error')]: '0+1x60', [rejected('others.dev', 'calling_webhook_error')]: '0+1x60' }
  ),
  pair('SluiceInjectionSkipped', '21m..50m', { [HERE]: '1x60', [OF_PODS('skipped')]: '0x4 0+1x60' }, INJECTOR, {
    [HERE]: '1x60',
    [OF_PODS('skipped')]: '0x4 1x60',
    [OF_PODS('not-asked')]: '0+1x60'
  }),
  pair('SluiceInjectorCertificateFailing', '21m..60m', { [CERTIFICATE('failed')]: '0x4 0+1x60' }, AT, {
    [CERTIFICATE('failed')]: '0x4 0+1x9 9x60',
    [CERTIFICATE('bundle-patched')]: '0+1x60'
  }),
  pair('SluiceInjectorNamespacesFailing', '21m..60m', { [NAMESPACES('failed')]: '0x4 0+1x60' }, AT, {
    [NAMESPACES('failed')]: '0x4 0+1x9 9x60',
    [NAMESPACES('left-out')]: '0+1x60'
  }),
  pair(
    'SluiceInjectorPatchRefused',
    '11m..20m',
    { [ASKED('patch', 'mutatingwebhookconfigurations', '403')]: '0+2x60' },
    { ...AT, status: '403' },
    {
      [ASKED('patch', 'mutatingwebhookconfigurations', '200')]: '0+1x60',
      [ASKED('patch', 'mutatingwebhookconfigurations', '409')]: '0+1x60',
      [ASKED('update', 'secrets', '403')]: '0+1x60'
    }
  ),
  // A certificate of 100 minutes, made as the scene begins, of which 90 have passed; one that is made anew in time; one without any time yet.
  pair(
    'SluiceInjectorCertificateEnding',
    '96m..120m',
    { [SINCE]: '0x120', [UNTIL]: '6000x120' },
    { ...AT, certificate: 'serving' },
    { [SINCE]: '0x66 4000x60', [UNTIL]: '6000x66 10000x60' }
  )
]
