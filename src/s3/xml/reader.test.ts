// The strict reader: what it refuses, its limits, and its cursor.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fc } from '../../../test/properties.ts'
import { ServiceError } from '../../domain/errors.ts'
import { defaultXmlLimits, parseXml, type XmlLimits } from './reader.ts'
import { escapeXml, xmlDocument } from './writer.ts'

function refusal(body: string | Uint8Array, limits: Partial<XmlLimits> = {}, rootName?: string): string {
  try {
    parseXml(body, { ...defaultXmlLimits, ...limits }, rootName)
    return 'none'
  } catch (error) {
    return error instanceof ServiceError ? error.code : String(error)
  }
}

test('elements, text, CDATA, references and namespaces are read', () => {
  const root = parseXml(
    '<?xml version="1.0" encoding="UTF-8"?>\n<!-- c --><s3:Delete xmlns:s3="http://s3.amazonaws.com/doc/2006-03-01/">' +
      '<Quiet>true</Quiet><s3:Object><Key>a&amp;b&#xe9;<![CDATA[<c>]]></Key></s3:Object><Object><Key> x </Key></Object>' +
      '<Grantee xmlns:xsi="urn:x" xsi:type="CanonicalUser"/></s3:Delete>',
  )
  assert.equal(root.name, 'Delete')
  assert.equal(root.requiredText('Quiet'), 'true')
  assert.deepEqual(
    root.children('Object').map(object => object.requiredText('Key')),
    ['a&b\u00e9<c>', ' x '],
  )
  assert.deepEqual([...(root.child('Grantee')?.attributes ?? [])], [['type', 'CanonicalUser']])
  assert.equal(root.child('Nothing'), undefined)
  assert.equal(root.optionalText('Nothing'), undefined)
})

test('missing, repeated and nested elements are MalformedXML when one text is wanted', () => {
  const root = parseXml('<a><b>1</b><b>2</b><c><d/></c></a>')
  for (const read of [
    () => root.requiredText('x'),
    () => root.requiredText('b'),
    () => root.optionalText('b'),
    () => root.requiredText('c'),
    () => root.requiredChild('b'),
    () => root.text(),
  ]) {
    assert.throws(read, { code: 'MalformedXML' })
  }
  assert.equal(root.requiredChild('c').requiredText('d'), '')
})

test('everything odd is MalformedXML', () => {
  const bomb = '<!DOCTYPE a [<!ENTITY x "y"><!ENTITY z "&x;&x;">]><a>&z;</a>'
  const external = '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'
  const odd = [
    '',
    ' ',
    'text',
    '<a>',
    '<a',
    '<a></b>',
    '<a/><b/>',
    '<a/>text',
    'text<a/>',
    '<a>&x;</a>',
    '<a>&</a>',
    '<a b=c/>',
    '<a b="1" b="2"/>',
    '<a>\u0001</a>',
    '<a>&#0;</a>',
    '<a>&#1;</a>',
    '<a><?php ?></a>',
    '<a b="<"/>',
    '<1/>',
    bomb,
    external,
    '<?xml version="1.0" encoding="UTF-16"?><a/>',
    '<a>]]></a>',
    '<!DOCTYPE a><a/>',
  ]
  for (const body of odd) assert.equal(refusal(body), 'MalformedXML', body)
  for (const bytes of [
    [0x3c, 0x61, 0x3e, 0xff, 0x3c, 0x2f, 0x61, 0x3e],
    [0xff, 0xfe, 0x3c, 0x00],
    [0x3c, 0x61, 0x3e, 0xc3],
  ]) {
    assert.equal(refusal(Uint8Array.from(bytes)), 'MalformedXML', String(bytes))
  }
  assert.equal(refusal('<a/>', {}, 'b'), 'MalformedXML')
})

test('a byte order mark and control characters declared as XML 1.1 are accepted', () => {
  assert.equal(parseXml(Buffer.from('\ufeff<a>b</a>')).text(), 'b')
  assert.equal(parseXml('<?xml version="1.1"?><a>&#1;</a>').text(), '\u0001')
})

test('limits hold', () => {
  assert.equal(refusal('<a>bbbb</a>', { bytesMax: 10 }), 'MaxMessageLengthExceeded')
  assert.equal(refusal('<a><b><c/></b></a>', { depthMax: 2 }), 'MalformedXML')
  assert.equal(refusal('<a><b/><b/></a>', { elementsMax: 2 }), 'MalformedXML')
  assert.equal(refusal('<a>1234<!-- -->5</a>', { textMax: 4 }), 'MalformedXML')
  assert.equal(refusal('<a><![CDATA[12345]]></a>', { textMax: 4 }), 'MalformedXML')
  assert.equal(refusal('<a b="12345"/>', { textMax: 4 }), 'MalformedXML')
  assert.equal(refusal('<a b="1" c="2"/>', { attributesMax: 1 }), 'MalformedXML')
  assert.equal(refusal(`${'<a>'.repeat(100_000)}`), 'MalformedXML')
  assert.equal(refusal(`<a>${'<b/>'.repeat(100_000)}</a>`), 'MalformedXML')
})

test('names of the language runtime are names like others', () => {
  const root = parseXml('<a><constructor>1</constructor><__proto__>2</__proto__></a>')
  assert.equal(root.requiredText('constructor'), '1')
  assert.equal(root.requiredText('__proto__'), '2')
  assert.equal(root.child('toString'), undefined)
})

test('what the writer writes, the reader reads back', () => {
  const text = fc
    .string({ unit: 'binary', maxLength: 30 })
    .filter(value => value.isWellFormed() && !value.includes('\0'))
  fc.assert(
    fc.property(text, value => {
      const document = xmlDocument('a', { '@b': value, c: value }).replace('version="1.0"', 'version="1.1"')
      const root = parseXml(Buffer.from(document))
      assert.equal(root.requiredText('c'), value, escapeXml(value))
      assert.equal(root.attributes.get('b'), value)
    }),
    { numRuns: 40, verbose: 1 },
  )
})
