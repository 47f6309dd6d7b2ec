// The same stories as test/integration/pause.test.ts, on the distributed engine.
process.env['ENGINE'] = 'distributed'
await import('../integration/pause.test.ts')
