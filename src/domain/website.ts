// A bucket's website as it is configured (Amazon S3 User Guide, "Hosting a static website").

export type WebsiteConfiguration =
  | { readonly kind: 'redirect'; readonly hostName: string; readonly protocol?: WebsiteProtocol }
  | {
      readonly kind: 'pages'
      /** Appended to keys that are folders. */
      readonly indexSuffix: string
      /** Key of what is shown with errors. */
      readonly errorKey?: string
      /** The first one that fits counts. */
      readonly rules: readonly RoutingRule[]
    }

export type WebsiteProtocol = 'http' | 'https'

export interface RoutingRule {
  /** Absent: fits every request. */
  readonly condition?: RoutingCondition
  readonly redirect: RoutingRedirect
}

export interface RoutingCondition {
  readonly keyPrefix?: string
  readonly errorCode?: number
}

export interface RoutingRedirect {
  readonly protocol?: WebsiteProtocol
  readonly hostName?: string
  /** In place of the prefix that the condition names. */
  readonly replaceKeyPrefix?: string
  readonly replaceKey?: string
  readonly code?: number
}
