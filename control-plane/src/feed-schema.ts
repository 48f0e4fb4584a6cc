/** The feed as a schema, for its part of the OpenAPI document. What writes it is typed by `@headwater/protocol/feed`. */

import { z } from 'zod';
import { CONFIG_ENTRY } from './settings-schema.ts';
import { NODE_RECORD } from './node-schema.ts';
import { LADDER, POLICY } from './stream-schema.ts';
import { PURGE } from './purge-schema.ts';
import { ZONE } from './zone-schema.ts';

const MESSAGE = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('stream'),
      stream: z.strictObject({
        name: z.string(),
        policy: POLICY,
        keyHash: z.string().describe('SHA-256 of the publish key, base64url'),
        origin: z.string().nullable(),
        ladder: LADDER.nullable(),
      }),
    }),
    z.strictObject({ type: z.literal('stream-removed'), name: z.string() }),
    z.strictObject({
      type: z.literal('path-keys'),
      keys: z.array(z.strictObject({ kid: z.string(), secret: z.string(), state: z.enum(['current', 'previous']) })),
    }),
    z.strictObject({
      type: z.literal('issuer'),
      issuer: z.strictObject({
        iss: z.string(),
        alg: z.enum(['HS256', 'ES256', 'EdDSA']),
        secret: z.string().exactOptional(),
        jwk: z.record(z.string(), z.unknown()).exactOptional(),
      }),
    }),
    z.strictObject({ type: z.literal('issuer-removed'), iss: z.string() }),
    z.strictObject({
      type: z.literal('revocation'),
      session: z.string().exactOptional(),
      stream: z.string().exactOptional(),
      zone: z.string().exactOptional(),
      atMs: z.int(),
    }),
    z.strictObject({ type: z.literal('node'), node: NODE_RECORD }),
    z.strictObject({ type: z.literal('node-removed'), id: z.string() }),
    z.strictObject({ type: z.literal('purge'), purge: PURGE }),
    z.strictObject({ type: z.literal('zone'), zone: ZONE }),
    z.strictObject({ type: z.literal('zone-removed'), name: z.string() }),
    z.strictObject({ type: z.literal('config'), config: CONFIG_ENTRY }),
    z.strictObject({ type: z.literal('config-removed'), scope: z.string() }),
  ])
  .meta({ id: 'FeedMessage' });

export const FEED_PAGE = z
  .strictObject({
    cursor: z.string(),
    snapshot: z.boolean().describe('the messages are everything, and replace what the node knew'),
    messages: z.array(MESSAGE),
    lastPurge: z
      .strictObject({ id: z.string(), atMs: z.int() })
      .exactOptional()
      .describe('of a snapshot: the last purge before it'),
  })
  .meta({ id: 'FeedPage' });
