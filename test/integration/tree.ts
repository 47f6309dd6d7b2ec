// A tree of files as people have them: names in many scripts, with blanks and with characters that mean something in URLs, XML and shells; empty
// files, deep paths, one large file. The same names and bytes each time.
import { createHash } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { seededRandom } from '../faults/seeded-random.ts'
import { inParallel } from './two-clouds.ts'

/** MD5 by path below the tree's folder. */
export type Tree = Map<string, string>

const strangeNames = [
  'plain.txt',
  'with space.txt',
  'two  spaces.txt',
  'plus+plus.txt',
  '100%.txt',
  '%41%2F%25.txt',
  'a&b=c?d#e.txt',
  'quote\'s "both".txt',
  '<angle>&amp;.xml',
  'semi;colon,comma:colon.txt',
  'star*tilde~bang!(paren)[bracket]{brace}.txt',
  'back`tick^caret|pipe$dollar.txt',
  'привет мир.txt',
  '日本語/ファイル.txt',
  'emoji 🦀 crab.md',
  'e\u0301 decomposed.txt',
  'é composed.txt',
  'עברית/قديم.txt',
  '-starts-with-dash',
  '.hidden/.file',
  'no extension',
  'UPPER/lower/MiXeD',
  'dots..in...name.tar.gz',
  'ÿþ latin.txt',
  'long-'.padEnd(200, 'x'),
]

/** Writes `count` files and one of `largeBytes`; answers what is there. */
export async function growTree(folder: string, count: number, largeBytes: number): Promise<Tree> {
  const random = seededRandom(3)
  const tree: Tree = new Map()
  const paths = Array.from({ length: count - 1 }, (_, index) => pathOf(index))
  await inParallel(paths, 8, async path => {
    const size = path.includes('empty') ? 0 : 1 + Math.floor(random() * 3000)
    await writeAt(folder, path, fileBytes(path, size), tree)
  })
  await writeAt(folder, 'large/disk image.bin', fileBytes('large', largeBytes), tree)
  return tree
}

function pathOf(index: number): string {
  const strange = strangeNames[index]
  if (strange !== undefined) return `names/${strange}`
  if (index % 50 === 0) return `empty/${index}`
  if (index % 97 === 0) return `${Array.from({ length: 40 }, (_, depth) => `d${depth}`).join('/')}/${index}.txt`
  const folder = strangeNames[index % strangeNames.length]?.replace(/\//g, '-') ?? ''
  return index % 3 === 0 ? `${folder.slice(0, 60)}.d/${index}.json` : `data/${index % 20}/file ${index}.txt`
}

/** Every seventh file gets other bytes and another size, every eleventh goes away. Answers what changed how. */
export async function changeTree(
  folder: string,
  tree: Tree,
): Promise<{ readonly changed: readonly string[]; readonly removed: readonly string[] }> {
  const paths = [...tree.keys()].sort()
  const removed = paths.filter((_, index) => index % 11 === 5)
  const gone = new Set(removed)
  const changed = paths.filter((path, index) => index % 7 === 3 && !gone.has(path) && !path.startsWith('large/'))
  for (const path of removed) {
    await rm(join(folder, path))
    tree.delete(path)
  }
  await inParallel(changed, 8, path => writeAt(folder, path, fileBytes(`${path} anew`, 4000 + path.length), tree))
  return { changed, removed }
}

async function writeAt(folder: string, path: string, bytes: Uint8Array, tree: Tree): Promise<void> {
  const place = join(folder, path)
  await mkdir(dirname(place), { recursive: true })
  await writeFile(place, bytes)
  tree.set(path, md5(bytes))
}

export function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex')
}

/** Bytes that differ from seed to seed and within themselves. */
export function fileBytes(seed: string, size: number): Buffer {
  const block = createHash('sha512').update(seed).digest()
  const bytes = Buffer.alloc(size, block)
  for (let at = 0; at + 4 <= size; at += 4096) bytes.writeUInt32LE(at, at)
  return bytes
}
