// A data folder belongs to one kind of engine. What either finds on its disk and its own database does not know of it removes, so the data of the
// other kind would be lost. There is no migration between the two yet.
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DataDir } from '../metadata/sqlite/data-dir.ts'

/** The folder holds the data of the other kind of engine; the message says what to do. */
export class OtherEngineError extends Error {
  override readonly name = 'OtherEngineError'
}

/** Remembers the engine in the folder, which must be locked by this process; throws OtherEngineError when it is another one's. */
export function takeDataDir(
  { path, databasePath }: Pick<DataDir, 'path' | 'databasePath'>,
  engine: 'embedded' | 'distributed',
): void {
  const marker = join(path, 'distributed')
  if (engine === 'embedded') {
    if (!existsSync(marker)) return
    throw new OtherEngineError(
      `${path} holds data of the distributed engine: give the configuration its \`engine\` part back, or choose another dataDir`,
    )
  }
  if (existsSync(databasePath))
    throw new OtherEngineError(
      `${path} holds data of the embedded engine, which the distributed one does not know of: choose another dataDir, or leave \`engine\` out`,
    )
  writeFileSync(marker, 'The objects in this folder belong to a metadata store in PostgreSQL.\n')
}
