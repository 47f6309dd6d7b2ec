// Who sent a request, and how that was shown: what authentication finds out and everything behind it goes by.
import type { Account } from '../../accounts/account-directory.ts'
import type { PayloadDeclaration } from './payload-declaration.ts'

export type SignatureScheme = 'v4' | 'v4-presigned' | 'v2' | 'v2-presigned' | 'v4-post' | 'v2-post'

export type AuthResult =
  | { readonly kind: 'anonymous'; readonly payload: PayloadDeclaration }
  | {
      readonly kind: 'signed'
      readonly account: Account
      /** Of whoever signed: the account, or one of its users. Kept, as the key may be taken away while the request runs. */
      readonly arn: string
      readonly accessKey: string
      readonly scheme: SignatureScheme
      readonly payload: PayloadDeclaration
    }
