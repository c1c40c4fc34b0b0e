import { datadogBoard } from './board.ts'
import { DATADOG_METRICS } from './metrics.ts'
import { monitors } from './monitors.ts'

const PREFIX = 'sluice_'

/** What an Agent is told to scrape of the gateway: its OpenMetrics check, as an annotation of a pod holds it. */
function openMetricsCheck(): object {
  const names = DATADOG_METRICS.filter(({ is }) => is?.name.startsWith(PREFIX)).map(({ is }) => is!.name.slice(PREFIX.length))
  const metrics = names.map((name) => name.replace(/_total$/, ''))
  return {
    openmetrics: {
      instances: [{ openmetrics_endpoint: 'http://%%host%%:9464/metrics', namespace: 'sluice', raw_metric_prefix: PREFIX, metrics }]
    }
  }
}

/** Files for Datadog's API and its Agent, by name. */
export function datadogFiles(): Map<string, string> {
  const files = new Map<string, string>()
  const add = (name: string, value: object): void => void files.set(name, `${JSON.stringify(value, null, 2)}\n`)
  add('monitors.json', monitors())
  add('dashboard.json', datadogBoard())
  add('openmetrics.json', openMetricsCheck())
  return files
}
