// What the client's errors mean for an operator: errors are nested in one another, and the one that matters is often the innermost.
import { DependencyError } from '../../base/dependency.ts'

/** The error, the errors in it and their causes. */
function* nested(error: unknown): Generator<Error> {
  if (!(error instanceof Error)) return
  yield error
  if (error instanceof AggregateError) for (const inner of error.errors) yield* nested(inner)
  yield* nested(error.cause)
}

/** Whether Kafka answered with this error (`MESSAGE_TOO_LARGE`, ...). */
export function isKafkaError(error: unknown, ...ids: readonly string[]): boolean {
  for (const inner of nested(error)) {
    if ('apiId' in inner && typeof inner.apiId === 'string' && ids.includes(inner.apiId)) return true
  }
  return false
}

export function isTopicGone(error: unknown): boolean {
  if (isKafkaError(error, 'UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID', 'INCONSISTENT_TOPIC_ID')) return true
  return [...nested(error)].some(inner => inner.message.startsWith('Unknown topic '))
}

function hasCode(error: unknown, code: string): boolean {
  return [...nested(error)].some(inner => 'code' in inner && inner.code === code)
}

function says(error: unknown, text: string): boolean {
  return [...nested(error)].some(inner => inner.message.includes(text))
}

/** What went wrong and what to do about it. */
export function dependencyErrorOf(error: unknown, brokers: readonly string[]): DependencyError {
  if (error instanceof DependencyError) return error
  const at = brokers.join(', ')
  const make = (problem: string, remedy: string) => new DependencyError('Kafka', problem, remedy, { cause: error })
  if (hasCode(error, 'PLT_KFK_AUTHENTICATION'))
    return make(
      `${at} refuses the credentials`,
      'Check the SASL mechanism, user name and password, and that the user may use these topics and groups',
    )
  if (isKafkaError(error, 'TOPIC_AUTHORIZATION_FAILED', 'GROUP_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED'))
    return make(
      `${at} does not allow what is needed (${summary(error)})`,
      'Give the user the rights to describe, create, read and write the topics and to read the groups',
    )
  if (says(error, 'requires TLS') || says(error, 'TLS handshake failed') || says(error, 'ERR_TLS'))
    return make(`${at} and our settings differ about TLS (${summary(error)})`, 'Set or remove the TLS settings')
  if (hasCode(error, 'PLT_KFK_UNSUPPORTED_API') || isKafkaError(error, 'UNSUPPORTED_VERSION'))
    return make(`${at} has a version that does not know what is needed (${summary(error)})`, 'Use Kafka 2.8 or newer')
  return make(
    `the brokers at ${at} cannot be used (${summary(error)})`,
    'Check that they run, that the addresses are right and reachable from here, and whether they want SASL or TLS',
  )
}

/** The innermost messages, each once. */
export function summary(error: unknown): string {
  const innermost = [...nested(error)].filter(inner => !(inner instanceof AggregateError) && inner.cause === undefined)
  const messages = [...new Set(innermost.map(inner => inner.message))]
  return messages.length > 0 ? messages.slice(0, 3).join('; ') : String(error)
}
