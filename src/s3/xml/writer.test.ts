// The writer: order, arrays, attributes, and what it escapes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { escapeXml, s3Namespace, xmlDocument, xmlElement } from './writer.ts'

test('a document has a declaration, a namespace and its elements in order', () => {
  const document = xmlDocument(
    'ListBucketResult',
    { Name: 'b', Prefix: '', IsTruncated: false, KeyCount: 2, Contents: [{ Key: 'a' }, { Key: 'b' }], Next: undefined },
    s3Namespace,
  )
  assert.equal(
    document,
    '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
      '<Name>b</Name><Prefix></Prefix><IsTruncated>false</IsTruncated><KeyCount>2</KeyCount>' +
      '<Contents><Key>a</Key></Contents><Contents><Key>b</Key></Contents></ListBucketResult>',
  )
})

test('attributes, empty content and empty arrays are written', () => {
  assert.equal(
    xmlElement('Grantee', { '@xsi:type': 'a"b', ID: 1 }),
    '<Grantee xsi:type="a&quot;b"><ID>1</ID></Grantee>',
  )
  assert.equal(xmlElement('A', {}), '<A/>')
  assert.equal(xmlElement('A', []), '')
  assert.equal(xmlElement('A', ['x', 'y']), '<A>x</A><A>y</A>')
  assert.equal(xmlElement('A', undefined), '')
})

test('markup, quotes, line ends and control characters are escaped', () => {
  assert.equal(escapeXml('<a href="x">&amp;\'</a>'), "&lt;a href=&quot;x&quot;&gt;&amp;amp;'&lt;/a&gt;")
  assert.equal(escapeXml('a\r\n\tb\u0001\u0085\u2028\ufffe'), 'a&#xd;&#xa;&#x9;b&#x1;&#x85;&#x2028;&#xfffe;')
  assert.equal(escapeXml('gr\u00fc\u00df\u{1f600} plain'), 'gr\u00fc\u00df\u{1f600} plain')
})
