{{/*
Lays one mapping over another, in place: (list under over). Mappings are laid over mappings, null takes away, everything else replaces what is there. Of
the functions that come with Helm, each keeps what is there where the other side is false or empty.
*/}}
{{- define "sluice.overlay" -}}
{{- $under := index . 0 -}}
{{- range $key, $value := index . 1 -}}
{{- if and (kindIs "map" $value) (kindIs "map" (get $under $key)) -}}
{{- include "sluice.overlay" (list (get $under $key) $value) -}}
{{- else if kindIs "invalid" $value -}}
{{- $_ := unset $under $key -}}
{{- else -}}
{{- $_ := set $under $key $value -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A number of bytes, of 20GiB as of 22Gi. */}}
{{- define "sluice.bytes" -}}
{{- $text := toString . | trim -}}
{{- $unit := regexFind "[A-Za-z]*$" $text | lower | trimSuffix "b" -}}
{{- $factors := dict "" 1 "k" 1000 "ki" 1024 "m" 1000000 "mi" 1048576 "g" 1000000000 "gi" 1073741824 "t" 1000000000000 "ti" 1099511627776
  "p" 1000000000000000 "pi" 1125899906842624 -}}
{{- mulf (regexFind "^[0-9.]+" $text | float64) (get $factors $unit) | int64 -}}
{{- end -}}

{{/* Whole seconds, of 500ms as of 2m. */}}
{{- define "sluice.seconds" -}}
{{- $factors := dict "ms" 0.001 "s" 1 "m" 60 "h" 3600 -}}
{{- mulf (regexFind "^[0-9]+" . | float64) (get $factors (regexFind "[a-z]+$" .)) | ceil | int64 -}}
{{- end -}}

{{/* Where a mode sends, gateway or backends: (list . "daemonset") */}}
{{- define "sluice.sendTo" -}}
{{- $ := index . 0 -}}
{{- $choice := (get $.Values (index . 1)).sendTo -}}
{{- if eq $choice "auto" -}}
{{- ternary "gateway" "backends" $.Values.gateway.enabled -}}
{{- else -}}
{{- $choice -}}
{{- end -}}
{{- end -}}

{{/* The URL of the gateway in the middle. */}}
{{- define "sluice.gatewayUrl" -}}
{{- $scheme := ternary "https" "http" (ne .Values.gateway.tls.existingSecret "") -}}
{{- printf "%s://%s.%s.svc:%d" $scheme (include "sluice.name" (list . "gateway")) .Release.Namespace (int .Values.gateway.ports.otlpHttp) -}}
{{- end -}}

{{/* Variables that switch the backends on. */}}
{{- define "sluice.backendEnv" -}}
{{- with .Values.backends -}}
{{- if .otlp.enabled }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .otlp.endpoint | quote }}
{{- if .otlp.headersSecret.name }}
{{ include "sluice.secretEnv" (list "OTEL_EXPORTER_OTLP_HEADERS" .otlp.headersSecret) }}
{{- end }}
{{- end }}
{{- if .sentry.enabled }}
{{ include "sluice.secretEnv" (list "SENTRY_DSN" .sentry.dsnSecret) }}
{{- end }}
{{- if .datadog.enabled }}
- name: DD_SITE
  value: {{ .datadog.site | quote }}
{{ include "sluice.secretEnv" (list "DD_API_KEY" .datadog.apiKeySecret) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* An address for the configuration, or off: (list . { enabled, port }) */}}
{{- define "sluice.address" -}}
{{- $port := index . 1 -}}
{{- if $port.enabled -}}
{{- include "sluice.listen" (list (index . 0) $port.port) -}}
{{- else -}}
off
{{- end -}}
{{- end -}}

{{/* How pods of a node are asked for: kubelet, proxy, api or off. Text in YAML may have made a flag of off. */}}
{{- define "sluice.podAccess" -}}
{{- $access := .Values.daemonset.pods.access -}}
{{- if eq (toString $access) "auto" -}}
{{- ternary "kubelet" "api" (semverCompare ">=1.33.0-0" .Capabilities.KubeVersion.Version) -}}
{{- else -}}
{{- ternary "off" (toString $access) (has (toString $access) (list "off" "false")) -}}
{{- end -}}
{{- end -}}

