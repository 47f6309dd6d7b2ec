// The catalogue of errors: statuses that mean what HTTP says, and errors that carry what the answer needs.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorCatalogue, isErrorCode, ServiceError, serviceError } from './errors.ts'

test('every code has an HTTP status and a message', () => {
  for (const [code, { status, message }] of Object.entries(errorCatalogue)) {
    assert.match(code, /^[A-Z][A-Za-z0-9]+$/)
    assert.ok(status === 304 || (status >= 400 && status < 600), code)
    assert.ok(message.length > 0, code)
  }
})

test('an error carries code, status, message, details and cause', () => {
  const cause = new Error('why')
  const error = serviceError('NoSuchBucket', { details: { BucketName: 'b' }, cause })
  assert.ok(error instanceof ServiceError && error instanceof Error)
  assert.equal(error.code, 'NoSuchBucket')
  assert.equal(error.status, 404)
  assert.equal(error.message, 'The specified bucket does not exist.')
  assert.deepEqual(error.details, { BucketName: 'b' })
  assert.equal(error.cause, cause)
  assert.equal(serviceError('InvalidArgument', { message: 'no' }).message, 'no')
})

test('names of the language runtime are no codes', () => {
  assert.equal(isErrorCode('NoSuchKey'), true)
  assert.equal(isErrorCode('constructor'), false)
})
