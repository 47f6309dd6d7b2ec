// What the tests of bucket policies do before they look: buckets of bart's with an object `k`, and policies on them.
import assert from 'node:assert/strict'
import { crc32 as zlibCrc32 } from 'node:zlib'
import type { AccountName, RawAnswer, TestServer } from './test-server.ts'

export type Headers = Readonly<Record<string, string>>
export type Json = Readonly<Record<string, unknown>>

export interface PolicySteps {
  send(method: string, path: string, as?: AccountName | null, headers?: Headers, body?: string): Promise<RawAnswer>
  /** Makes a bucket with the object `k`; answers its name. */
  bucket(headers?: Headers): Promise<string>
  putText(name: string, text: string): Promise<RawAnswer>
  /** Statements as `statementOf` completes them; the policy must be taken. */
  put(name: string, ...statements: readonly Json[]): Promise<void>
}

/** `prefix` begins the names of the buckets. */
export function policySteps(server: () => TestServer, prefix: string): PolicySteps {
  let made = 0
  const send: PolicySteps['send'] = (method, path, as = 'bart', headers = {}, body) =>
    server().send({ method, path, as, headers, ...(body === undefined ? undefined : { body }) })
  const putText: PolicySteps['putText'] = (name, text) => send('PUT', `/${name}?policy=`, 'bart', {}, text)
  return {
    send,
    async bucket(headers = {}) {
      const name = `${prefix}-${made++}`
      assert.equal((await send('PUT', `/${name}`, 'bart', headers)).status, 200)
      assert.equal((await send('PUT', `/${name}/k`, 'bart', {}, 'x')).status, 200)
      return name
    },
    putText,
    async put(name, ...statements) {
      const answer = await putText(name, document(...statements.map(more => statementOf(name, more))))
      assert.equal(answer.status, 204, answer.body)
    },
  }
}

/** Lets everybody read the bucket's objects, but for what `more` says. */
export function statementOf(name: string, more: Json): Json {
  return {
    ...{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${name}/*` },
    ...more,
  }
}

export function document(...statements: readonly Json[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: statements })
}

export const lisa = { AWS: 'arn:aws:iam::123456789013:root' }

/** Base64, as a header has it. */
export function crc32(text: string): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(zlibCrc32(text))
  return bytes.toString('base64')
}
