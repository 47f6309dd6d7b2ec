#!/usr/bin/env node
// npm run check: format, lint, types, tidy, dead code.
import process from 'node:process'
import { launch } from './launcher.js'

await launch('test/check.ts', process.argv.slice(2))
