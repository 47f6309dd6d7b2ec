// The CORSConfiguration document: read with every check S3 makes of it (Amazon S3 API Reference, "PutBucketCors"), and written back as given.
import { type CorsConfiguration, type CorsMethod, type CorsRule, isCorsMethod } from '../../domain/cors.ts'
import { serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import { invalidRequest } from '../documents/refusals.ts'
import type { XmlElement } from '../xml/reader.ts'
import type { XmlContent } from '../xml/writer.ts'

/** Reads the document's root. Throws MalformedXML and InvalidRequest. */
export function parseCorsConfiguration(root: XmlElement): CorsConfiguration {
  const rules = root.children('CORSRule')
  if (rules.length === 0) throw serviceError('MalformedXML', { details: { MissingElement: 'CORSRule' } })
  if (rules.length > limits.corsRulesMax) {
    throw invalidRequest(`The number of CORS rules should not exceed allowed limit of ${limits.corsRulesMax} rules.`)
  }
  return rules.map(readRule)
}

function readRule(element: XmlElement): CorsRule {
  const id = element.optionalText('ID')
  if (id !== undefined && id.length > limits.ruleIdChars) {
    throw invalidRequest(`The ID of a CORS rule cannot be longer than ${limits.ruleIdChars} characters.`)
  }
  const allowedMethods = requiredTexts(element, 'AllowedMethod').map(readMethod)
  const allowedOrigins = requiredTexts(element, 'AllowedOrigin')
  for (const origin of allowedOrigins) checkWildcards('AllowedOrigin', origin)
  const allowedHeaders = element.children('AllowedHeader').map(header => header.text())
  for (const header of allowedHeaders) checkAllowedHeader(header)
  const exposeHeaders = element.children('ExposeHeader').map(header => header.text())
  for (const header of exposeHeaders) checkExposeHeader(header)
  const maxAgeSeconds = readMaxAge(element)
  return {
    ...(id === undefined ? undefined : { id }),
    allowedOrigins,
    allowedMethods,
    allowedHeaders,
    exposeHeaders,
    ...(maxAgeSeconds === undefined ? undefined : { maxAgeSeconds }),
  }
}

function requiredTexts(element: XmlElement, name: string): string[] {
  const texts = element.children(name).map(child => child.text())
  if (texts.length === 0) throw serviceError('MalformedXML', { details: { MissingElement: name } })
  return texts
}

function readMethod(text: string): CorsMethod {
  if (isCorsMethod(text)) return text
  throw invalidRequest(`Found unsupported HTTP method in CORS config. Unsupported method is ${text.slice(0, 255)}`)
}

function checkWildcards(element: string, text: string): void {
  if (text.indexOf('*') === text.lastIndexOf('*')) return
  throw invalidRequest(`${element} "${text.slice(0, 1024)}" can not have more than one wildcard.`)
}

/** Names of headers (RFC 9110, "token"), with a wildcard. */
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

export function isHeaderName(text: string): boolean {
  return headerName.test(text)
}

// One message for both lists, as S3 has it.
function checkHeaderName(text: string): void {
  if (isHeaderName(text)) return
  throw invalidRequest(`AllowedHeader "${text.slice(0, 1024)}" contains invalid character.`)
}

function checkAllowedHeader(text: string): void {
  checkHeaderName(text)
  checkWildcards('AllowedHeader', text)
}

function checkExposeHeader(text: string): void {
  checkHeaderName(text)
  if (!text.includes('*')) return
  throw invalidRequest(
    `ExposeHeader "${text.slice(0, 1024)}" contains wildcard. We currently do not support wildcard for ExposeHeader.`,
  )
}

const maxAgeMax = 2_147_483_647

function readMaxAge(element: XmlElement): number | undefined {
  const text = element.optionalText('MaxAgeSeconds')
  if (text === undefined) return undefined
  // Negative ones are S3's too; browsers take them for "do not keep it".
  if (!/^-?\d{1,10}$/.test(text) || Math.abs(Number(text)) > maxAgeMax) throw serviceError('MalformedXML')
  return Number(text)
}

export function corsConfigurationContent(configuration: CorsConfiguration): XmlContent {
  return {
    CORSRule: configuration.map(rule => ({
      ID: rule.id,
      AllowedHeader: rule.allowedHeaders,
      AllowedMethod: rule.allowedMethods,
      AllowedOrigin: rule.allowedOrigins,
      ExposeHeader: rule.exposeHeaders,
      MaxAgeSeconds: rule.maxAgeSeconds,
    })),
  }
}
