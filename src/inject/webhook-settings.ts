import { address, choice, duration, flag, group, integer, list, maybe, ratio, size, text, url } from '../config/schema.ts'

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

/** The part `webhook` of the injector's file: how `sluice inject --serve` is reached, and by which certificate. */
export const webhook = group(
  {
    listen: address({ default: ':8443', doc: 'Where the API server reaches the webhook, over HTTPS.' }),
    admin: address({ default: ':9464', doc: 'Where /metrics, /healthz and /readyz are served.' }),
    logLevel: choice(['debug', 'info', 'warn', 'error'], { default: 'info', doc: 'The least severe messages to log.' }),
    excludeNamespaces: list(text({ doc: 'The name of a namespace.' }), {
      default: ['kube-system', 'kube-public', 'kube-node-lease'],
      doc: 'Namespaces whose pods are never touched, whatever their labels say; the injector’s own is one of them.'
    }),
    namespacesByAnnotation: flag({
      default: false,
      doc: 'Take the annotation sluice.dev/inject of a namespace for the label. Needs the right to list and watch namespaces, and to patch the webhook configuration.'
    }),
    requestMax: size({ default: '4MiB', min: '64KiB', max: '64MiB', doc: 'The largest AdmissionReview.' }),
    inFlightMax: size({ default: '16MiB', min: '1MiB', max: '4GiB', doc: 'Memory for all AdmissionReviews that are inside.' }),
    connectionsMax: integer({ default: 1024, min: 1, max: 65_535, doc: 'Connections at once.' }),
    headerTimeout: duration({
      default: '10s',
      min: '100ms',
      max: '5m',
      doc: 'Time for the TLS handshake, and for the headers of a request.'
    }),
    bodyTimeout: duration({
      default: '10s',
      min: '100ms',
      max: '5m',
      doc: 'Time for the body of a request; the API server itself waits 30 s at most.'
    }),
    idleTimeout: duration({ default: '2m', min: '1s', max: '1h', doc: 'How long a connection may wait for its next request.' }),
    drainDelay: duration({
      default: '5s',
      max: '5m',
      doc: 'How long to serve on after SIGTERM, while the cluster learns that this replica leaves.'
    }),
    shutdownTimeout: duration({
      default: '10s',
      min: '100ms',
      max: '5m',
      doc: 'Time for requests that are inside when the drain delay has passed.'
    }),
    tls: group(
      {
        source: choice(['self', 'files'], {
          default: 'self',
          doc: 'Where the certificate comes from. self: made and renewed here, and kept in a Secret. files: mounted, by cert-manager or by yourself.'
        }),
        certFile: text({
          default: '/etc/sluice/tls/tls.crt',
          doc: 'Of files: PEM file with the certificate, and those that lead to its authority.'
        }),
        keyFile: text({ default: '/etc/sluice/tls/tls.key', doc: 'Of files: PEM file with its private key.' }),
        checkInterval: duration({
          default: '30s',
          min: '50ms',
          max: '1h',
          doc: 'How often to look whether the certificate, the Secret and the webhook configuration are as they should be.'
        }),
        secret: text({ default: 'sluice-injector-tls', doc: 'Of self: the Secret that keeps authority and certificate for all replicas.' }),
        service: text({
          default: 'sluice-injector',
          doc: 'Of self: the Service by which the API server calls; the certificate is for its names.'
        }),
        configuration: text({
          default: 'sluice-injector',
          doc: 'The MutatingWebhookConfiguration whose webhooks are told the authorities (of self), and the namespaces (of namespacesByAnnotation).'
        }),
        names: list(text({ doc: 'A DNS name or an IP address.' }), {
          doc: 'Of self: more names for the certificate, where webhooks are called by URL.'
        }),
        lifetime: duration({ default: '90d', min: '1s', max: '825d', doc: 'Of self: how long a certificate is valid.' }),
        authorityLifetime: duration({
          default: '730d',
          min: '1s',
          max: '7300d',
          doc: 'Of self: how long an authority is valid; keep it several times as long as lifetime.'
        }),
        renewAt: ratio({
          default: '67%',
          doc: 'Of self: the share of its lifetime after which a certificate or an authority is followed by a new one.'
        }),
        settle: duration({
          default: '1m',
          max: '1d',
          doc: 'Of self: how long a new authority is announced before a certificate of its own is served.'
        }),
        clockSkew: duration({
          default: '5m',
          max: '1d',
          doc: 'Of self: how far before their making certificates are valid, for clocks that are behind.'
        })
      },
      { doc: 'The certificate of the webhook. It is followed by the next without a gap.' }
    ),
    kubernetes: group(
      {
        url: maybe(url({ doc: 'The API server; left out, what KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT say.' })),
        namespace: maybe(text({ doc: 'The namespace of the injector; left out, what the service account’s file says.' })),
        tokenFile: text({ default: `${ACCOUNT}/token`, doc: 'File with the token of the service account; read again for each request.' }),
        caFile: text({ default: `${ACCOUNT}/ca.crt`, doc: 'PEM file with the authorities of the API server; read again as it changes.' }),
        namespaceFile: text({ default: `${ACCOUNT}/namespace`, doc: 'File with the name of the injector’s namespace.' }),
        timeout: duration({ default: '10s', min: '100ms', max: '5m', doc: 'How long an answer of the API server may take.' }),
        versionInterval: duration({ default: '1h', min: '1s', max: '24d', doc: 'How often to ask for the version of Kubernetes.' })
      },
      { doc: 'How the injector reaches the API server: for its certificate, and for the version of Kubernetes.' }
    )
  },
  { doc: 'The admission webhook that sluice inject --serve serves.' }
)
