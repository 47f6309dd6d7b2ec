#!/usr/bin/env node
// npm test: every test, with real servers.
import process from 'node:process'
import { launch } from './launcher.js'

await launch('test/run.ts', process.argv.slice(2))
