import type { IncomingMessage, ServerResponse } from 'node:http'
import fastify, { type FastifyReply, type FastifyRequest, type HTTPMethods } from 'fastify'
import type { HttpAnswer, HttpRoute } from './http-route.ts'
import { plainAnswer } from './http-route.ts'
import type { Mount } from './mounts.ts'

export type Served = { readonly route: HttpRoute; readonly mount: Mount<HttpRoute> }

/** Where the router sends a request: to a route, or to a plain answer that concerns none. */
export interface Destination {
  serve(request: IncomingMessage, response: ServerResponse, params: Readonly<Record<string, string>>, served: Served): void
  answer(request: IncomingMessage, response: ServerResponse, event: 'not-found' | 'method' | 'malformed', answer: HttpAnswer): void
}

export type Router = (request: IncomingMessage, response: ServerResponse) => void

/**
 * Builds the router for a set of routes. Fastify finds the route and its parameters; requests are taken over in its first hook, before it would
 * look at the body, since bodies are read under limits that Fastify does not have. A changed set of routes is a new router.
 */
export async function buildRouter(routes: readonly Served[], destination: Destination): Promise<Router> {
  const app = fastify({
    logger: false,
    exposeHeadRoutes: false,
    // Named, so that Fastify does not load its schema compilers: no route has a schema.
    schemaController: { compilersFactory: { buildValidator: unreachable, buildSerializer: unreachable } },
    routerOptions: { maxParamLength: 1024 },
    // Paths that cannot be decoded. The path came from outside and is not repeated.
    frameworkErrors: (_error, request, reply) => {
      reply.hijack()
      destination.answer(request.raw, reply.raw, 'malformed', plainAnswer(400, 'the path is not a valid URL path'))
    }
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  const byPath = Map.groupBy(routes, ({ route }) => route.path)
  for (const [url, servedHere] of byPath) {
    const methods = servedHere.flatMap(({ route }): HTTPMethods[] => (route.method === 'GET' ? ['GET', 'HEAD'] : [route.method]))
    const allow = methods.join(', ')
    for (const served of servedHere) {
      app.route({
        url,
        method: served.route.method === 'GET' ? ['GET', 'HEAD'] : served.route.method,
        handler: unreachable,
        onRequest: (request, reply) => {
          reply.hijack()
          destination.serve(request.raw, reply.raw, request.params as Record<string, string>, served)
        }
      })
    }
    app.route({
      url,
      method: app.supportedMethods.filter((method) => !methods.includes(method as HTTPMethods)) as HTTPMethods[],
      handler: unreachable,
      onRequest: (request, reply) => {
        reply.hijack()
        destination.answer(request.raw, reply.raw, 'method', plainAnswer(405, `expected ${allow}`, { allow }))
      }
    })
  }
  const nowhere = (request: FastifyRequest, reply: FastifyReply): void => {
    reply.hijack()
    destination.answer(request.raw, reply.raw, 'not-found', plainAnswer(404, 'nothing is served at this path'))
  }
  app.setNotFoundHandler(nowhere)
  // Fastify finds fault with a content type only where it has found no route.
  app.setErrorHandler((_error, request, reply) => nowhere(request, reply))
  await app.ready()
  return app.routing
}

function unreachable(): never {
  throw new Error('a request that was taken over came back')
}
