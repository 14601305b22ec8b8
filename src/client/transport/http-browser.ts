import { type HttpReply, type HttpRequest, requestByFetch } from './reach.js'

/** One HTTP request, in a browser, which knows by itself whom to trust. */
export async function httpRequest(request: HttpRequest): Promise<HttpReply> {
  return requestByFetch(request.fetch ?? fetch, request)
}
