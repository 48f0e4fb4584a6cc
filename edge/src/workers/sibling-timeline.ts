/**
 * What a worker tells the others of a stream that it follows for all of them: its timeline, or why there is none. Who knows
 * that already is let wait for something else, so that what it learns they learn at once.
 */

import type { ServerResponse } from 'node:http';
import { WAIT_LIMIT_MS } from '@headwater/protocol/cmaf-path';
import * as header from '@headwater/protocol/headers';
import type { StreamView } from '../stream-view.ts';
import type { TimelineRelay } from './timeline-relay.ts';

const SINCE = /^since=(\d{1,16})$/;
const STANDING = /^standing=(\w+)$/;

interface AskedTimeline {
  /** of the request's URL */
  readonly query: string;
  readonly response: ServerResponse;
  readonly signal: AbortSignal;
}

export async function answerTimeline(
  view: StreamView,
  relay: TimelineRelay,
  { query, response, signal }: AskedTimeline,
): Promise<void> {
  const text = SINCE.exec(query)?.[1];
  const since = text === undefined ? null : Number(text);
  const known = STANDING.exec(query)?.[1];
  const isNews = (): boolean =>
    view.timeline === undefined
      ? view.standing !== 'unknown' && view.standing !== known
      : view.timeline.revision !== since;
  // Who follows the stream by this one is as cut off as this one is, and has to know.
  await view.until(() => isNews() || view.isLost, { withinMs: WAIT_LIMIT_MS, signal });
  const { timeline, standing } = view;
  if (view.isLost) response.writeHead(503, ['Content-Length', '0']).end();
  else if (timeline === undefined) {
    response.writeHead(410, [header.STANDING, standing, 'Content-Length', '0']).end();
  } else {
    const body = Buffer.from(JSON.stringify(relay.change(view, timeline, since)));
    const via = view.via.length === 0 ? [] : [header.TIMELINE_VIA, view.via.join(', ')];
    response.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(body.length), ...via]);
    response.end(body);
  }
}
