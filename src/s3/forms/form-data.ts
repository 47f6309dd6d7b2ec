// Reads multipart/form-data as browsers send it (RFC 7578): small fields first, then one file, piece by piece as the bytes come off the socket.
// Fields are collected within a limit, the bytes of the file are handed on as they come, what follows the file is ignored. Every byte is looked
// at once, so time is linear and memory constant, however the body is cut or whatever the boundary is.
import { serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'

export type FormEvent =
  /** Names are in lower case: forms do not care. */
  | { readonly kind: 'field'; readonly name: string; readonly value: string }
  /** The file begins; its name is '' where the browser sends none. */
  | { readonly kind: 'file'; readonly filename: string }
  | { readonly kind: 'data'; readonly bytes: Buffer }
  | { readonly kind: 'file-end' }

export interface FormReader {
  /** Throws MalformedPOSTRequest, MaxPostPreDataLengthExceeded. */
  push(chunk: Buffer): readonly FormEvent[]
  /** Whether the file has begun. */
  hasFile(): boolean
}

/** The boundary of a Content-Type that is multipart/form-data: undefined for another type, '' for one without a usable boundary. */
export function formBoundary(contentType: string | undefined): string | undefined {
  const [type = '', ...parameters] = (contentType ?? '').split(';')
  if (type.trim().toLowerCase() !== 'multipart/form-data') return undefined
  for (const parameter of parameters) {
    const [, quoted, plain] = /^\s*boundary=(?:"([^"]*)"|(\S*))\s*$/i.exec(parameter) ?? []
    const boundary = quoted ?? plain
    if (boundary !== undefined) return boundary.length <= boundaryMax ? boundary : ''
  }
  return ''
}

/** RFC 2046. */
const boundaryMax = 70

export function createFormReader(boundary: string): FormReader {
  const parser = new FormParser(boundary)
  return { push: chunk => parser.push(chunk), hasFile: () => parser.hasFile() }
}

type State = 'preamble' | 'delimiter-end' | 'headers' | 'field' | 'file' | 'done'

const nothing: readonly FormEvent[] = []
const headersEnd = Buffer.from('\r\n\r\n')
const carriageReturn = 0x0d

class FormParser {
  readonly #delimiter: Buffer
  #state: State = 'preamble'
  // The first delimiter stands at the very beginning, without the line end that belongs to the others.
  #rest: Buffer = Buffer.from('\r\n')
  /** Where in `rest` the search goes on. */
  #searched = 0
  /** Bytes before the file. */
  #before = 0
  #name = ''
  #hasFile = false

