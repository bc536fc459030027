import '../../support/resolve-sources.ts';

await import('./thread.ts');
