// Takes secrets out of text that goes to a log: signatures and tokens in URLs and headers, which errors of other programs like to quote.
// A second net only: our own code never puts a secret into an event.

const patterns: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/\b(sig|signature|x-amz-signature|x-amz-security-token|x-amz-credential|awsaccesskeyid)=[^&\s"']+/gi, '$1=[secret]'],
  [/\b(bearer|sharedkey|basic|aws)\s+[a-z0-9+/=:._~-]{8,}/gi, '$1 [secret]'],
  [/\b(signature|credential)=[^,\s"']+/gi, '$1=[secret]'],
  [
    /\b(accountkey|secretkey|secretaccesskey|secret_access_key|password|token)(\\?["']?\s*[=:]\s*\\?["']?)[^\s,;"'&}\\]+/gi,
    '$1$2[secret]',
  ],
  [/(\/\/)[^/\s@"']+@/g, '$1[secret]@'],
]

/** The text without what looks like a secret. */
export function maskSecrets(text: string): string {
  return patterns.reduce((masked, [pattern, replacement]) => masked.replace(pattern, replacement), text)
}

/** An error as fields of a log line; its causes too. */
export function describeError(error: unknown, depth = 0): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) }
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  const stack = error.stack === undefined ? {} : { stack: error.stack }
  const cause = error.cause === undefined || depth >= 3 ? {} : { cause: describeError(error.cause, depth + 1) }
  return { name: error.name, ...code, message: error.message, ...stack, ...cause }
}
