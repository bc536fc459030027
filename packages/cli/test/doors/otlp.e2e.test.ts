import { gzipSync } from 'node:zlib';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { OTLPLogExporter as JsonExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtoExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs';
import { expect, it } from 'vitest';

import { servedKit } from '../served.ts';

// The exporters of OpenTelemetry for JavaScript as clients of a served kit, over real connections.

const kit = servedKit();

const TIME = Date.UTC(2026, 0, 30, 10);
const attributes = {
  ...{ 'user.id': 'user_1', count: 3, ratio: 0.1, ok: true, tags: ['a', 'b'], 'event.name': 'order.placed' },
};

async function emit(exporter: JsonExporter | ProtoExporter, body: string): Promise<void> {
  const resource = resourceFromAttributes({ 'service.name': 'checkout', 'host.name': 'h' });
  const provider = new LoggerProvider({ resource, processors: [new SimpleLogRecordProcessor({ exporter })] });
  const record = { body, attributes, timestamp: TIME, severityNumber: SeverityNumber.INFO, severityText: 'INFO' };
  provider.getLogger('shop', '1.2').emit(record);
  await provider.forceFlush();
  await provider.shutdown();
}

it('takes a record from the exporters for JSON and for protobuf, compressed or not, as one event', async () => {
  const url = `${kit.url}/v1/logs`;
  await emit(new JsonExporter({ url }), 'paid');
  await emit(new ProtoExporter({ url }), 'paid');
  await emit(new ProtoExporter({ url, compression: 'gzip' as never }), 'paid');
  const { events } = await kit.ask.timelinePage({ entity_id: 'user_1' });
  expect(events).toHaveLength(1);
  expect(events[0]).toMatchObject({
    ...{ source: 'checkout', event_type: 'order.placed', event_time: '2026-01-30T10:00:00.000000000Z' },
  });
  const story = await kit.ask.explainEvent(events[0]?.event_id ?? '');
  expect(story.deliveries).toHaveLength(2);
});

it('reports rejected records as a partial success, and refuses bodies that are not requests', async () => {
  const post = async (body: string, headers: Record<string, string> = {}) => {
    const packed = gzipSync(body);
    const init = { 'content-type': 'application/json', 'content-encoding': 'gzip', ...headers };
    const response = await fetch(`${kit.url}/v1/logs`, { method: 'POST', headers: init, body: packed });
    return { status: response.status, json: await response.json() };
  };
  const record = { timeUnixNano: '1769767200000000000', body: { stringValue: 'x' } };
  const twice = '{"timeUnixNano":"1","timeUnixNano":"2","body":{}}';
  const of = (records: string) => `{"resourceLogs":[{"scopeLogs":[{"logRecords":[${records}]}]}]}`;
  expect(await post(of(JSON.stringify(record)))).toEqual({ status: 200, json: {} });
  const { status, json } = await post(of(`${JSON.stringify({ ...record, body: { stringValue: 'y' } })},5`));
  expect([status, json.partialSuccess.rejectedLogRecords]).toEqual([200, '1']);
  expect(json.partialSuccess.errorMessage).toContain('RECORD_NOT_OBJECT');
  expect((await post(of(twice))).json.partialSuccess.errorMessage).toContain('JSON_DUPLICATE_KEY');
  expect((await post('nothing')).json.code).toBe('FIELD_INVALID');
  expect((await post('{}', { 'content-type': 'text/plain' })).json.code).toBe('MEDIA_TYPE_UNSUPPORTED');
});
