import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Load, Send, Sender } from './load.ts'

const CHUNKED_END = '\r\n0\r\n\r\n'

/** What is posted, where it is no OTLP. */
export interface Post {
  readonly path: string
  readonly contentType: string
}

/** Requests written straight to sockets that stay open: what a client library costs would only slow the load down. */
export async function httpSender(load: Pick<Load, 'port' | 'connections' | 'gzip'>, post: Post): Promise<Sender> {
  const sockets: Socket[] = []
  for (let i = 0; i < load.connections; i++) {
    const socket = connect(load.port, '127.0.0.1').setNoDelay()
    await once(socket, 'connect')
    sockets.push(socket)
  }
  return {
    lanes: sockets.map((socket) => sending(socket, load, post)),
    close: () => {
      for (const socket of sockets) socket.destroy()
    }
  }
}

function sending(socket: Socket, { port, gzip }: Pick<Load, 'port' | 'gzip'>, { path, contentType }: Post): Send {
  const head =
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: ${contentType}\r\nuser-agent: sluice-bench\r\n` +
    `${gzip ? 'content-encoding: gzip\r\n' : ''}content-length: `
  let answer = ''
  let answered: (accepted: boolean) => void = () => undefined
  let failed: (error: Error) => void = () => undefined
  socket.setEncoding('latin1').on('data', (text: unknown) => {
    answer += text as string
    if (!isWhole(answer)) return
    const accepted = answer.startsWith('HTTP/1.1 200')
    answer = ''
    answered(accepted)
  })
  socket.on('error', (error) => failed(error))
  socket.on('close', () => failed(new Error('the connection was closed')))
  return (body) =>
    new Promise((resolve, reject) => {
      answered = resolve
      failed = reject
      socket.cork()
      socket.write(`${head}${body.length}\r\n\r\n`, 'latin1')
      socket.write(body)
      socket.uncork()
    })
}

function isWhole(answer: string): boolean {
  const headEnd = answer.indexOf('\r\n\r\n')
  if (headEnd < 0) return false
  const head = answer.slice(0, headEnd)
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)
  if (length === null) return !/\r\ntransfer-encoding/i.test(head) || answer.endsWith(CHUNKED_END)
  return answer.length >= headEnd + 4 + Number(length[1])
}
