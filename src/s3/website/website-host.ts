// Whether a request's Host names a website endpoint: `bucket.<endpoint>` is the website of that bucket, and at the endpoint itself the path names
// the bucket.

export interface WebsiteHost {
  /** Undefined: the path names it. */
  readonly bucket: string | undefined
}

/** Undefined: the request is for no website. */
export type WebsiteHostReader = (host: string | undefined) => WebsiteHost | undefined

/** Makes a reader for these endpoints (host names without port, in lower case). The longest that fits counts. */
export function createWebsiteHostReader(endpoints: readonly string[]): WebsiteHostReader {
  const names = [...endpoints].sort((one, other) => other.length - one.length)
  return host => {
    if (names.length === 0 || host === undefined) return undefined
    const name = host.replace(/:\d*$/, '').toLowerCase()
    const endpoint = names.find(end => name === end || name.endsWith(`.${end}`))
    if (endpoint === undefined) return undefined
    return { bucket: name === endpoint ? undefined : name.slice(0, -endpoint.length - 1) }
  }
}
