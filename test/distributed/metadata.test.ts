// The same stories as test/integration/metadata.test.ts, on the distributed engine.
process.env['ENGINE'] = 'distributed'
await import('../integration/metadata.test.ts')
