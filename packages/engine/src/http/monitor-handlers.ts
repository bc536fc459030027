import type { MonitorPipeline } from '../api/pipeline.ts';
import { json } from './answer.ts';
import type { Handler, Handlers } from './call.ts';
import { readJsonBody } from './json-body.ts';

/** `POST /monitors/:name/mute`. */
const muteMonitor: Handler<'muteMonitor', MonitorPipeline> = async ({ pipeline }, call) => {
  const { body, wireBytes } = await readJsonBody('muteMonitor', call.request);
  call.notes.bytes_in = wireBytes;
  return json(await pipeline.muteMonitor(call.query.name, body, call.principal));
};

/** `POST /monitors/:name/unmute`. */
const unmuteMonitor: Handler<'unmuteMonitor', MonitorPipeline> = async ({ pipeline }, { query }) =>
  json(await pipeline.unmuteMonitor(query.name));

/** The handlers of the routes that mute monitors. */
export const MONITOR_HANDLERS = { muteMonitor, unmuteMonitor } satisfies Handlers<MonitorPipeline>;
