{{/* The Secret with the certificate of the webhook. */}}
{{- define "sluice.tlsSecret" -}}
{{- $own := printf "%s-tls" (include "sluice.name" (list . "injector")) -}}
{{- ternary .Values.injector.certificates.secret.name $own (eq .Values.injector.certificates.source "secret") -}}
{{- end -}}

{{/* One entry of the webhook configuration, all but the selectors: (list . name path) */}}
{{- define "sluice.webhook" -}}
{{- $ := index . 0 -}}
{{- $values := $.Values.injector -}}
name: {{ index . 1 }}.inject.sluice.dev
admissionReviewVersions: [v1]
sideEffects: None
failurePolicy: {{ $values.webhook.failurePolicy }}
timeoutSeconds: {{ $values.webhook.timeoutSeconds }}
reinvocationPolicy: {{ $values.webhook.reinvocationPolicy }}
matchPolicy: Equivalent
rules:
  - { apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE], scope: Namespaced }
clientConfig:
  service: { name: {{ include "sluice.name" (list $ "injector") }}, namespace: {{ $.Release.Namespace }}, port: 443, path: {{ index . 2 }} }
  {{- if eq $values.certificates.source "secret" }}
  caBundle: {{ $values.certificates.secret.caBundle }}
  {{- end }}
{{- end -}}

{{/* What the labels of a namespace must meet, whatever asks for injection. */}}
{{- define "sluice.namespaceExpressions" -}}
- { key: kubernetes.io/metadata.name, operator: NotIn, values: {{ include "sluice.excludedNamespaces" . | fromYamlArray | toJson }} }
{{- with .Values.injector.webhook.namespaceExpressions }}
{{ toYaml . }}
{{- end }}
{{- end -}}
