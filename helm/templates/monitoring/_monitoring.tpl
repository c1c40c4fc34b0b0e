{{/* How something is scraped, for either kind of monitor. */}}
{{- define "sluice.endpoint" -}}
path: /metrics
interval: {{ .interval }}
scrapeTimeout: {{ .scrapeTimeout }}
# The telemetry of others is on the page too, under its own job and instance.
honorLabels: true
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The name of an object that is made of a file: (list . path) */}}
{{- define "sluice.fileObject" -}}
{{- $file := base (index . 1) | trimSuffix (ext (index . 1)) | lower | trimPrefix "sluice-" -}}
{{- printf "%s-%s" (include "sluice.fullname" (index . 0)) ($file | replace "_" "-" | replace "." "-") | trunc 63 | trimSuffix "-" -}}
{{- end -}}
