// The same conditions as test/compatibility/s3/put-object.test.ts, with worker threads at the S3 port, as the program has them.
process.env['CROSSBEAT_TEST_WORKERS'] = '2'
await import('../compatibility/s3/put-object.test.ts')
