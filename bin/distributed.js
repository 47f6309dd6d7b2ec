#!/usr/bin/env node
// npm run distributed: every role as a process of its own, over Kafka, ZooKeeper, Redis and PostgreSQL on this machine.
import process from 'node:process'
import { launch } from './launcher.js'

await launch('src/main.ts', ['distributed', ...process.argv.slice(2)])
