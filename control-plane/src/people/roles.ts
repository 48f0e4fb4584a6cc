/** Who may do what: each route names the permission that it needs, and this table says which roles have it. */

export const ROLES = ['admin', 'operator', 'publisher', 'viewer-issuer'] as const;

export type Role = (typeof ROLES)[number];

const OPERATOR = [
  'own',
  'stream.read',
  'stream.key',
  'stream.create',
  'stream.delete',
  'zone.read',
  'zone.change',
  'zone.delete',
  'token.mint',
  'revocation.create',
  'issuer.read',
  'path-key.rotate',
  'purge.read',
  'purge.order',
  'purge.all',
  'config.read',
  'config.change',
  'node.read',
  'node.drain',
  'node.remove',
  'join-token.read',
  'join-token.change',
] as const;

/** What only those have who say whom the fleet trusts. */
const TRUST = ['issuer.change', 'people.read', 'people.change', 'audit.read'] as const;

export type Permission = (typeof OPERATOR)[number] | (typeof TRUST)[number];

export const PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = {
  admin: [...OPERATOR, ...TRUST],
  operator: OPERATOR,
  publisher: ['own', 'stream.read', 'stream.key', 'stream.create'],
  'viewer-issuer': ['own', 'stream.read', 'zone.read', 'token.mint', 'revocation.create'],
};

/** What cannot be taken back, or changes whom the fleet trusts: a person shows the second factor again. */
export const SENSITIVE: ReadonlySet<Permission> = new Set([
  'stream.delete',
  'zone.delete',
  'path-key.rotate',
  'purge.all',
  'node.remove',
  'join-token.change',
  'issuer.change',
  'people.change',
]);
