export { type ApiKeyConfig, defineConfig, loadConfig, type PikConfig } from './config.ts';
export { defineRejectMap, type RefusedReceipt, type RejectMap } from './mend/reject-map.ts';
