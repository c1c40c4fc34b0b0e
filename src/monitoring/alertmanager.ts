import { stringify } from 'yaml'
import { INHIBITIONS, type Inhibition } from './inhibitions.ts'

const HEAD = '# Made by `npm run monitoring` from src/monitoring/alertmanager.ts. Change it there, or what is marked as yours in a copy.\n'

/** Where people are reached. */
export interface Channels {
  /** The directory with a file for each secret. */
  readonly secrets: string
  readonly templates: string
  /** PagerDuty's Events API v2, where it is another than its own. */
  readonly pagerDutyUrl?: string
  readonly mail: {
    readonly smarthost: string
    readonly from: string
    readonly username: string
    readonly isEncrypted: boolean
    readonly warning: string
    readonly info: string
  }
}

/** What stands in the file; all of it is to be replaced by the platform's own. */
export const CHANNELS: Channels = {
  secrets: '/etc/alertmanager/secrets',
  templates: 'alertmanager.tmpl',
  mail: {
    ...{ smarthost: 'smtp.example.com:587', from: 'Alerts <alerts@example.com>', username: 'alerts@example.com', isEncrypted: true },
    ...{ warning: 'oncall@example.com', info: 'operations@example.com' }
  }
}

/** Files of secrets, under the directory of them. */
export const SECRET_FILES = { pagerDuty: 'pagerduty-routing-key', slack: 'slack-webhook-url', mail: 'smtp-password' }

/**
 * Critical alerts go to PagerDuty and Slack, warnings to mail and Slack, infos to mail. Whatever has no severity of these is told as a warning: it is
 * somebody else's, and better told than lost.
 */
export function alertmanagerConfig(channels: Channels = CHANNELS): object {
  const { secrets, templates, mail } = channels
  return {
    global: {
      resolve_timeout: '5m',
      ...{ smtp_smarthost: mail.smarthost, smtp_from: mail.from, smtp_require_tls: mail.isEncrypted },
      ...{ smtp_auth_username: mail.username, smtp_auth_password_file: `${secrets}/${SECRET_FILES.mail}` },
      slack_api_url_file: `${secrets}/${SECRET_FILES.slack}`,
      ...(channels.pagerDutyUrl === undefined ? {} : { pagerduty_url: channels.pagerDutyUrl })
    },
    templates: [templates],
    route: {
      receiver: 'warning',
      // One message for a fleet of GPUs or gateways; one each for a service, a stage and a model, which have owners.
      group_by: ['cluster', 'namespace', 'alertname', 'severity', 'service', 'stage', 'model'],
      ...{ group_wait: '30s', group_interval: '5m', repeat_interval: '12h' },
      routes: [
        { matchers: ['severity="critical"'], receiver: 'critical', group_wait: '10s', repeat_interval: '4h' },
        { matchers: ['severity="warning"'], receiver: 'warning' },
        { matchers: ['severity="info"'], receiver: 'info', group_wait: '1m', group_interval: '1h', repeat_interval: '7d' }
      ]
    },
    inhibit_rules: INHIBITIONS.map(inhibitRule),
    receivers: [
      { name: 'critical', pagerduty_configs: [pagerDuty(`${secrets}/${SECRET_FILES.pagerDuty}`)], slack_configs: [slack()] },
      { name: 'warning', slack_configs: [slack()], email_configs: [email(mail.warning, true)] },
      { name: 'info', email_configs: [email(mail.info, false)] }
    ]
  }
}

/** The file as Alertmanager reads it. */
export function alertmanagerFile(): string {
  return HEAD + stringify(alertmanagerConfig(), { lineWidth: 140 })
}

function inhibitRule({ while: sources, silence, equal, having = {} }: Inhibition): object {
  const further = Object.entries(having).map(([label, value]) => `${label}="${value}"`)
  return {
    source_matchers: [oneOf(sources)],
    target_matchers: [oneOf(silence), ...further],
    // Another cluster's or team's alert silences nobody here.
    equal: ['cluster', ...equal]
  }
}

function oneOf(alerts: readonly string[]): string {
  return alerts.length === 1 ? `alertname="${alerts[0]}"` : `alertname=~"${alerts.join('|')}"`
}

function pagerDuty(keyFile: string): object {
  return {
    routing_key_file: keyFile,
    description: '{{ template "sluice.title" . }}',
    severity: 'critical',
    class: '{{ .GroupLabels.alertname }}',
    component: '{{ .CommonLabels.component }}',
    group: '{{ .GroupLabels.cluster }}{{ .GroupLabels.namespace }}',
    details: { alerts: '{{ template "sluice.text" . }}', count: '{{ .Alerts.Firing | len }}' },
    links: [{ href: '{{ template "sluice.runbook" . }}', text: 'Runbook' }]
  }
}

function slack(): object {
  return {
    send_resolved: true,
    color: '{{ template "sluice.color" . }}',
    title: '{{ template "sluice.slack.title" . }}',
    title_link: '{{ template "sluice.runbook" . }}',
    fallback: '{{ template "sluice.slack.title" . }}',
    text: '{{ template "sluice.slack.text" . }}',
    actions: [
      { type: 'button', text: 'Runbook', url: '{{ template "sluice.runbook" . }}' },
      { type: 'button', text: 'Alertmanager', url: '{{ .ExternalURL }}/#/alerts' }
    ]
  }
}

function email(to: string, isResolvedTold: boolean): object {
  return {
    to,
    send_resolved: isResolvedTold,
    headers: { Subject: '{{ template "sluice.title" . }}' },
    html: '',
    text: '{{ template "sluice.text" . }}'
  }
}
