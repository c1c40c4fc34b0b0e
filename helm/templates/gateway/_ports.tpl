{{/* The ports of a gateway beside admin: [{ name, port, protocol }] */}}
{{- define "sluice.gateway.ports" -}}
{{- $values := .Values.gateway -}}
{{- $open := list -}}
{{- if $values.ports.otlpHttp -}}
{{- $open = append $open (dict "name" "otlp-http" "port" (int $values.ports.otlpHttp) "protocol" "TCP") -}}
{{- end -}}
{{- if $values.ports.otlpGrpc -}}
{{- $open = append $open (dict "name" "otlp-grpc" "port" (int $values.ports.otlpGrpc) "protocol" "TCP") -}}
{{- end -}}
{{- range $values.extraPorts -}}
{{- $open = append $open (dict "name" .name "port" (int .port) "protocol" (.protocol | default "TCP")) -}}
{{- end -}}
{{- toYaml $open -}}
{{- end -}}
