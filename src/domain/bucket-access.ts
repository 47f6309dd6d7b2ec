// What a bucket is told about who may use it: its access control list, its policy, the public access block and who owns the objects in it.
import type { AccessControlList } from './object-metadata.ts'

/** As CloudServer keeps it: the name of a canned list, or '' and the grantees by permission. */
export interface BucketAcl extends AccessControlList {
  readonly WRITE: readonly string[]
}

/** S3 user guide, "Controlling ownership of objects". Without one ACLs are in force and writers own what they write. */
export type ObjectOwnership = 'BucketOwnerEnforced' | 'BucketOwnerPreferred' | 'ObjectWriter'

/** S3 user guide, "Blocking public access to your Amazon S3 storage". */
export interface PublicAccessBlock {
  readonly blockPublicAcls: boolean
  readonly ignorePublicAcls: boolean
  readonly blockPublicPolicy: boolean
  readonly restrictPublicBuckets: boolean
}

/** The entries of the bucket's settings that decide about access. */
export interface AccessSettings {
  readonly acl?: BucketAcl
  /** The policy as it was put. */
  readonly policy?: string
  readonly publicAccessBlock?: PublicAccessBlock
  readonly ownership?: ObjectOwnership
}
