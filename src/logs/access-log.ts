import type { LogEntry, LogValue } from './log-entry.ts'
import type { TimeReader } from './timestamp.ts'

// Apache's and nginx's combined format, and the common one, which ends after the size:
// ADDRESS IDENTITY USER [04/Nov/2024:10:30:45 +0000] "METHOD TARGET HTTP/1.1" STATUS BYTES "REFERER" "USER AGENT"
const LINE =
  /^([\w.:%-]{1,255}) \S{1,64} (\S{1,255}) \[([^\]\n]{20,40})\] "((?:[^"\\\n]|\\.){0,16384})" (\d{3}) (\d{1,18}|-)(?: "((?:[^"\\\n]|\\.){0,16384})" "((?:[^"\\\n]|\\.){0,16384})")?/
const REQUEST = /^([A-Z]{1,16}) (\S{1,16384})(?: HTTP\/(\d(?:\.\d)?))?$/

/** Reads lines of web servers' access logs; the line stays the body. */
export const accessLog = {
  read(text: string, time: TimeReader, entry: LogEntry, put: (key: string, value: LogValue) => void): boolean {
    const found = LINE.exec(text)
    if (found === null || !time.at(found[3], 0, entry.observedMs)) return false
    const [, address, user, , line, code, size, referer, agent] = found
    const status = Number(code)
    entry.timeMs = time.ms
    entry.timeNanos = time.nanos
    entry.severityNumber = status >= 500 ? 17 : status >= 400 ? 13 : 9
    put('client.address', address)
    if (user !== '-') put('user.name', user)
    const request = REQUEST.exec(line)
    if (request !== null) {
      const [, method, target, version] = request
      const query = target.indexOf('?')
      put('http.request.method', method)
      put('url.path', query < 0 ? target : target.slice(0, query))
      if (query >= 0) put('url.query', target.slice(query + 1))
      if (version !== undefined) put('network.protocol.version', version)
    }
    put('http.response.status_code', status)
    if (size !== '-') put('http.response.body.size', Number(size))
    if (referer !== undefined && referer !== '-' && referer !== '') put('http.request.header.referer', referer)
    if (agent !== undefined && agent !== '-' && agent !== '') put('user_agent.original', agent)
    return true
  }
}
