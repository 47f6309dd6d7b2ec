// Writes docs/reference/openapi.json from the routes themselves. A test fails while the file is not what this would write.
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openControlApi } from '../compatibility/control-api/control-api.ts'

const file = fileURLToPath(new URL('../../docs/reference/openapi.json', import.meta.url))
mkdirSync(fileURLToPath(new URL('.', new URL('../../docs/reference/openapi.json', import.meta.url))), {
  recursive: true,
})
const api = await openControlApi()
writeFileSync(file, `${JSON.stringify(await api.server.openapi(), null, 2)}\n`)
await api.close()
console.log(`wrote ${file}`)
