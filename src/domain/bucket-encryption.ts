// How a bucket's new objects are encrypted when their writers do not say, and what writers may not ask for.

/** All are kept and shown, as S3 does without asking the key service; writes are refused that would need more of one than the name of a key. */
export const defaultAlgorithms = ['AES256', 'aws:kms', 'aws:kms:dsse'] as const

export interface BucketEncryption {
  /** Left out: new objects are not encrypted. */
  readonly byDefault?: { readonly algorithm: (typeof defaultAlgorithms)[number]; readonly kmsKeyId?: string }
  readonly bucketKeyEnabled: boolean
  /** `SSE-C`: writes with customer keys are refused. Left out: the configuration says nothing of it. */
  readonly blocked?: 'NONE' | 'SSE-C'
}
