import type { Alert } from '../rules/alert.ts';
import { checkedUrl, type Fetch, post } from './post.ts';
import type { Sink } from './sink.ts';

/** An incoming webhook of Slack. */
export interface SlackSinkOptions {
  /** Its address, which is a secret. */
  readonly url: string;
  readonly fetch?: Fetch | undefined;
}

/**
 * Posts alerts into a channel of Slack. Slack does not recognize repeats: if an answer is lost, the message is posted twice, with the same
 * key.
 * @throws KitError `CONFIG_INVALID` for an address that cannot be used.
 */
export function createSlackSink({ url, fetch = globalThis.fetch }: SlackSinkOptions): Sink {
  const to = checkedUrl(url, 'the address of the webhook of Slack');
  return { refreshMs: null, send: (alert, signal) => post({ url: to, body: messageOf(alert), signal, fetch }) };
}

const ICONS = { critical: ':rotating_light:', warning: ':warning:', info: ':information_source:' } as const;

function messageOf(alert: Alert): string {
  const { state, severity, monitor, sentence, link, command, runbook, key } = alert;
  const icon = state === 'FIRING' ? ICONS[severity] : ':white_check_mark:';
  const head = `${icon} *${escaped(monitor)}* ${state === 'FIRING' ? severity : 'resolved'}`;
  const links = [link === null ? null : `<${link}|Evidence>`, `<${escaped(runbook)}|What to do>`];
  const section = (text: string) => ({ type: 'section', text: { type: 'mrkdwn', text } });
  return JSON.stringify({
    // For notifications, and clients without blocks.
    text: `${head}: ${escaped(sentence)}`,
    blocks: [
      section(`${head}\n${escaped(sentence)}`),
      section(`\`${escaped(command).replaceAll('`', "'")}\`\n${links.filter((one) => one !== null).join(' · ')}`),
      { type: 'context', elements: [{ type: 'mrkdwn', text: `incident ${key}` }] },
    ],
  });
}

/** Slack's own escapes: no text of a sender becomes a mention or a link. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
