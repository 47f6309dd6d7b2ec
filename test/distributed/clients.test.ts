// The same stories as test/integration/clients.test.ts, on the distributed engine.
process.env['ENGINE'] = 'distributed'
await import('../integration/clients.test.ts')
