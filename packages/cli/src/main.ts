#!/usr/bin/env node
import { prepareThread } from './prepare-thread.ts';

prepareThread();
const { run } = await import('./program.ts');

process.exitCode = await run(process.argv.slice(2));
