import { makeReplayRow } from '@pik/testkit';
import { describe, expect, it } from 'vitest';

import type { ReplayRow } from '../../ports/history-rows.ts';
import {
  parseReplayEnd,
  parseReplayRecord,
  replayEndKey,
  replayEndText,
  replayRecordKey,
  replayRecordText,
  replayView,
  replayViewWithWindows,
} from './replay-view.ts';

const ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const MS = Date.UTC(2026, 0, 5, 12);
const REQUEST = { ...makeReplayRow(ID), requested_ms: MS, as_of_ms: MS + 1 };
const ROW: ReplayRow = {
  ...REQUEST,
  status: 'COMPLETE',
  scanned: 3,
  sent: 2,
  messages: 1,
  next_cursor: null,
  ended_ms: MS + 2,
} as ReplayRow;

describe('the files of a replay', () => {
  it('are named by its id, and are read again as they were written', () => {
    expect([replayRecordKey(ID), replayEndKey(ID)]).toEqual([
      `records/v1/replays/${ID}.json`,
      `records/v1/replays/${ID}.end.json`,
    ]);
    const { replay_id, requested_ms, requested_by, request_id, reason, selection, as_of_ms, limit } = REQUEST;
    const request = { replay_id, requested_ms, requested_by, request_id, reason, selection, as_of_ms, limit };
    expect(replayRecordText(ROW)).toBe(`${JSON.stringify(request)}\n`);
    expect(parseReplayRecord(replayRecordText(ROW))).toEqual(request);
    const { status, scanned, sent, messages, next_cursor, ended_ms } = ROW;
    expect(parseReplayEnd(replayEndText(ROW))).toEqual({ status, scanned, sent, messages, next_cursor, ended_ms });
    expect(parseReplayEnd(replayEndText({ ...ROW, status: 'CANCELLED' }))?.status).toBe('CANCELLED');
  });

  it('are refused where they say something else', () => {
    for (const text of [
      '',
      'null',
      '{',
      '{}',
      '{"replay_id":7,"selection":{}}',
      '{"replay_id":"x"}',
      '{"selection":{}}',
    ])
      expect(parseReplayRecord(text)).toBeNull();
    for (const text of ['', 'null', '{', '{}', '{"status":"RUNNING"}', '{"status":7}'])
      expect(parseReplayEnd(text)).toBeNull();
  });
});

it('a replay as investigators see it, with its windows and those that failed', () => {
  const { replay_id, requested_by, request_id, reason, selection, limit } = REQUEST;
  const view = {
    replay_id,
    status: 'COMPLETE',
    requested_at: '2026-01-05T12:00:00.000000000Z',
    requested_by,
    request_id,
    reason,
    selection,
    as_of: '2026-01-05T12:00:00.001000000Z',
    limit,
    scanned: 3,
    sent: 2,
    messages: 1,
    next_cursor: null,
    ended_at: '2026-01-05T12:00:00.002000000Z',
  };
  expect(replayView(ROW)).toEqual(view);
  expect(replayView({ ...ROW, ended_ms: null }).ended_at).toBeNull();
  const windows = [{ metric: 'm' }] as never;
  const failure = { code: 'C', detail: 'd', event_id: 'e', failed_ms: MS };
  const failed = [{ metric: 'm', key: 'k', window_start_ms: MS, failure }] as never;
  expect(replayViewWithWindows(ROW, windows, failed)).toEqual({
    ...view,
    windows,
    failures: [
      {
        metric: 'm',
        key: 'k',
        window_start: '2026-01-05T12:00:00.000000000Z',
        code: 'C',
        detail: 'd',
        event_id: 'e',
        failed_at: '2026-01-05T12:00:00.000000000Z',
      },
    ],
  });
});
