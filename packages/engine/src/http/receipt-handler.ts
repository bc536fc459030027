import type { InvestigatePipeline } from '../api/pipeline.ts';
import { accepts } from './accepts.ts';
import { json } from './answer.ts';
import type { Handler } from './call.ts';

/** `GET /receipts/:pack_id/:line`: untrusted bytes, so never as a type that a browser would render. */
export const readReceipt: Handler<'receipt', InvestigatePipeline> = async (
  { pipeline },
  { query: { pack_id, line }, request, asking },
) => {
  const address = { pack_id, line };
  const headers = { vary: 'accept' };
  if (accepts(request, 'application/json'))
    return { ...json(await pipeline.ask('receipt', address, asking())), headers };
  const { body } = await pipeline.receipt(address, asking());
  const filename = `receipt-${pack_id}-${line}.bin`;
  return {
    status: 200,
    type: 'application/octet-stream',
    body: new Uint8Array(body),
    headers: { ...headers, 'content-disposition': `attachment; filename="${filename}"` },
  };
};
