import { expect, it } from 'vitest';

import { type Asking, text } from './ask.ts';

/** Tests of the routes of monitors, on a kit that has none. */
export function monitors(ask: Asking): void {
  it('without monitors there is nothing to list, and nothing to mute', async () => {
    expect(await ask('/monitors')).toMatchObject({ status: 200, json: { monitors: [], as_of: expect.any(String) } });
    expect((await ask('/incidents?limit=1')).json).toEqual({ incidents: [], next_cursor: null });
    const body = text({ minutes: 5, reason: 'a release' });
    const unknown = { status: 404, json: { code: 'MONITOR_UNKNOWN' } };
    expect(await ask('/monitors/nobody/mute', { body })).toMatchObject(unknown);
    expect(await ask('/monitors/nobody/unmute', { method: 'POST' })).toMatchObject(unknown);
  });

  it.each([[{ minutes: 0 }], [{ minutes: 43_201 }], [{ minutes: 1.5 }], [{ minutes: 5, until: 'noon' }]])(
    'a monitor is not muted by %j',
    async (body) => {
      expect(await ask('/monitors/nobody/mute', { body: text(body) })).toMatchObject({
        status: 422,
        json: { code: 'REQUEST_INVALID' },
      });
    },
  );
}
