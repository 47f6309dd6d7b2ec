// The control port: the original's routes, `/api/v1` with its OpenAPI document, `/metrics`, `/live` and `/ready`. Every body is read as JSON
// whatever its content type, up to a limit. No request is served before its origin and token were checked.
import { readFile } from 'node:fs/promises'
import type { AddressInfo, Socket } from 'node:net'
import { hostname } from 'node:os'
import { fastifySwagger } from '@fastify/swagger'
import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { defects } from '../base/channels.ts'
import { limits } from '../domain/limits.ts'
import { accessRefusal } from './access.ts'
import {
  asServiceError,
  type ControlContext,
  type ControlResponse,
  errorResponse,
  parseJsonBody,
  refusal,
  shortened,
} from './control-request.ts'
import { handleControlRequest } from './control-routes.ts'
import { stateStoreAnswers } from './health.ts'
import { addLocationRoutes } from './location-routes.ts'
import { liveResponse, metricsResponse, type ReadyReport, readyResponse } from './probes.ts'

/** A request as a test hands it in, without a network. */
export interface InjectedRequest {
  readonly method: string
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface InjectedResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

export interface ControlServer {
  /** Begins to accept; answers with the address in use (a configured port 0 is a free one). */
  listen(): Promise<{ readonly host: string; readonly port: number }>
  close(): Promise<void>
  inject(request: InjectedRequest): Promise<InjectedResponse>
  /** The OpenAPI document of `/api/v1`. */
  openapi(): Promise<object>
}

export interface ControlServerOptions extends ControlContext {
  /** Whether this process can do its work now, with the reason when not. */
  readonly ready?: () => Promise<ReadyReport>
}

const jsonType = 'application/json'

/** Makes the server; it accepts nothing before `listen`. */
export async function createControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const { app, openapi } = await buildServer(options)
  const { control } = options.config
  return {
    async listen() {
      await app.listen({ host: control.listen.host, port: control.listen.port })
      const address: AddressInfo | string | null = app.server.address()
      const port = typeof address === 'object' && address !== null ? address.port : control.listen.port
      return { host: control.listen.host, port }
    },
    close: () => app.close(),
    async inject(request) {
      const { method, url, headers = {}, body } = request
      const payload = body === undefined ? {} : { payload: body }
      // The types name the usual methods only; a test also sends others.
      const answer = await app.inject({
        method: method as 'GET',
        url,
        headers: { host: 'localhost', ...headers },
        ...payload,
      })
      return { status: answer.statusCode, headers: answer.headers, body: answer.body }
    },
    async openapi() {
      await app.ready()
      return openapi()
    },
  }
}

async function buildServer(options: ControlServerOptions): Promise<{ app: FastifyInstance; openapi: () => object }> {
  const { tls } = options.config.control
  const https = tls === undefined ? null : { cert: await readFile(tls.certFile), key: await readFile(tls.keyFile) }
  const common = {
    bodyLimit: limits.controlBodyBytes,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    requestTimeout: 60_000,
    routerOptions: { maxParamLength: 4096 },
    return503OnClosing: false,
    frameworkErrors: (error: FastifyError, _request: FastifyRequest, reply: FastifyReply) => {
      void send(reply, errorResponse(toServiceError(error)))
    },
    clientErrorHandler: refuseUnreadable,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
  } as const
  const app: FastifyInstance = https === null ? fastify(common) : fastify({ ...common, https })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(jsonType, { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.addHook('onRequest', async (request, reply) => checkAccess(options, request, reply))
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const known = toServiceError(error)
    if (known.code === 'InternalError') defects.publish({ where: `${request.method} ${request.url}`, error })
    return send(reply, errorResponse(known))
  })
  app.setNotFoundHandler(async (request, reply) => send(reply, await originalRoute(options, request)))
  addProbes(app, options)
  const openapi = await addVersionOne(app, options)
  return { app, openapi }
}

