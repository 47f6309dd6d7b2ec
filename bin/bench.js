#!/usr/bin/env node
// npm run bench: the performance table.
import process from 'node:process'
import { launch } from './launcher.js'

await launch('test/bench/main.ts', process.argv.slice(2))
