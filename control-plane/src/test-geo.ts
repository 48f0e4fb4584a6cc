/** What stands in for a geo: answers any question that has a bearer with what it is told, and keeps the questions. */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Explanation } from '@headwater/protocol/explanation';

export interface TestGeo extends AsyncDisposable {
  readonly url: string;
  /** bearers that it was asked with */
  readonly asked: string[];
  /** the body of its answers */
  answer: string;
}

export const EXPLANATION: Explanation = {
  stream: 'show',
  geo: 'geo-1',
  viewer: {
    address: '203.0.113.7',
    place: { latitude: 50, longitude: 8 },
    country: 'DE',
    asn: null,
    source: 'country',
  },
  rule: { zones: ['eu'] },
  edges: [
    {
      rank: 1,
      id: 'edge-1',
      url: 'http://edge-1.example',
      zone: 'eu',
      failureDomain: 'edge-1',
      condition: 'serving',
      distanceKm: 12,
      load: 0.25,
      reasons: ['healthy'],
      notTaken: null,
    },
  ],
};

export async function startTestGeo(): Promise<TestGeo> {
  const asked: string[] = [];
  const geo = { asked, answer: JSON.stringify(EXPLANATION) };
  const server = createServer((request, response) => {
    asked.push((request.headers.authorization ?? '').replace('Bearer ', ''));
    response.end(geo.answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(geo, {
    url,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await server[Symbol.asyncDispose]();
    },
  });
}
