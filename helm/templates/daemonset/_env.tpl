{{/* Whether the gateways of the nodes are given the authority of the gateway in the middle; empty if not. */}}
{{- define "sluice.daemonset.trustsGateway" -}}
{{- $tls := .Values.gateway.tls -}}
{{- if and (eq (include "sluice.sendTo" (list . "daemonset")) "gateway") $tls.existingSecret $tls.privateAuthority -}}
true
{{- end -}}
{{- end -}}

{{/* The variables of the gateways of the nodes. */}}
{{- define "sluice.daemonset.env" -}}
{{- $values := .Values.daemonset -}}
- name: NODE_NAME
  valueFrom: { fieldRef: { fieldPath: spec.nodeName } }
- name: NODE_IP
  valueFrom: { fieldRef: { fieldPath: status.hostIP } }
- name: OTEL_RESOURCE_ATTRIBUTES
  value: k8s.node.name=$(NODE_NAME)
{{- if $values.gpu.enabled }}
- name: NVIDIA_VISIBLE_DEVICES
  value: {{ ternary "/var/run/nvidia-container-devices" $values.gpu.visibleDevices $values.gpu.asVolume | quote }}
- name: NVIDIA_DRIVER_CAPABILITIES
  value: utility
{{- end }}
{{- if $values.factsTokenSecret.name }}
{{ include "sluice.secretEnv" (list "SLUICE_FACTS_TOKEN" $values.factsTokenSecret) }}
{{- end }}
{{- if eq (include "sluice.sendTo" (list . "daemonset")) "gateway" }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ include "sluice.gatewayUrl" . | quote }}
{{- if include "sluice.daemonset.trustsGateway" . }}
- name: OTEL_EXPORTER_OTLP_CERTIFICATE
  value: /etc/sluice/gateway-ca/ca.crt
{{- end }}
{{- else }}
{{ include "sluice.backendEnv" . }}
{{- end }}
{{- end -}}
