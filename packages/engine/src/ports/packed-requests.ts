import type { PackedRequest } from './rows.ts';

/** The requests of a pack as they are stored in its row: a lone request in columns, which is the usual case on AWS. */
export interface StoredRequests {
  readonly request_id: string;
  readonly principal: string | null;
  /** All of them as JSON; null if there is only one. */
  readonly requests: string | null;
}

/** The stored form of the requests of a pack. */
export function storedRequests(requests: readonly PackedRequest[]): StoredRequests {
  const { request_id, principal } = requests[0] ?? { request_id: '', principal: null };
  if (requests.length <= 1) return { request_id, principal, requests: null };
  const listed = requests.map((request) => [request.request_id, request.principal, request.lines]);
  return { request_id, principal, requests: JSON.stringify(listed) };
}

/** The requests of a pack with this number of lines, from their stored form. */
export function readRequests(stored: StoredRequests, lines: number): PackedRequest[] {
  const { request_id, principal, requests } = stored;
  if (requests === null) return [{ request_id, principal, lines }];
  const listed = JSON.parse(requests) as [string, string | null, number][];
  return listed.map(([id, by, count]) => ({ request_id: id, principal: by, lines: count }));
}
