// The same conditions as test/compatibility/s3/list-objects.test.ts, with worker threads at the S3 port, as the program has them.
process.env['CROSSBEAT_TEST_WORKERS'] = '2'
await import('../compatibility/s3/list-objects.test.ts')
