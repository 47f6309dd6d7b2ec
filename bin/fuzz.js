#!/usr/bin/env node
// npm run fuzz -- --seconds N --seed S: requests of every operation, valid and mutated, against a server in the process.
import process from 'node:process'
import { launch } from './launcher.js'

await launch('test/fuzz/main.ts', process.argv.slice(2))
