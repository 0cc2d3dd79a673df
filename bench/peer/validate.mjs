// Validates a document with the official parser, as its command line does.
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';

const { diagnostics } = await new Parser().parse(readFileSync(process.argv[2], 'utf8'), { source: process.argv[2] });
console.log(`${diagnostics.length} findings`);
process.exit(diagnostics.some((d) => d.severity === 0) ? 1 : 0);
