#!/usr/bin/env node
// npm start: the newcomer's run, with two stand-in clouds on this machine.
import process from 'node:process'
import { launch } from './launcher.js'

await launch('src/main.ts', ['demo', ...process.argv.slice(2)])
