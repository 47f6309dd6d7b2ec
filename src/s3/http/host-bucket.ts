// Virtual-host-style addresses: which bucket a request's Host names, where the server is known by the names of its endpoints
// (`photos.s3.example.com` at the endpoint `s3.example.com`). Every other host, and the endpoints themselves, leave the bucket to the path.

/** Finds the bucket in a Host header. */
export type HostReader = (host: string | undefined) => string | undefined

/** Every client on this machine may say `bucket.localhost`. */
const always = ['localhost']

/** Makes a reader for these endpoints (host names without port, in lower case). The longest that fits counts. */
export function createHostReader(endpoints: readonly string[]): HostReader {
  const names = [...new Set([...endpoints, ...always])].sort((one, other) => other.length - one.length)
  const exact = new Set(names)
  const suffixes = names.map(name => `.${name}`)
  return host => {
    if (host === undefined) return undefined
    const name = host.replace(/:\d*$/, '').toLowerCase()
    if (exact.has(name)) return undefined
    const suffix = suffixes.find(end => name.endsWith(end))
    const bucket = suffix === undefined ? '' : name.slice(0, -suffix.length)
    // `/_/` is reached by its path alone.
    return bucket === '' || bucket === '_' ? undefined : bucket
  }
}