{{/* The configuration of the gateways of the nodes. */}}
{{- define "sluice.daemonset.config" -}}
{{- $values := .Values.daemonset -}}
{{- $ports := $values.ports -}}
{{- $config := .Files.Get "files/profiles/daemonset.yaml" | fromYaml -}}
{{- $access := include "sluice.podAccess" . -}}
{{- $logs := dict "tcp" (include "sluice.address" (list . $ports.logsTcp)) "syslog" (include "sluice.address" (list . $ports.syslog))
  "fluent" (include "sluice.address" (list . $ports.fluent)) -}}
{{- $receivers := dict
  "otlp" (dict "http" (include "sluice.address" (list . $ports.otlpHttp)) "grpc" (include "sluice.address" (list . $ports.otlpGrpc)))
  "logs" $logs
  "kernel" $values.kernelLog.enabled -}}
{{- if or $ports.datadogAgent.enabled $ports.dogstatsd.enabled -}}
{{- $_ := set $receivers "datadog" (dict "agent" (include "sluice.address" (list . $ports.datadogAgent))
  "dogstatsd" (include "sluice.address" (list . $ports.dogstatsd))) -}}
{{- end -}}
{{- if $values.podLogs.enabled -}}
{{- $_ := set $receivers "files" (dict "include" (list "/var/log/pods/*/*/*.log")
  "exclude" (concat (list "/var/log/pods/*/sluice/*.log") $values.podLogs.exclude)) -}}
{{- end -}}
{{- $facts := dict
  "gpu" (dict "source" (ternary "auto" "off" $values.gpu.enabled))
  "pod" (dict "source" (ternary "off" "kubelet" (eq $access "off"))
    "kubelet" (dict "ask" (ternary "api" "kubelet" (eq $access "api")) "insecure" $values.pods.insecureKubelet))
  "listen" (include "sluice.address" (list . $ports.facts)) -}}
{{- if $values.factsTokenSecret.name -}}
{{- $_ := set $facts "token" "${SLUICE_FACTS_TOKEN}" -}}
{{- end -}}
{{- $queue := dict "sizeMax" $values.queue.sizeMax "dir" "/var/lib/sluice" -}}
{{- if eq $values.queue.type "memory" -}}
{{- $_ := unset $config.queue "dir" -}}
{{- $queue = dict "memoryMax" $values.queue.sizeMax -}}
{{- end -}}
{{- include "sluice.overlay" (list $config (dict "receivers" $receivers "facts" $facts "queue" $queue
  "admin" (dict "listen" (include "sluice.address" (list . $ports.admin))))) -}}
{{- include "sluice.overlay" (list $config $values.config) -}}
{{- toYaml $config -}}
{{- end -}}

{{/* The configuration of the gateways in the middle. */}}
{{- define "sluice.gateway.config" -}}
{{- $values := .Values.gateway -}}
{{- $config := .Files.Get "files/profiles/gateway.yaml" | fromYaml -}}
{{- $otlp := dict
  "http" (include "sluice.address" (list . (dict "enabled" $values.ports.otlpHttp "port" $values.ports.otlpHttp)))
  "grpc" (include "sluice.address" (list . (dict "enabled" $values.ports.otlpGrpc "port" $values.ports.otlpGrpc))) -}}
{{- if $values.tls.existingSecret -}}
{{- $tls := dict "certFile" "/etc/sluice/tls/tls.crt" "keyFile" "/etc/sluice/tls/tls.key" -}}
{{- if $values.tls.requireClientCertificate -}}
{{- $_ := set $tls "clientCaFile" "/etc/sluice/tls/ca.crt" -}}
{{- end -}}
{{- $_ := set $otlp "tls" $tls -}}
{{- end -}}
{{- include "sluice.overlay" (list $config (dict
  "receivers" (dict "otlp" $otlp)
  "queue" (dict "dir" "/var/lib/sluice" "sizeMax" $values.queue.sizeMax)
  "admin" (dict "listen" (include "sluice.listen" (list . $values.ports.admin))))) -}}
{{- include "sluice.overlay" (list $config $values.config) -}}
{{- toYaml $config -}}
{{- end -}}

{{/* The file of the injector. */}}
{{- define "sluice.injector.settings" -}}
{{- $values := .Values.injector -}}
{{- $name := include "sluice.name" (list . "injector") -}}
{{- $config := dict -}}
{{- if eq (include "sluice.sendTo" (list . "injector")) "gateway" -}}
{{- $config = dict "exporters" (dict "otlp" (dict "endpoint" (include "sluice.gatewayUrl" .))) -}}
{{- end -}}
{{- include "sluice.overlay" (list $config $values.sidecar.config) -}}
{{- $sidecar := dict -}}
{{- include "sluice.overlay" (list $sidecar $values.sidecar) -}}
{{- include "sluice.overlay" (list $sidecar (dict
  "image" ($values.sidecar.image | default (include "sluice.image" .))
  "imagePullPolicy" ($values.sidecar.imagePullPolicy | default .Values.image.pullPolicy)
  "gpuPort" (int ($values.sidecar.gpuPort | default .Values.daemonset.ports.facts.port)))) -}}
{{- $_ := set $sidecar "config" $config -}}
{{- $source := $values.certificates.source -}}
{{- $tls := dict "source" "files" "certFile" "/etc/sluice/tls/tls.crt" "keyFile" "/etc/sluice/tls/tls.key" -}}
{{- if eq $source "self" -}}
{{- $tls = dict "source" "self" "secret" (printf "%s-tls" $name) "service" $name -}}
{{- end -}}
{{- $_ := set $tls "configuration" (include "sluice.webhookName" .) -}}
{{- $webhook := dict
  "listen" (include "sluice.listen" (list . $values.ports.webhook))
  "admin" (include "sluice.listen" (list . $values.ports.admin))
  "excludeNamespaces" (include "sluice.excludedNamespaces" . | fromYamlArray)
  "namespacesByAnnotation" ($values.webhook.namespacesByAnnotation | default false)
  "tls" $tls -}}
{{- include "sluice.overlay" (list $webhook $values.server) -}}
{{- toYaml (dict "sidecar" $sidecar "webhook" $webhook) -}}
{{- end -}}

{{/* The webhook configuration is of the whole cluster: two releases of one name in two namespaces each have their own. */}}
{{- define "sluice.webhookName" -}}
{{- include "sluice.clusterName" (list . "injector") -}}
{{- end -}}

{{- define "sluice.excludedNamespaces" -}}
{{- toYaml (append .Values.injector.webhook.excludeNamespaces .Release.Namespace | uniq | sortAlpha) -}}
{{- end -}}
