// Prints who may do what, tried on a server: node test/compatibility/s3/write-access-table.ts
import { accessTable } from './access-table.ts'
import { startTestServer } from './test-server.ts'

const server = await startTestServer()
console.log(await accessTable(server))
await server.close()
