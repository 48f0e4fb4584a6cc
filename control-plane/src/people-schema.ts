/** What the API says of people and their keys. */

import { z } from 'zod';
import { type Account, isAccountName } from './people/accounts.ts';
import type { ApiKey } from './people/api-keys.ts';
import { isEnrolled } from './people/login.ts';
import { ROLES, type Role } from './people/roles.ts';

const PASSWORD_CHARS = { min: 12, max: 256 } as const;
const SCOPES = 100;

export const USER_NAME = z
  .string()
  .refine(isAccountName, 'wants 1 to 63 of a-z 0-9 _ -, starting with a letter or digit');
export const ROLE = z.enum(ROLES);
export const PASSWORD = z.string().min(PASSWORD_CHARS.min).max(PASSWORD_CHARS.max);
/** Of a log-in, which is no place to tell what a password must be like. */
export const SHOWN_PASSWORD = z.string().max(PASSWORD_CHARS.max);
export const CODE = z.string().max(64).describe('of the authenticator app, or a recovery code');

export const STREAMS = z
  .array(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}\*?$/, 'wants a stream, or a beginning and *'))
  .min(1)
  .max(SCOPES)
  .nullable()
  .describe('which streams a publisher or viewer-issuer is for; null: all');

export const USER = z
  .strictObject({
    name: USER_NAME,
    role: ROLE,
    streams: STREAMS,
    disabled: z.boolean(),
    secondFactor: z.boolean(),
    mustChangePassword: z.boolean(),
    createdAt: z.iso.datetime(),
    lastLoginAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'User' });

export const API_KEY = z
  .strictObject({
    id: z.string(),
    label: z.string(),
    role: ROLE,
    streams: STREAMS,
    sensitive: z.boolean().describe('it may do what people show the second factor again for'),
    createdBy: z.string(),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().nullable(),
    usedAt: z.iso.datetime().nullable().describe('to the minute'),
  })
  .meta({ id: 'ApiKey' });

/** Only these roles are for some streams and not for others. */
export function mayBeScoped(role: Role): boolean {
  return role === 'publisher' || role === 'viewer-issuer';
}

export function describeUser(account: Account): z.output<typeof USER> {
  const { name, role, streams, disabled, mustChangePassword, createdAtMs, lastLoginAtMs } = account;
  const times = { createdAt: isoOf(createdAtMs), lastLoginAt: orNull(lastLoginAtMs) };
  const scope = streams === null ? null : [...streams];
  return { name, role, streams: scope, disabled, secondFactor: isEnrolled(account), mustChangePassword, ...times };
}

export function describeKey(key: ApiKey): z.output<typeof API_KEY> {
  const { id, label, role, streams, sensitive, createdBy } = key;
  const times = { createdAt: isoOf(key.createdAtMs), expiresAt: orNull(key.expiresAtMs), usedAt: orNull(key.usedAtMs) };
  return { id, label, role, streams: streams === null ? null : [...streams], sensitive, createdBy, ...times };
}

function isoOf(atMs: number): string {
  return new Date(atMs).toISOString();
}

function orNull(atMs: number | null): string | null {
  return atMs === null ? null : isoOf(atMs);
}
