{{/* The ports that are open on a node, each once for each protocol: [{ name, port, protocol, hostPort, kind }] */}}
{{- define "sluice.daemonset.ports" -}}
{{- $ports := .Values.daemonset.ports -}}
{{- $names := list
  (list "otlp-http" "otlpHttp" "TCP") (list "otlp-grpc" "otlpGrpc" "TCP") (list "facts" "facts" "TCP") (list "logs-tcp" "logsTcp" "TCP")
  (list "syslog" "syslog" "TCP") (list "syslog-udp" "syslog" "UDP") (list "fluent" "fluent" "TCP") (list "datadog-agent" "datadogAgent" "TCP")
  (list "dogstatsd" "dogstatsd" "UDP") (list "admin" "admin" "TCP") -}}
{{- $open := list -}}
{{- range $names -}}
{{- $port := get $ports (index . 1) -}}
{{- if $port.enabled -}}
{{- $open = append $open (dict "name" (index . 0) "port" (int $port.port) "protocol" (index . 2) "hostPort" $port.hostPort) -}}
{{- end -}}
{{- end -}}
{{- toYaml $open -}}
{{- end -}}
