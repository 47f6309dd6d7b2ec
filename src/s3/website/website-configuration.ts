// The WebsiteConfiguration document: read with every check S3 makes of it (Amazon S3 API Reference, "PutBucketWebsite"), and written back as
// given.
import { limits } from '../../domain/limits.ts'
import type {
  RoutingCondition,
  RoutingRedirect,
  RoutingRule,
  WebsiteConfiguration,
  WebsiteProtocol,
} from '../../domain/website.ts'
import { invalidRequest, malformedXml } from '../documents/refusals.ts'
import { invalidArgument } from '../http/answer.ts'
import type { XmlElement } from '../xml/reader.ts'
import type { XmlContent } from '../xml/writer.ts'

/** Reads the document's root. Throws MalformedXML, InvalidArgument and InvalidRequest. */
export function parseWebsiteConfiguration(root: XmlElement): WebsiteConfiguration {
  const index = root.optionalChild('IndexDocument')
  const error = root.optionalChild('ErrorDocument')
  const routing = root.optionalChild('RoutingRules')
  const all = root.optionalChild('RedirectAllRequestsTo')
  if (all !== undefined) {
    if (index !== undefined || error !== undefined || routing !== undefined) throw malformedXml()
    return readRedirectAll(all)
  }
  const indexSuffix = readIndexSuffix(index)
  const errorKey = error === undefined ? undefined : readErrorKey(error)
  const rules = routing === undefined ? [] : readRules(routing)
  return { kind: 'pages', indexSuffix, ...(errorKey === undefined ? undefined : { errorKey }), rules }
}

function readRedirectAll(element: XmlElement): WebsiteConfiguration {
  const hostName = element.requiredText('HostName')
  if (hostName === '') throw malformedXml()
  const protocol = readProtocol(element)
  return { kind: 'redirect', hostName, ...(protocol === undefined ? undefined : { protocol }) }
}

function readIndexSuffix(index: XmlElement | undefined): string {
  const suffix = index?.optionalText('Suffix')
  if (suffix === undefined) {
    const message = 'A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty'
    throw invalidArgument(message, 'IndexDocument', 'null')
  }
  if (suffix !== '' && !suffix.includes('/')) return suffix
  throw invalidArgument('The IndexDocument Suffix is not well formed', 'IndexDocument', suffix)
}

function readErrorKey(error: XmlElement): string {
  const key = error.requiredText('Key')
  if (key !== '') return key
  throw invalidArgument('The ErrorDocument Key is not well formed', 'ErrorDocument', key)
}

function readProtocol(element: XmlElement): WebsiteProtocol | undefined {
  const protocol = element.optionalText('Protocol')
  if (protocol === undefined || protocol === 'http' || protocol === 'https') return protocol
  throw invalidRequest(
    'Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.',
  )
}

function readRules(routing: XmlElement): RoutingRule[] {
  const elements = routing.children('RoutingRule')
  if (elements.length === 0) throw malformedXml()
  if (elements.length > limits.websiteRulesMax) {
    throw invalidRequest(
      `${elements.length} routing rules provided, the number of routing rules in a website configuration is limited to ` +
        `${limits.websiteRulesMax}.`,
    )
  }
  return elements.map(readRule)
}

function readRule(element: XmlElement): RoutingRule {
  const condition = element.optionalChild('Condition')
  const redirect = readRedirect(element.requiredChild('Redirect'))
  return condition === undefined ? { redirect } : { condition: readCondition(condition), redirect }
}

function readCondition(element: XmlElement): RoutingCondition {
  const keyPrefix = element.optionalText('KeyPrefixEquals')
  const errorCode = readNumber(element, 'HttpErrorCodeReturnedEquals')
  if (keyPrefix === undefined && errorCode === undefined) throw malformedXml()
  if (errorCode !== undefined && !isErrorStatus(errorCode)) {
    throw invalidRequest(`The provided HTTP error code (${errorCode}) is not valid. Valid codes are 4XX or 5XX.`)
  }
  return {
    ...(keyPrefix === undefined ? undefined : { keyPrefix }),
    ...(errorCode === undefined ? undefined : { errorCode }),
  }
}

function readRedirect(element: XmlElement): RoutingRedirect {
  const protocol = readProtocol(element)
  const hostName = element.optionalText('HostName')
  const replaceKeyPrefix = element.optionalText('ReplaceKeyPrefixWith')
  const replaceKey = element.optionalText('ReplaceKeyWith')
  const code = readNumber(element, 'HttpRedirectCode')
  const parts = { protocol, hostName, replaceKeyPrefix, replaceKey, code }
  if (Object.values(parts).every(part => part === undefined)) throw malformedXml()
  if (replaceKeyPrefix !== undefined && replaceKey !== undefined) {
    throw invalidRequest('You can only define ReplaceKeyPrefix or ReplaceKey but not both.')
  }
  if (code !== undefined && !redirectStatuses.has(code)) {
    throw invalidRequest(`The provided HTTP redirect code (${code}) is not valid. Valid codes are 3XX except 300.`)
  }
  return {
    ...(protocol === undefined ? undefined : { protocol }),
    ...(hostName === undefined ? undefined : { hostName }),
    ...(replaceKeyPrefix === undefined ? undefined : { replaceKeyPrefix }),
    ...(replaceKey === undefined ? undefined : { replaceKey }),
    ...(code === undefined ? undefined : { code }),
  }
}

function readNumber(element: XmlElement, name: string): number | undefined {
  const text = element.optionalText(name)
  if (text === undefined) return undefined
  if (!/^\d{1,9}$/.test(text)) throw malformedXml()
  return Number(text)
}

const redirectStatuses = new Set([301, 302, 303, 304, 305, 307, 308])

/** The error statuses of HTTP/1.1 (RFC 9110) that a website can answer with. */
function isErrorStatus(code: number): boolean {
  return (code >= 400 && code <= 417) || (code >= 500 && code <= 505)
}

export function websiteConfigurationContent(website: WebsiteConfiguration): XmlContent {
  if (website.kind === 'redirect') {
    return { RedirectAllRequestsTo: { HostName: website.hostName, Protocol: website.protocol } }
  }
  const { indexSuffix, errorKey, rules } = website
  return {
    IndexDocument: { Suffix: indexSuffix },
    ErrorDocument: errorKey === undefined ? undefined : { Key: errorKey },
    RoutingRules: rules.length === 0 ? undefined : { RoutingRule: rules.map(ruleContent) },
  }
}

function ruleContent({ condition, redirect }: RoutingRule): XmlContent {
  return {
    Condition: condition && {
      HttpErrorCodeReturnedEquals: condition.errorCode,
      KeyPrefixEquals: condition.keyPrefix,
    },
    Redirect: {
      Protocol: redirect.protocol,
      HostName: redirect.hostName,
      ReplaceKeyPrefixWith: redirect.replaceKeyPrefix,
      ReplaceKeyWith: redirect.replaceKey,
      HttpRedirectCode: redirect.code,
    },
  }
}