// Answers the document: it is known once the server is ready.
async function addVersionOne(app: FastifyInstance, options: ControlServerOptions): Promise<() => object> {
  let document: () => object = () => ({})
  await app.register(
    async scope => {
      await scope.register(fastifySwagger, {
        openapi: {
          openapi: '3.1.0',
          info: {
            title: 'Crossbeat control API',
            description: 'Locations: their state, their backlog; pause, resume, scheduled resume.',
            version: '1',
          },
          components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
          security: [{}, { token: [] }],
        },
        refResolver: {
          buildLocalReference: (json, _base, _fragment, index) => String(json['$id'] ?? `schema-${index}`),
        },
      })
      scope.removeContentTypeParser(jsonType)
      scope.addContentTypeParser<Buffer>(
        jsonType,
        { parseAs: 'buffer' },
        (_request: FastifyRequest, body: Buffer, done) => {
          try {
            done(null, parseJsonBody(body) ?? null)
          } catch (error) {
            done(asServiceError(error))
          }
        },
      )
      addLocationRoutes(scope, options)
      scope.get('/openapi.json', { schema: { hide: true } }, async () => scope.swagger())
      document = () => scope.swagger()
    },
    { prefix: '/api/v1' },
  )
  return () => document()
}

function addProbes(app: FastifyInstance, options: ControlServerOptions): void {
  app.get('/live', async (_request, reply) => send(reply, liveResponse()))
  app.get('/ready', async (_request, reply) => {
    const report = (await options.ready?.()) ?? { ok: true, why: null, roles: {}, dependencies: [] }
    if (!report.ok || (await stateStoreAnswers(options))) return send(reply, readyResponse(report))
    return send(reply, readyResponse({ ...report, ok: false, why: 'the state store does not answer' }))
  })
  app.get('/metrics', async (_request, reply) => send(reply, metricsResponse(await options.metricsText())))
}

function originalRoute(options: ControlContext, request: FastifyRequest): Promise<ControlResponse> {
  const [path = '', query = ''] = splitOnce(request.raw.url ?? '', '?')
  const body = request.body instanceof Uint8Array ? request.body : new Uint8Array()
  return handleControlRequest(options, { method: request.method, path, query: new URLSearchParams(query), body })
}

/** Answers bytes that are no HTTP request (or one with too long a head), in the words of this API. */
function refuseUnreadable(error: Error, socket: Socket): void {
  const tooLong = 'code' in error && error.code === 'HPE_HEADER_OVERFLOW'
  const description = tooLong ? 'the head of the request is too long' : 'this is not an HTTP request'
  const { status, body } = errorResponse(refusal(tooLong ? 'RequestHeaderSectionTooLarge' : 'BadRequest', description))
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const head = `HTTP/1.1 ${status} Bad Request\r\ncontent-type: application/json\r\nconnection: close`
  socket.end(`${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
}

function splitOnce(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

async function checkAccess(
  options: ControlContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  // A body is JSON whatever its type says: `curl -d` calls it a form.
  request.raw.headers['content-type'] = jsonType
  const { host, origin, authorization } = request.headers
  const [path] = splitOnce(request.raw.url ?? '', '?')
  const { localAddress } = request.raw.socket
  const refused = accessRefusal(options.config.control, hostname(), { path, host, origin, authorization, localAddress })
  return refused === null ? undefined : send(reply, errorResponse(refused))
}

function send(reply: FastifyReply, response: ControlResponse): FastifyReply {
  return reply
    .code(response.status)
    .header('cache-control', 'no-store')
    .header('content-type', response.contentType)
    .serializer((body: string) => body)
    .send(response.body)
}

/** What fastify found wrong before or around our own code, in the words of this API. */
function toServiceError(error: FastifyError): ReturnType<typeof asServiceError> {
  if (error.validation !== undefined) {
    const where = error.validationContext === 'body' ? 'MalformedPOSTRequest' : 'InvalidQueryParameter'
    return refusal(where, error.message)
  }
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return refusal('EntityTooLarge', `the body is longer than ${limits.controlBodyBytes} bytes`)
  }
  if (error.code === 'FST_ERR_BAD_URL') return refusal('InvalidURI', 'the path is not percent-encoded UTF-8')
  if (error.code === 'FST_ERR_MAX_PARAM_LENGTH') return refusal('RouteNotFound', 'a part of the path is too long')
  if (error.code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH') {
    return refusal('MalformedPOSTRequest', 'the body is shorter or longer than its Content-Length')
  }
  if (typeof error.statusCode === 'number' && error.statusCode >= 400 && error.statusCode < 500) {
    return refusal('BadRequest', shortened(error.message))
  }
  return asServiceError(error)
}
