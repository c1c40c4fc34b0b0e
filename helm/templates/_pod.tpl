{{/* Annotations and labels of a mode's pods, which change with its configuration, so that a change rolls out: (dict "root" . "mode" … "config" …) */}}
{{- define "sluice.podMetadata" -}}
{{- $ := .root -}}
{{- $values := get $.Values .mode -}}
labels:
  {{- toYaml (merge (dict) (include "sluice.selector" (list $ .mode) | fromYaml) $values.podLabels $.Values.commonLabels) | nindent 2 }}
annotations:
  {{- toYaml (merge (dict "checksum/config" (.config | sha256sum)) $values.podAnnotations $.Values.commonAnnotations) | nindent 2 }}
{{- end -}}

{{/* What users choose of where and how a pod runs: (list . "daemonset") */}}
{{- define "sluice.scheduling" -}}
{{- $ := index . 0 -}}
{{- $mode := index . 1 -}}
{{- $values := get $.Values $mode -}}
{{- with $.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
nodeSelector:
  {{- toYaml (merge (dict) $values.nodeSelector (dict "kubernetes.io/os" "linux")) | nindent 2 }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if hasKey $values "topologySpreadConstraints" }}
topologySpreadConstraints:
  {{- if $values.topologySpreadConstraints }}
  {{- toYaml $values.topologySpreadConstraints | nindent 2 }}
  {{- else }}
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "sluice.selector" (list $ $mode) | nindent 8 }}
  {{- end }}
  {{- end }}
{{- end }}
{{- with $values.priorityClassName | default (include "sluice.priorityClass" (list $ $mode)) }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.runtimeClassName | default (dig "gpu" "runtimeClassName" "" $values) }}
runtimeClassName: {{ . }}
{{- end }}
{{- with $values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.initContainers }}
initContainers:
  {{- toYaml . | nindent 2 }}
{{- end }}
terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
enableServiceLinks: false
{{- end -}}

{{/* The security context of a pod, of the restricted kind; `user` 0 is for what only root can read: (list values user) */}}
{{- define "sluice.podSecurity" -}}
{{- $user := index . 1 -}}
{{- $context := dict "runAsUser" $user "runAsGroup" $user "fsGroup" $user "fsGroupChangePolicy" "OnRootMismatch"
  "runAsNonRoot" true "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- if eq (int $user) 0 -}}
{{- $context = omit (set $context "runAsNonRoot" false) "fsGroup" "fsGroupChangePolicy" -}}
{{- end -}}
{{- include "sluice.overlay" (list $context (index . 0).podSecurityContext) -}}
{{- toYaml $context -}}
{{- end -}}

{{/* The security context of a container: (list values privileged) */}}
{{- define "sluice.containerSecurity" -}}
{{- $context := dict "readOnlyRootFilesystem" true "allowPrivilegeEscalation" false "capabilities" (dict "drop" (list "ALL")) -}}
{{- if index . 1 -}}
{{- $context = dict "readOnlyRootFilesystem" true "privileged" true -}}
{{- end -}}
{{- include "sluice.overlay" (list $context (index . 0).securityContext) -}}
{{- toYaml $context -}}
{{- end -}}

{{/* The priority class that the chart makes for a mode, if any. Its value cannot be changed, so another one has another name: (list . "daemonset") */}}
{{- define "sluice.priorityClass" -}}
{{- $ := index . 0 -}}
{{- $own := (get $.Values (index . 1)).priorityClass | default dict -}}
{{- if $own.create -}}
{{- $own.name | default (printf "%s-%d" (include "sluice.clusterName" .) (int $own.value)) -}}
{{- end -}}
{{- end -}}

{{/*
The variables of a container: those that hold down the memory of every gateway, those of the mode, and those of users, which take the place of ours:
(list values "YAML of the mode's")
*/}}
{{- define "sluice.env" -}}
{{- $ours := concat (list (dict "name" "MALLOC_ARENA_MAX" "value" "2") (dict "name" "MALLOC_MMAP_THRESHOLD_" "value" "131072"))
  (index . 1 | fromYamlArray) -}}
{{- $extra := dict -}}
{{- range (index . 0).extraEnv -}}
{{- $_ := set $extra .name . -}}
{{- end -}}
{{- $env := list -}}
{{- $names := list -}}
{{- range $ours -}}
{{- $env = append $env (get $extra .name | default .) -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- range (index . 0).extraEnv -}}
{{- if not (has .name $names) -}}
{{- $env = append $env . -}}
{{- end -}}
{{- end -}}
{{- toYaml $env -}}
{{- end -}}

{{/* A variable from a Secret: (list name secret) */}}
{{- define "sluice.secretEnv" -}}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef:
      name: {{ (index . 1).name }}
      key: {{ (index . 1).key }}
{{- end -}}

{{/*
The probes of a container, with what users have laid over them: (list values readyPath). Readiness of a gateway is not /readyz: one whose backend is away
takes in telemetry and keeps it, and is to go on doing so.
*/}}
{{- define "sluice.probes" -}}
{{- $ask := dict "path" "/healthz" "port" "admin" -}}
{{- $ready := dict "path" (index . 1) "port" "admin" -}}
{{- $probes := dict
  "startupProbe" (dict "httpGet" $ask "periodSeconds" 1 "timeoutSeconds" 3 "failureThreshold" 120)
  "livenessProbe" (dict "httpGet" $ask "periodSeconds" 10 "timeoutSeconds" 5 "failureThreshold" 6)
  "readinessProbe" (dict "httpGet" $ready "periodSeconds" 5 "timeoutSeconds" 5) -}}
{{- include "sluice.overlay" (list $probes (index . 0).probes) -}}
{{- toYaml $probes -}}
{{- end -}}
