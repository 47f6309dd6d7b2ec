// Writes docs/reference/s3-compatibility.md, or with --check says whether it is what this would write.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { s3CompatibilityDocument } from './s3-compatibility.ts'

const file = fileURLToPath(new URL('../../docs/reference/s3-compatibility.md', import.meta.url))
const text = s3CompatibilityDocument()
if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== text) {
    console.error(`${file} is not current: run node test/documentation/write-s3-compatibility.ts and commit it.`)
    process.exitCode = 1
  }
} else {
  writeFileSync(file, text)
  console.log(`wrote ${file}`)
}
