#!/usr/bin/env node
// The command line: crossbeat.js <command> ..., see crossbeat.js --help.
import process from 'node:process'
import { launch } from './launcher.js'

await launch('src/main.ts', process.argv.slice(2))
