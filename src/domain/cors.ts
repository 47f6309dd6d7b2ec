// Cross-origin resource sharing as a bucket configures it: the rules, and which of them a browser's request meets (Amazon S3 User Guide, "Using
// cross-origin resource sharing"). A pattern has at most one `*`, so each comparison takes time that grows with the texts alone.

export const corsMethods = ['GET', 'PUT', 'HEAD', 'POST', 'DELETE'] as const
export type CorsMethod = (typeof corsMethods)[number]

export interface CorsRule {
  readonly id?: string
  readonly allowedOrigins: readonly string[]
  readonly allowedMethods: readonly CorsMethod[]
  readonly allowedHeaders: readonly string[]
  readonly exposeHeaders: readonly string[]
  readonly maxAgeSeconds?: number
}

/** The first rule that fits a request counts. */
export type CorsConfiguration = readonly CorsRule[]

/** What a browser asks for. */
export interface CorsQuestion {
  readonly origin: string
  readonly method: string
  /** Names of headers that the request will carry; only a preflight knows them. */
  readonly headers: readonly string[]
}

export function isCorsMethod(text: string): text is CorsMethod {
  return corsMethods.some(method => method === text)
}

/** Whether a text fits a pattern in which one `*` stands for any characters, none too. */
export function fitsPattern(pattern: string, text: string): boolean {
  const star = pattern.indexOf('*')
  if (star < 0) return pattern === text
  const end = pattern.slice(star + 1)
  return text.length >= pattern.length - 1 && text.startsWith(pattern.slice(0, star)) && text.endsWith(end)
}

/** The first rule that allows all of it. */
export function corsRuleFor(configuration: CorsConfiguration, question: CorsQuestion): CorsRule | undefined {
  const names = new Set(question.headers.map(name => name.toLowerCase()))
  return configuration.find(
    rule =>
      rule.allowedMethods.some(method => method === question.method) &&
      rule.allowedOrigins.some(pattern => fitsPattern(pattern, question.origin)) &&
      allowsHeaders(rule, names),
  )
}

function allowsHeaders({ allowedHeaders }: CorsRule, names: ReadonlySet<string>): boolean {
  if (names.size === 0) return true
  const patterns = allowedHeaders.map(pattern => pattern.toLowerCase())
  return [...names].every(name => patterns.some(pattern => fitsPattern(pattern, name)))
}
