// What lies in a bucket below a prefix: names of objects and unfinished uploads, page by page. For sweeps of what dead processes left.
import { type AnswerElement, childOf, childText, rawChildText, readAnswerXml } from '../answer-xml.ts'
import { type S3Channel, uriEncodeText } from './channel.ts'
import { decoded, unreadable } from './reader.ts'

interface ListedUpload {
  readonly key: string
  readonly uploadId: string
}

/** Keys of the current objects below a prefix. */
export async function* listKeys(channel: S3Channel, prefix: string): AsyncGenerator<string> {
  for (let after = ''; ; ) {
    const query = `encoding-type=url&list-type=2&max-keys=1000&prefix=${uriEncodeText(prefix)}${after}`
    const page = await readPage(channel, query, 'ListBucketResult')
    for (const entry of page.root.children) {
      if (entry.name === 'Contents') yield page.text(entry, 'Key')
    }
    const token = childText(page.root, 'NextContinuationToken')
    if (childText(page.root, 'IsTruncated') !== 'true' || token === '') return
    after = `&continuation-token=${uriEncodeText(token)}`
  }
}

/** Uploads below a prefix that nobody has completed or aborted. */
export async function* listUploadsBelow(channel: S3Channel, prefix: string): AsyncGenerator<ListedUpload> {
  for (let after = ''; ; ) {
    const query = `encoding-type=url&max-uploads=1000&prefix=${uriEncodeText(prefix)}&uploads=${after}`
    const page = await readPage(channel, query, 'ListMultipartUploadsResult')
    for (const entry of page.root.children) {
      if (entry.name === 'Upload') yield { key: page.text(entry, 'Key'), uploadId: childText(entry, 'UploadId') }
    }
    const keyMarker = page.text(page.root, 'NextKeyMarker')
    const uploadMarker = childText(page.root, 'NextUploadIdMarker')
    if (childText(page.root, 'IsTruncated') !== 'true' || keyMarker === '') return
    after = `&key-marker=${uriEncodeText(keyMarker)}&upload-id-marker=${uriEncodeText(uploadMarker)}`
  }
}

interface Page {
  readonly root: AnswerElement
  /** Text of a child that `encoding-type` applies to. */
  text(element: AnswerElement, name: string): string
}

async function readPage(channel: S3Channel, query: string, name: string): Promise<Page> {
  const answer = await channel.send({ method: 'GET', key: null, query })
  const root = readAnswerXml(answer.body)
  if (root?.name !== name) throw unreadable('listing')
  const encoded = childText(root, 'EncodingType') === 'url'
  const text: Page['text'] = (element, child) =>
    childOf(element, child) === undefined ? '' : decoded(rawChildText(element, child), encoded)
  return { root, text }
}
