// The same stories as test/integration/demo.test.ts, of `npm run distributed`.
process.env['ENGINE'] = 'distributed'
await import('../integration/demo.test.ts')
