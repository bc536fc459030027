export { type ApiKeyConfig, defineConfig, type PikConfig } from './config.ts';
