/** People of a test's control plane, over its API. */

import { codeAt } from './people/test-people.ts';
import type { TestPlane } from './test-plane.ts';

/** Somebody who is logged in, has a password of their own and a second factor. */
export interface TestPerson {
  readonly name: string;
  readonly password: string;
  readonly bearer: string;
  readonly refreshToken: string;
  /** of the second factor, in base32 */
  readonly secret: string;
  readonly recoveryCodes: readonly string[];
}

interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

const GIVEN = 'given by the admin';
export const OWN = 'chosen by the person';

/** Makes an account and its first password. */
export async function addUser(plane: TestPlane, user: { readonly name: string; readonly role: string }): Promise<void> {
  await must(plane, 'POST', '/v1/users', { ...user, password: GIVEN });
}

/** Logs in with the password that was given, and chooses another. */
export async function settle(plane: TestPlane, name: string): Promise<Tokens> {
  const first = await enter(plane, { name, password: GIVEN });
  await must(plane, 'POST', '/v1/me/password', { current: GIVEN, next: OWN }, first.accessToken);
  return enter(plane, { name, password: OWN });
}

export async function enter(plane: TestPlane, login: object): Promise<Tokens> {
  return (await must(plane, 'POST', '/v1/login', login, '')) as unknown as Tokens;
}

/** Makes an account and all that a person does once. */
export async function addPerson(
  plane: TestPlane,
  user: { readonly name: string; readonly role: string; readonly streams?: readonly string[] },
): Promise<TestPerson> {
  await addUser(plane, user);
  const { accessToken: bearer, refreshToken } = await settle(plane, user.name);
  const { secret } = await must(plane, 'POST', '/v1/me/second-factor', { password: OWN }, bearer);
  const code = codeAt(secret as string, plane.clock.nowMs());
  const { recoveryCodes } = await must(plane, 'POST', '/v1/me/second-factor/confirm', { code }, bearer);
  const known = { name: user.name, password: OWN, bearer, refreshToken };
  return { ...known, secret: secret as string, recoveryCodes: recoveryCodes as string[] };
}

/** An API key's secret. */
export async function addKey(plane: TestPlane, key: object): Promise<string> {
  return (await must(plane, 'POST', '/v1/api-keys', { label: 'test', ...key })).key as string;
}

/** What is answered, which has to be good. */
async function must(
  plane: TestPlane,
  ...asked: [method: string, path: string, body: unknown, bearer?: string]
): Promise<Record<string, unknown>> {
  const { status, body } = await plane.call(...asked);
  if (status >= 300) throw new Error(`${asked[0]} ${asked[1]}: ${JSON.stringify(body)}`);
  return body;
}
