// Reads XML request bodies strictly: well-formed UTF-8 XML 1.0 without document type, entities of its own or processing instructions,
// within limits on size, depth and count. Anything else is MalformedXML. Namespaces prefixes are ignored, unknown elements tolerated.

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
  bytesMax: 4 * 1024 * 1024,
  depthMax: 16,
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
  /** Text of the only child of that name, trimmed. Throws MalformedXML when missing or repeated. */
  requiredText(name: string): string
  /** Text of the only child of that name, trimmed, or undefined. Throws MalformedXML when repeated. */
  optionalText(name: string): string | undefined
}

/** Parses a body and returns its root element, which must be called `rootName` if that is given. Throws MalformedXML, MaxMessageLengthExceeded. */
export function parseXml(
  body: Uint8Array | string,
  limits: XmlLimits = defaultXmlLimits,
  rootName?: string,
): XmlElement {
  void body
  void limits
  void rootName
  throw new Error('not written yet')
}
