#!/usr/bin/env node
// npm run services: the real servers of the tests, kept running for development, with the environment that leads to them.
import process from 'node:process'
import { launch } from './launcher.js'

await launch('test/services/run.ts', process.argv.slice(2))