  constructor(boundary: string) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1')
  }

  hasFile(): boolean {
    return this.#hasFile
  }

  push(chunk: Buffer): readonly FormEvent[] {
    if (this.#state === 'done') return nothing
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const events: FormEvent[] = []
    while (this.#step(events));
    if (!this.#hasFile && this.#before + this.#rest.length > limits.formFieldBytes) {
      throw serviceError('MaxPostPreDataLengthExceeded')
    }
    return events
  }

  /** One step through the body; false when more bytes are needed. */
  #step(events: FormEvent[]): boolean {
    switch (this.#state) {
      case 'preamble':
        return this.#findDelimiter() !== undefined && this.#goOn('delimiter-end')
      case 'delimiter-end':
        return this.#readDelimiterEnd()
      case 'headers':
        return this.#readHeaders(events)
      case 'field': {
        const value = this.#findDelimiter()
        if (value === undefined) return false
        events.push({ kind: 'field', name: this.#name, value: value.toString('utf8') })
        return this.#goOn('delimiter-end')
      }
      case 'file':
        return this.#readFile(events)
      default:
        return false
    }
  }

  #goOn(state: State): true {
    this.#state = state
    return true
  }

  /** What stands before the next delimiter, which is skipped with it; undefined when it is not here yet. */
  #findDelimiter(): Buffer | undefined {
    const at = this.#rest.indexOf(this.#delimiter, this.#searched)
    if (at < 0) {
      this.#searched = Math.max(0, this.#rest.length - this.#delimiter.length + 1)
      return undefined
    }
    const before = this.#rest.subarray(0, at)
    this.#skip(at + this.#delimiter.length)
    return before
  }

  #skip(count: number): void {
    if (this.#state !== 'file') this.#before += count
    this.#rest = this.#rest.subarray(count)
    this.#searched = 0
  }

  /** `--` ends the form; otherwise the line ends and a part begins. */
  #readDelimiterEnd(): boolean {
    if (this.#rest.length < 2) return false
    const next = this.#rest.toString('latin1', 0, 2)
    if (next === '--') this.#end()
    else if (next !== '\r\n') throw malformed()
    // The line end stays: a part without headers has nothing but it before the empty line.
    return this.#goOn(next === '--' ? 'done' : 'headers')
  }

  #end(): void {
    this.#rest = this.#rest.subarray(this.#rest.length)
  }

  #readHeaders(events: FormEvent[]): boolean {
    const at = this.#rest.indexOf(headersEnd, this.#searched)
    if (at < 0) {
      this.#searched = Math.max(0, this.#rest.length - headersEnd.length + 1)
      return false
    }
    const { name, filename } = readDisposition(this.#rest.toString('utf8', 0, at))
    this.#skip(at + headersEnd.length)
    if (name !== 'file') {
      this.#name = name
      return this.#goOn('field')
    }
    if (this.#before > limits.formFieldBytes) throw serviceError('MaxPostPreDataLengthExceeded')
    this.#hasFile = true
    events.push({ kind: 'file', filename })
    return this.#goOn('file')
  }

  #readFile(events: FormEvent[]): boolean {
    const at = this.#rest.indexOf(this.#delimiter)
    const size = at < 0 ? this.#rest.length - this.#possibleStart() : at
    if (size > 0) events.push({ kind: 'data', bytes: this.#rest.subarray(0, size) })
    if (at < 0) {
      this.#rest = this.#rest.subarray(size)
      return false
    }
    events.push({ kind: 'file-end' })
    this.#end()
    return this.#goOn('done')
  }

  /** How many bytes at the end may be the start of a delimiter. */
  #possibleStart(): number {
    const tail = this.#rest.subarray(Math.max(0, this.#rest.length - this.#delimiter.length + 1))
    for (let at = tail.indexOf(carriageReturn); at >= 0; at = tail.indexOf(carriageReturn, at + 1)) {
      if (tail.subarray(at).equals(this.#delimiter.subarray(0, tail.length - at))) return tail.length - at
    }
    return 0
  }
}

/** Name of the field in lower case, and of the file, of a part's headers. Throws MalformedPOSTRequest. */
function readDisposition(headers: string): { readonly name: string; readonly filename: string } {
  for (const line of headers.split('\r\n')) {
    const [, parameters] = /^content-disposition[ \t]*:[ \t]*form-data[ \t]*(;.*)$/i.exec(line) ?? []
    if (parameters === undefined) continue
    const name = parameterOf(parameters, 'name')
    if (name === undefined || name === '') break
    // Some browsers send the whole path.
    const filename = (parameterOf(parameters, 'filename') ?? '').replace(/^.*[/\\]/s, '')
    return { name: name.toLowerCase(), filename }
  }
  throw malformed()
}

/** A parameter as browsers write it: quotes within are `%22` or, in older ones, `\"`. */
function parameterOf(text: string, wanted: string): string | undefined {
  for (const [, name, quoted, plain] of text.matchAll(/;[ \t]*([a-z*]+)=(?:"((?:\\"|[^"])*)"|([^;\s"]*))/gi)) {
    if (name?.toLowerCase() !== wanted) continue
    return (quoted ?? plain ?? '').replace(/\\"|%22/g, '"')
  }
  return undefined
}

function malformed(): Error {
  return serviceError('MalformedPOSTRequest')
}
