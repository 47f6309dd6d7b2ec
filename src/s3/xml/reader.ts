// Reads XML request bodies strictly: well-formed UTF-8 XML 1.0 without document type, entities of its own or processing instructions,
// within limits on size, depth and count. Anything else is MalformedXML. Namespace prefixes are ignored, unknown elements tolerated.

import { SaxesParser } from 'saxes'
import { ServiceError, serviceError } from '../../domain/errors.ts'
import { limits as programLimits } from '../../domain/limits.ts'

export interface XmlLimits {
  /** Body size; over it the error is MaxMessageLengthExceeded. */
  readonly bytesMax: number
  readonly depthMax: number
  readonly elementsMax: number
  /** Text of one element, and one attribute value, in UTF-16 units. */
  readonly textMax: number
  readonly attributesMax: number
}

/** Fits every configuration document and a multi-delete of 1,000 keys or a completion of 10,000 parts. */
export const defaultXmlLimits: XmlLimits = {
  bytesMax: programLimits.xmlBytes,
  depthMax: programLimits.xmlDepth,
  elementsMax: 100_000,
  textMax: 64 * 1024,
  attributesMax: 16,
}

/** One element; names are local names, prefixes dropped. */
export interface XmlElement {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly elements: readonly XmlElement[]
  /** The first child element of that name. */
  child(name: string): XmlElement | undefined
  /** All child elements of that name, in order. */
  children(name: string): readonly XmlElement[]
  /** The only child of that name. Throws MalformedXML when there is none or more than one. */
  requiredChild(name: string): XmlElement
  /** The only child of that name or undefined. Throws MalformedXML when there is more than one. */
  optionalChild(name: string): XmlElement | undefined
  /** Own character data, as sent (not trimmed); '' when there is none. Throws MalformedXML when there are child elements. */
  text(): string
  /** Text of the only child of that name, as sent. Throws MalformedXML when missing or repeated. */
  requiredText(name: string): string
  /** Text of the only child of that name, as sent, or undefined. Throws MalformedXML when repeated. */
  optionalText(name: string): string | undefined
}

const noAttributes: ReadonlyMap<string, string> = new Map()

class ParsedElement implements XmlElement {
  readonly name: string
  attributes: ReadonlyMap<string, string> = noAttributes
  readonly elements: ParsedElement[] = []
  ownText = ''

  constructor(name: string) {
    this.name = name
  }

  child(name: string): XmlElement | undefined {
    return this.elements.find(element => element.name === name)
  }

  children(name: string): readonly XmlElement[] {
    return this.elements.filter(element => element.name === name)
  }

  requiredChild(name: string): XmlElement {
    const only = this.optionalChild(name)
    if (only === undefined) throw serviceError('MalformedXML', { details: { MissingElement: name } })
    return only
  }

  optionalChild(name: string): XmlElement | undefined {
    let only: XmlElement | undefined
    for (const element of this.elements) {
      if (element.name !== name) continue
      if (only !== undefined) throw serviceError('MalformedXML', { details: { RepeatedElement: name } })
      only = element
    }
    return only
  }

  text(): string {
    if (this.elements.length > 0) throw serviceError('MalformedXML', { details: { UnexpectedContentIn: this.name } })
    return this.ownText
  }

  requiredText(name: string): string {
    return this.requiredChild(name).text()
  }

  optionalText(name: string): string | undefined {
    return this.optionalChild(name)?.text()
  }
}

/**
 * Parses a body and returns its root element, which must be called `rootName` if that is given. Throws MalformedXML and
 * MaxMessageLengthExceeded.
 */
export function parseXml(
  body: Uint8Array | string,
  limits: XmlLimits = defaultXmlLimits,
  rootName?: string,
): XmlElement {
  const length = typeof body === 'string' ? Buffer.byteLength(body, 'utf8') : body.byteLength
  if (length > limits.bytesMax) {
    throw serviceError('MaxMessageLengthExceeded', { details: { MaxMessageLengthBytes: String(limits.bytesMax) } })
  }
  const text = typeof body === 'string' ? body : decodeUtf8(body)
  const root = readTree(text, limits)
  if (rootName !== undefined && root.name !== rootName) {
    throw serviceError('MalformedXML', { details: { MissingElement: rootName } })
  }
  return root
}

function decodeUtf8(body: Uint8Array): string {
  try {
    // A leading byte order mark is dropped, wrong bytes are refused.
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch (cause) {
    throw serviceError('MalformedXML', { cause })
  }
}

function readTree(text: string, limits: XmlLimits): XmlElement {
  const parser = new SaxesParser()
  const open: ParsedElement[] = []
  const seen: { root?: ParsedElement; elements: number } = { elements: 0 }
  const refuse = (what: string): never => {
    throw serviceError('MalformedXML', { cause: new Error(what) })
  }
  parser.on('error', cause => {
    throw serviceError('MalformedXML', { cause })
  })
  parser.on('xmldecl', declaration => {
    if (declaration.encoding !== undefined && !/^(?:utf-?8|us-ascii)$/i.test(declaration.encoding)) refuse('encoding')
  })
  parser.on('doctype', () => refuse('document type'))
  parser.on('processinginstruction', () => refuse('processing instruction'))
  const attributes = { count: 0 }
  parser.on('opentagstart', () => {
    attributes.count = 0
  })
  // While they come: by the time the tag is whole, a body full of attributes has been read.
  parser.on('attribute', () => {
    if (++attributes.count > limits.attributesMax) refuse('too many attributes')
  })
  parser.on('opentag', tag => {
    if (++seen.elements > limits.elementsMax) refuse('too many elements')
    if (open.length >= limits.depthMax) refuse('too deep')
    const element = new ParsedElement(localName(tag.name))
    element.attributes = readAttributes(tag.attributes, limits, refuse)
    const parent = open.at(-1)
    if (parent === undefined) seen.root = element
    else parent.elements.push(element)
    open.push(element)
  })
  parser.on('closetag', () => {
    open.pop()
  })
  const addText = (piece: string): void => {
    const element = open.at(-1)
    if (element === undefined) return
    if (element.ownText.length + piece.length > limits.textMax) refuse('text too long')
    element.ownText += piece
  }
  parser.on('text', addText)
  parser.on('cdata', addText)
  try {
    parser.write(text).close()
  } catch (error) {
    throw error instanceof ServiceError ? error : serviceError('MalformedXML', { cause: error })
  }
  return seen.root ?? refuse('no root element')
}

function readAttributes(
  given: Readonly<Record<string, unknown>>,
  limits: XmlLimits,
  refuse: (what: string) => never,
): ReadonlyMap<string, string> {
  const names = Object.keys(given)
  if (names.length === 0) return noAttributes
  const attributes = new Map<string, string>()
  for (const name of names) {
    const value = String(given[name])
    if (value.length > limits.textMax) refuse('attribute too long')
    // Declarations of namespaces are no attributes.
    if (name !== 'xmlns' && !name.startsWith('xmlns:')) attributes.set(localName(name), value)
  }
  return attributes
}

function localName(name: string): string {
  const colon = name.indexOf(':')
  return colon < 0 ? name : name.slice(colon + 1)
}
