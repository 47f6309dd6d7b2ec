// What the newcomer's run uploads: a few real files of this project, an empty one, one with a name outside ASCII, and 64 MiB by multipart.
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'

export interface DemoFile {
  readonly key: string
  readonly contentType: string
  readonly bytes: Uint8Array
  /** Uploaded in parts. */
  readonly multipart: boolean
}

const largeBytes = 64 * 1024 ** 2

export async function demoFiles(projectRoot: string): Promise<readonly DemoFile[]> {
  const text = async (path: string, key = path): Promise<DemoFile> => ({
    key,
    contentType: path.endsWith('.json') ? 'application/json' : 'text/markdown; charset=utf-8',
    bytes: await readFile(join(projectRoot, path)),
    multipart: false,
  })
  const large = randomBytes(largeBytes)
  return [
    await text('README.md'),
    await text('package-lock.json', 'config/package-lock.json'),
    await text('docs/internals/architecture.md', `docs/${basename('architecture.md')}`),
    {
      key: 'notes/привет, 世界.txt',
      contentType: 'text/plain; charset=utf-8',
      bytes: Buffer.from('Hello from Crossbeat\n'),
      multipart: false,
    },
    { key: 'empty', contentType: 'application/octet-stream', bytes: new Uint8Array(), multipart: false },
    { key: 'video/64-mebibytes.bin', contentType: 'application/octet-stream', bytes: large, multipart: true },
  ]
}
