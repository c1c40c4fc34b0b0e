{{/*
The first part of the names of all objects. Room is left for what comes behind it; what is cut off still tells releases apart. A release may have dots in its
name and begin with a digit, a Service may not.
*/}}
{{- define "sluice.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $whole := .Values.fullnameOverride | default (ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name)) -}}
{{- if or (gt (len $whole) 40) (contains "." $whole) (regexMatch "^[0-9]" $whole) -}}
{{- $part := regexReplaceAll "^([0-9])" ($whole | replace "." "-") "r$1" -}}
{{- printf "%s-%s" ($part | trunc 31 | trimAll "-") ($whole | sha256sum | trunc 8) -}}
{{- else -}}
{{- $whole -}}
{{- end -}}
{{- end -}}

{{/* The name of an object of the whole cluster. A namespace has no dot, so that no two releases make the same: (list . "daemonset") */}}
{{- define "sluice.clusterName" -}}
{{- printf "%s.%s" (index . 0).Release.Namespace (include "sluice.name" .) -}}
{{- end -}}

{{/* The name of the objects of a mode: (list . "daemonset") */}}
{{- define "sluice.name" -}}
{{- printf "%s-%s" (include "sluice.fullname" (index . 0)) (index . 1) -}}
{{- end -}}

{{/* What chooses the pods of a mode, and never changes: (list . "daemonset") */}}
{{- define "sluice.selector" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ default $.Chart.Name $.Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ $.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Labels of every object: (list . "daemonset") */}}
{{- define "sluice.labels" -}}
{{- $ := index . 0 -}}
{{- $labels := dict
  "helm.sh/chart" (printf "%s-%s" $.Chart.Name $.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/version" $.Chart.AppVersion
  "app.kubernetes.io/managed-by" $.Release.Service
  "app.kubernetes.io/part-of" "sluice" -}}
{{- toYaml (mergeOverwrite $labels $.Values.commonLabels (include "sluice.selector" . | fromYaml)) -}}
{{- end -}}

{{/* Name, namespace, labels and annotations of an object: (dict "root" . "mode" "daemonset" "name" … "annotations" … "labels" … "cluster" true) */}}
{{- define "sluice.metadata" -}}
{{- $ := .root -}}
name: {{ .name | default (include "sluice.name" (list $ .mode)) }}
{{- if not .cluster }}
namespace: {{ .namespace | default $.Release.Namespace }}
{{- end }}
labels:
  {{- toYaml (merge (dict) (.labels | default dict) (include "sluice.labels" (list $ .mode) | fromYaml)) | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) $.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The name of a mode's service account: (list . "daemonset") */}}
{{- define "sluice.account" -}}
{{- $ := index . 0 -}}
{{- $account := (get $.Values (index . 1)).serviceAccount -}}
{{- $account.name | default (ternary (include "sluice.name" .) "default" $account.create) -}}
{{- end -}}

{{/* The service account of a mode: (list . "daemonset") */}}
{{- define "sluice.serviceAccount" -}}
{{- $ := index . 0 -}}
{{- $mode := index . 1 -}}
{{- $account := (get $.Values $mode).serviceAccount -}}
{{- if $account.create -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "sluice.metadata" (dict "root" $ "mode" $mode "name" (include "sluice.account" .) "annotations" $account.annotations) | nindent 2 }}
automountServiceAccountToken: false
{{- end -}}
{{- end -}}

{{- define "sluice.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository ($image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* An address to listen on: (list . port) */}}
{{- define "sluice.listen" -}}
{{- printf "%s:%d" ((index . 0).Values.listenHost | default "") (int (index . 1)) -}}
{{- end -}}
