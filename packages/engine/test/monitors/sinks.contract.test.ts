import { SNSClient } from '@aws-sdk/client-sns';
import {
  createAlertmanagerSink,
  createPagerDutySink,
  createSinks,
  createSlackSink,
  createSnsSink,
  createWebhookSink,
} from '@pik/engine/monitors';
import { describeSinkContract, makeAlert } from '@pik/testkit';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';

const SECRET = `whsec_${Buffer.from('a s3cret of thirty-two bytes, or so').toString('base64')}`;
const accepted = (status: number, body = '') => ({ status, body });

describeSinkContract('webhook', {
  accepted: accepted(204),
  open: (url) => createWebhookSink({ url: `${url}/s3cret`, secret: SECRET }),
  read({ headers, body }) {
    // The library of Standard Webhooks checks the signature and the time.
    const { type, data } = new Webhook(SECRET).verify(body, headers as Record<string, string>) as {
      type: string;
      data: { key: string; sentence: string };
    };
    const state = type === 'incident.firing' ? 'FIRING' : 'RESOLVED';
    const text = Object.values(data).join('\n');
    return { key: data.key, state, message: String(headers['webhook-id']), text };
  },
});

const unescaped = (text: string) => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

describeSinkContract('slack', {
  accepted: accepted(200, 'ok'),
  open: (url) => createSlackSink({ url: `${url}/services/s3cret` }),
  read({ body }) {
    const { text, blocks } = JSON.parse(body);
    const parts = blocks.map((block: { text?: { text: string }; elements?: { text: string }[] }) =>
      block.text === undefined ? block.elements?.[0]?.text : block.text.text,
    );
    const key = String(parts.at(-1)).replace('incident ', '');
    return {
      key,
      state: text.includes('resolved') ? 'RESOLVED' : 'FIRING',
      message: null,
      text: unescaped(parts.join('\n')),
    };
  },
});

describeSinkContract('pagerduty', {
  accepted: accepted(202, '{"status":"success"}'),
  open: (url) => createPagerDutySink({ url: `${url}/v2/enqueue`, routingKey: 's3cret' }),
  read({ body }) {
    const { routing_key, event_action, dedup_key, payload, links } = JSON.parse(body);
    expect([routing_key, payload.severity]).toEqual(['s3cret', 'critical']);
    const text = [
      payload.summary,
      ...Object.values(payload.custom_details),
      ...links.map(({ href }: { href: string }) => href),
    ];
    return {
      key: dedup_key,
      state: event_action === 'trigger' ? 'FIRING' : 'RESOLVED',
      message: `${dedup_key} ${event_action}`,
      text: text.join('\n'),
    };
  },
});

describeSinkContract('alertmanager', {
  accepted: accepted(200),
  open: (url) => createAlertmanagerSink({ url: `${url}/`, authorization: 'Bearer s3cret' }),
  read({ path, headers, body }) {
    expect([path, headers.authorization]).toEqual(['/api/v2/alerts', 'Bearer s3cret']);
    const [{ labels, annotations, startsAt, endsAt }] = JSON.parse(body);
    const state = Date.parse(endsAt) > Date.now() ? 'FIRING' : 'RESOLVED';
    const text = Object.values(annotations).join('\n');
    return { key: labels.incident, state, message: JSON.stringify([labels, startsAt, state]), text };
  },
});

describeSinkContract('sns', {
  accepted: accepted(200, '<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>'),
  triesOnce: false,
  open(url) {
    const credentials = { accessKeyId: 'key', secretAccessKey: 's3cret' };
    const client = new SNSClient({ endpoint: url, region: 'eu-west-1', credentials, maxAttempts: 1 });
    return createSnsSink({ topicArn: 'arn:aws:sns:eu-west-1:123456789012:alerts.fifo', client });
  },
  read({ body }) {
    const fields = new URLSearchParams(body);
    expect(fields.get('TopicArn')).toBe('arn:aws:sns:eu-west-1:123456789012:alerts.fifo');
    const { key, state, ...rest } = JSON.parse(fields.get('Message') ?? '');
    expect(fields.get('MessageGroupId')).toBe(key);
    return { key, state, message: fields.get('MessageDeduplicationId'), text: Object.values(rest).join('\n') };
  },
});

describe('sinks of a config', () => {
  it('are made from their declarations and variables', async () => {
    const bodies: string[] = [];
    const sinks = createSinks(
      {
        pager: { kind: 'pagerduty', routing_key_env: 'KEY' },
        hook: { kind: 'webhook', url: 'https://a.example', secret_env: 'HOOK' },
      },
      {
        variables: { KEY: 'k', HOOK: SECRET },
        fetch: async (url, { body }) => {
          bodies.push(`${url} ${body}`);
          return new Response('');
        },
      },
    );
    for (const sink of sinks.values()) await sink.send(makeAlert(), new AbortController().signal);
    expect(bodies[0]).toMatch(/^https:\/\/events\.pagerduty\.com\/v2\/enqueue .*"routing_key":"k"/);
    expect(bodies[1]).toMatch(/^https:\/\/a\.example /);
  });

  it.each([
    [{ a: { kind: 'webhook', url: 'https://a.example', secret_env: 'NONE' } }, /variable NONE/],
    [{ a: { kind: 'webhook', url: 'https://a.example', secret_env: 'SHORT' } }, /24 bytes/],
    [{ a: { kind: 'webhook', url: 'ftp://a', secret_env: 'SHORT' } }, /sinks\.a has a url/],
    [{ a: { kind: 'mail', to: 'x' } }, /needs a kind/],
    [{ a: { kind: 'slack', url_env: 'SHORT', channel: 'x' } }, /unknown field channel/],
    [{ a: { kind: 'slack', url_env: 'SHORT' } }, /not an http address/],
    [{ a: { kind: 'sns', topic_arn: 'x' } }, /not the ARN/],
    [{ 'a b': { kind: 'slack', url_env: 'SHORT' } }, /needs a name/],
  ])('are refused with the reason: %j', (declared, reason) => {
    expect(() => createSinks(declared as never, { variables: { SHORT: 'c2hvcnQ=' } })).toThrow(reason);
  });
});
