import { defineReceiver } from '../../component.ts'
import { choice, map, text } from '../../config/schema.ts'
import { messageOf, RefusedError } from '../../errors.ts'
import { Collector } from './collector.ts'

/** Makes metrics of what the gateway sees of the GPUs. Does nothing where facts about GPUs are off or there is no GPU. */
export const gpu = defineReceiver({
  type: 'gpu',
  summary: 'Make metrics of the GPUs of the machine, their health and their users, each time that facts.gpu looks at them.',
  options: {
    dcgm: choice(['off', 'also'], {
      default: 'off',
      doc: 'Show GPUs under the names of NVIDIA’s dcgm-exporter too, for dashboards that use those.'
    }),
    resource: map(text({ default: '', doc: 'The value of an attribute.' }), {
      doc: 'Resource of the metrics, on top of service.name = sluice and service.instance.id = the name of the host.'
    })
  },
  create: (options, { facts, metrics, log }) => {
    const collector = new Collector(facts, options)
    const lost = metrics.counter('sluice_gpu_rounds_lost_total', 'Rounds of GPU metrics that did not become telemetry, by reason.')
    let unsubscribe: () => void = () => undefined
    let pushing: Promise<void> | null = null
    let wasRefused = false
    return {
      addresses: {},
      async start(push) {
        const round = async (): Promise<void> => {
          try {
            const batch = collector.collect(Date.now())
            if (batch === null) return
            await push(batch)
            wasRefused = false
          } catch (error) {
            lost.add(1, { reason: error instanceof RefusedError ? error.code : 'internal' })
            if (!wasRefused) log.warn({ error: messageOf(error) }, 'gpu: metrics of a round were not taken')
            wasRefused = true
          }
        }
        const begin = (): void => {
          // The newest values come again; a round that finds the one before still waiting for the disk is left out.
          if (pushing !== null) {
            lost.add(1, { reason: 'busy' })
            return
          }
          pushing = round().finally(() => {
            pushing = null
          })
        }
        unsubscribe = facts.gpu.onSample(begin)
        // The first look may be over already.
        begin()
      },
      async stop() {
        unsubscribe()
        await pushing
      }
    }
  }
})
