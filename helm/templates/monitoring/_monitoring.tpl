{{/* How something is scraped, for either kind of monitor. */}}
{{- define "sluice.endpoint" -}}
path: /metrics
interval: {{ .interval }}
scrapeTimeout: {{ .scrapeTimeout }}
# The telemetry of others is on the page too, under its own job and instance.
honorLabels: true
relabelings:
  # Alerts name the node: of a GPU, a pod's name says little.
  - { sourceLabels: [__meta_kubernetes_pod_node_name], targetLabel: k8s_node_name }
  {{- with .relabelings }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The name by which users choose a file. */}}
{{- define "sluice.fileName" -}}
{{- base . | trimSuffix (ext .) | lower | trimPrefix "sluice-" | replace "_" "-" | replace "." "-" -}}
{{- end -}}

{{/* The files to make objects of, by path: (list . "rules" "files/rules/*.yaml"). Fails where one is asked for that is not there. */}}
{{- define "sluice.files" -}}
{{- $kind := index . 1 -}}
{{- $include := (get (index . 0).Values.monitoring $kind).include -}}
{{- $paths := dict -}}
{{- range $path, $_ := (index . 0).Files.Glob (index . 2) -}}
{{- $_ := set $paths (include "sluice.fileName" $path) $path -}}
{{- end -}}
{{- range $i, $name := $include -}}
{{- if not (hasKey $paths $name) -}}
{{- fail (printf "monitoring.%s.include[%d]: came %s, expected one of %s" $kind $i $name (keys $paths | sortAlpha | join ", ")) -}}
{{- end -}}
{{- end -}}
{{- range $name, $path := $paths -}}
{{- if or (not $include) (has $name $include) }}
{{ $name }}: {{ $path }}
{{- end }}
{{- end }}
{{- end -}}
