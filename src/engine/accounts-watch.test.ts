// Goal: a running engine, with worker threads at its S3 port, takes a changed accounts file, and keeps the former accounts when the file is broken,
// which its probes tell. Method: a whole engine over a real file; requests until the answer is another, from every worker.
import assert from 'node:assert/strict'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { sha256Hex } from '../base/hash.ts'
import { amzDateOf, signV4Headers } from '../base/signature-v4.ts'
import { realWorld } from '../base/world.ts'
import { loadConfig } from '../config/load.ts'
import type { HostPort } from '../config/types.ts'
import { startEmbedded } from './embedded.ts'

function accountsWith(access: string): string {
  const account = {
    name: 'bart',
    email: 'bart@example.com',
    arn: 'arn:aws:iam::123456789012:root',
    canonicalID: '79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be',
    shortid: '123456789012',
    keys: [{ access, secret: 'secret' }],
  }
  return JSON.stringify({ accounts: [account] })
}

/** Asks over a connection of its own. */
function ask(
  at: HostPort,
  path: string,
  accessKey?: string,
): Promise<{ status: number; body: string; worker: string }> {
  const host = `${at.host}:${at.port}`
  const signing = { method: 'GET', host, path, query: '', headers: {}, region: 'us-east-1', service: 's3' }
  const payloadHash = sha256Hex('')
  const amzDate = amzDateOf(Date.now())
  const headers =
    accessKey === undefined ? {} : signV4Headers({ ...signing, payloadHash, amzDate, accessKey, secretKey: 'secret' })
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ ...at, path, headers, agent: false }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const worker = String(response.headers['x-amz-request-id'] ?? '').slice(0, 12)
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString(), worker })
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}

test('a changed accounts file is taken by every worker, a broken one by none', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'crossbeat-accounts-watch-'))
  const file = join(folder, 'accounts.json')
  const replace = async (text: string): Promise<void> => {
    await writeFile(`${file}.next`, text)
    await rename(`${file}.next`, file)
  }
  await replace(accountsWith('first'))
  const configFile = join(folder, 'crossbeat.yaml')
  const listen = '127.0.0.1:0'
  const written = { accounts: file, s3: { listen, workers: 2 }, control: { listen }, log: { level: 'silent' } }
  await writeFile(configFile, JSON.stringify(written))
  const result = await loadConfig(configFile)
  assert.ok(result.ok)
  const engine = await startEmbedded({ config: result.config, world: realWorld })
  t.after(async () => {
    await engine.close()
    await rm(folder, { recursive: true })
  })
  const workers = new Set<string>()
  while (workers.size < 2) workers.add((await ask(engine.s3, '/', 'first')).worker)
  await replace(accountsWith('second'))
  const changed = new Set<string>()
  while (changed.size < 2) {
    const { status, worker } = await ask(engine.s3, '/', 'second')
    if (status === 200) changed.add(worker)
  }
  assert.equal((await ask(engine.s3, '/', 'first')).status, 403)
  await replace('{')
  const notReady = async (): Promise<string> => (await ask(engine.control, '/ready')).body
  while (!(await notReady()).includes('is not JSON'));
  assert.match(await notReady(), /"status":"ready"/)
  assert.equal((await ask(engine.s3, '/', 'second')).status, 200)
  await replace(accountsWith('third'))
  while ((await notReady()).includes('is not JSON'));
})
