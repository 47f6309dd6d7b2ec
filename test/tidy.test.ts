// Goal: the house rules hold in the whole repository, and each rule catches what it is there for. Method: run the rules
// over the repository, and over small made-up files.
import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { codeOnly, functionsOf } from './tidiness/source-text.ts'
import { findViolations, violationsOf } from './tidy.ts'

const opening = '// What it is.\n'

function rulesBroken(path: string, text: string): string[] {
  return violationsOf(path, opening + text).map(({ line, rule }) => `${line} ${rule}`)
}

test('the repository is tidy', () => {
  const lines = findViolations(dirname(import.meta.dirname)).map(({ path, line, rule }) => `${path}:${line}  ${rule}`)
  assert.deepEqual(lines, [])
})

test('a stage may import ports, the domain and its own files, and nothing else of ours', () => {
  const allowed = `import type { Ledger } from '../metadata/ledger.ts'\nimport { a } from './b.ts'\nimport '../domain/c.ts'\n`
  assert.deepEqual(rulesBroken('src/replicate/task.ts', allowed), [])
  for (const target of ['../s3/server.ts', '../queue/populator.ts', '../engine/engine.ts', '../api/routes.ts']) {
    assert.equal(rulesBroken('src/replicate/task.ts', `import { x } from '${target}'\n`).length, 1, target)
    assert.equal(rulesBroken('src/replicate/task.ts', `await import('${target}')\n`).length, 1, target)
  }
})

test('an adapter is seen by the engine and by tests only', () => {
  const text = `import { open } from '../metadata/sqlite/store.ts'\n`
  assert.equal(rulesBroken('src/s3/call.ts', text).length, 1)
  assert.deepEqual(rulesBroken('src/engine/embedded.ts', text), [])
  assert.deepEqual(rulesBroken('src/s3/call.test.ts', text), [])
})

test('a folder that no layer knows is reported', () => {
  assert.equal(rulesBroken('src/elsewhere/x.ts', `import '../domain/c.ts'\n`).length, 1)
})

test('each package has one door, and one without a door may not be imported', () => {
  assert.deepEqual(rulesBroken('src/config/yaml.ts', `import { parse } from 'yaml'\n`), [])
  assert.match(rulesBroken('src/s3/http/server.ts', `import { parse } from 'yaml'\n`)[0] ?? '', /^2 yaml may only be/)
  assert.match(rulesBroken('src/s3/http/server.ts', `import x from 'left-pad/deep'\n`)[0] ?? '', /left-pad has no door/)
  assert.match(
    rulesBroken('src/s3/http/server.ts', `import x from 'node:sqlite'\n`)[0] ?? '',
    /node:sqlite may only be/,
  )
  assert.deepEqual(rulesBroken('src/s3/http/server.ts', `import { createServer } from 'node:http'\n`), [])
})

test('clock, randomness, timers and environment are banned outside their files, in code but not in text', () => {
  const calls = [
    'Date.now()',
    'Math.random()',
    'setTimeout(f, 1)',
    'setImmediate(f)',
    'process.env',
    'performance.now()',
  ]
  for (const call of calls) {
    assert.equal(rulesBroken('src/s3/http/server.ts', `const a = ${call}\n`).length, 1, call)
    assert.deepEqual(rulesBroken('src/base/world.ts', `const a = ${call}\n`), [], call)
    assert.deepEqual(rulesBroken('src/s3/http/server.ts', `const a = '${call}' // ${call}\n`), [], call)
    assert.equal(
      rulesBroken('src/s3/http/server.ts', `const a = \`b\${${call}}c\`\n`).length,
      1,
      `${call} in a template`,
    )
  }
  assert.deepEqual(rulesBroken('src/s3/http/server.ts', 'world.timers.setTimeout(f)\n'), [])
})

test('long files and long functions are reported, suites of tests are not', () => {
  const body = `${'  step()\n'.repeat(70)}`
  assert.deepEqual(rulesBroken('src/s3/a.ts', `function a(): void {\n${'  step()\n'.repeat(68)}}\n`), [])
  assert.match(rulesBroken('src/s3/a.ts', `function a(): void {\n${body}}\n`)[0] ?? '', /has 72 lines/)
  assert.match(rulesBroken('src/s3/a.ts', `const a = () => {\n${body}}\n`)[0] ?? '', /has 72 lines/)
  assert.match(rulesBroken('src/s3/a.ts', `class A {\n  async go(): Promise<void> {\n  ${body}  }\n}\n`)[0] ?? '', /72/)
  assert.deepEqual(rulesBroken('test/conformance/a.ts', `function a() {\n  test('x', () => {})\n${body}}\n`), [])
  assert.match(rulesBroken('src/s3/a.ts', 'step()\n'.repeat(500))[0] ?? '', /the file has 501 lines/)
})

test('names, barrels, default exports and notes to self are reported', () => {
  assert.match(rulesBroken('src/s3/fooBar.ts', '')[0] ?? '', /kebab-case/)
  assert.match(rulesBroken('src/s3/utils/a.ts', '')[0] ?? '', /name the folder/)
  assert.match(rulesBroken('src/s3/index.ts', '')[0] ?? '', /barrel/)
  assert.match(rulesBroken('src/s3/a.ts', `export * from './b.ts'\n`)[0] ?? '', /barrel/)
  assert.match(rulesBroken('src/s3/a.ts', 'export default 1\n')[0] ?? '', /default exports/)
  assert.match(rulesBroken('src/s3/a.ts', `// TO${'DO'} later\n`)[0] ?? '', /finish it/)
  assert.match(violationsOf('src/s3/a.ts', 'const a = 1\n')[0]?.rule ?? '', /opens with a comment/)
})

test('text is told from code, also in templates and regular expressions', () => {
  const strip = (text: string): string => codeOnly(text).replace(/ +/g, ' ').trim()
  assert.equal(strip("a('x // y') // z"), 'a( )')
  assert.equal(strip('a(`x #{b(`y #{c}`)} z`) + d'.replaceAll('#', '$')), 'a( b( c ) ) + d')
  assert.equal(strip("a.match(/['`]\\/[/{]/g) || b / c / d"), 'a.match( g) || b / c / d')
  assert.equal(strip('/* a\n b */ c'), 'c')
  assert.deepEqual(functionsOf('if (a) {\n  b()\n}\nfor (;;) {\n}\nconst x = {\n}\n'), [])
})
