// A service as it runs beside an Agent: Datadog's tracer is loaded before it and told by the environment alone. It answers requests until its
// input ends.
const { createServer, get } = require('node:http')
const StatsD = require('hot-shots')
const tracer = require('dd-trace')

const statsd = new StatsD({ globalTags: { team: 'dubbing' } })

// What a request asks for is what another service answers, as backends do.
const voices = createServer((_, response) => response.end('alloy'))
const projects = createServer((request, response) => {
  statsd.increment('projects.opened', 3, { stage: 'tts' })
  statsd.gauge('queue.waiting', 7, { stage: 'tts' })
  statsd.distribution('render.seconds', 0.25, { stage: 'tts' })
  statsd.set('users', request.url)
  get({ host: '127.0.0.1', port: voices.address().port, path: '/voices' }, (answer) => {
    answer.resume().on('end', () => {
      try {
        tracer.trace('tts.synthesize', { resource: 'xtts', tags: { 'model.name': 'xtts-v2' } }, () => {
          if (request.url.includes('broken')) throw new TypeError('synthesis failed')
        })
        response.end('done')
      } catch {
        response.writeHead(500).end()
      }
    })
  })
})

voices.listen(0, '127.0.0.1', () => projects.listen(0, '127.0.0.1', () => console.log(projects.address().port)))
process.stdin.resume().on('end', () => setTimeout(() => process.exit(0), 4_000))
