/** Series, and their samples a minute apart in promtool's notation: `1x5` is six times 1, `0+2x5` counts up by 2, `_x5` is nothing. */
export type Series = Readonly<Record<string, string>>

type Labels = Readonly<Record<string, string>>

/** What makes an alert fire and what does not, though it comes near. */
export interface Case {
  readonly alert: string
  /** Between two samples; a minute where it is left out, which the notation above is for. */
  readonly interval?: string
  /** At this minute it fires, and not a minute earlier. */
  readonly fires: { readonly series: Series; readonly at: string; readonly labels: readonly Labels[] }
  readonly silent: { readonly series: Series; readonly at: string }
}

/**
 * `at` is the minute at which the alert fires with these labels, beside severity and component, for the first series; with two dots, the second is the
 * minute at which it is still silent for the second series, else that is the same.
 */
export function pair(alert: string, at: string, fires: Series, labels: Labels | readonly Labels[], silent: Series): Case {
  const all: readonly Labels[] = Array.isArray(labels) ? labels : [labels as Labels]
  const [first, later = first] = at.split('..')
  return { alert, fires: { series: fires, at: first, labels: all }, silent: { series: silent, at: later } }
}

/** A gateway that has been scraped for long; scenes that must see none leave it out by naming it themselves. */
export const GATEWAY = 'sluice_build_info{job="sluice",instance="gw:9464"}'
/** The same series of another cluster. */
export const inCluster = (cluster: string, series: string): string => series.replace('{', `{cluster="${cluster}",`)

export const AT_GATEWAY = { job: 'sluice', instance: 'gw:9464' }
