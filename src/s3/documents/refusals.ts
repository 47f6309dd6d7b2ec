// The refusals that readers of documents share. Each tells what is wrong with the document where S3 does.
import { type ServiceError, serviceError } from '../../domain/errors.ts'

export function malformedXml(): ServiceError {
  return serviceError('MalformedXML')
}

export function invalidRequest(message: string): ServiceError {
  return serviceError('InvalidRequest', { message })
}

/** InvalidArgument as documents get it, without the name of an argument (`invalidArgument` of answer.ts has one). */
export function invalidValue(message: string): ServiceError {
  return serviceError('InvalidArgument', { message })
}
