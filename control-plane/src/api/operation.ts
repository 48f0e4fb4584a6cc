/**
 * A route of the API, described once. From the description come its checks, the types that its handler works with, the 405 of
 * its path's other methods, and its part of the OpenAPI document.
 */

import type { ProblemCode } from '@headwater/protocol/problem';
import type { Context } from 'hono';
import type { z } from 'zod';
import type { Member } from '../fleet.ts';
import type { Principal } from '../people/principal.ts';
import type { Permission } from '../people/roles.ts';

/** What is known of a request. */
export interface ApiEnv {
  Variables: {
    requestId: string;
    /** where it comes from, through proxies that are trusted */
    address: string;
    /** once its access was checked, where that is `node` */
    member: Member;
    /** once its access was checked, where that is a permission */
    principal: Principal;
    /** its body, once that was checked */
    asked: unknown;
  };
}

export type ApiContext = Context<ApiEnv>;

/**
 * Who may ask. A permission: people, API keys and the admin token, by their role; `node`: with a node's credential; `join`: with
 * a join token; `open`: anybody, or the body itself says who.
 */
export type Access = Permission | 'node' | 'join' | 'open';

/** Whether people and their programs may ask, by their role. */
export function isPermission(access: Access): access is Permission {
  return access !== 'node' && access !== 'join' && access !== 'open';
}

/** `nodes (internal)` is what nodes ask by themselves; no operator needs it. */
type Tag =
  | 'streams'
  | 'zones'
  | 'tokens'
  | 'issuers'
  | 'revocations'
  | 'keys'
  | 'purges'
  | 'configs'
  | 'nodes'
  | 'viewers'
  | 'nodes (internal)'
  | 'people'
  | 'audit'
  | 'service';

/** The body of an answer: JSON of a schema, text, or none. */
export type AnswerBody = z.ZodType | 'text' | null;

export interface Operation<
  Path extends string = string,
  Body extends z.ZodType = z.ZodType,
  Query extends z.ZodObject = z.ZodObject,
> {
  /** unique; what generated clients name their functions by */
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** as Hono has it, `/v1/streams/:stream` */
  readonly path: Path;
  readonly tag: Tag;
  readonly access: Access;
  /** one line */
  readonly summary: string;
  /** an object of what comes in the query; anything else in it is ignored */
  readonly query?: Query;
  readonly body?: Body;
  /** GET: its answers carry an entity tag. Others: they take If-Match, and `asked.ifMatch` judges it. */
  readonly tagged?: true;
  /** it makes something, and may be sent again with the same Idempotency-Key */
  readonly idempotent?: true;
  /** of success, by status */
  readonly answers: Readonly<Record<number, AnswerBody>>;
  /** of a route that is not a GET: its handler tells the audit log by itself, or it is a node's own traffic, which is not told */
  readonly audit?: 'itself' | 'none';
  /** besides those that come from the description itself */
  readonly problems?: readonly ProblemCode[];
}

/** The names after the colons of a path. */
type ParamsOf<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Readonly<Record<Name, string>> & ParamsOf<Rest>
  : Path extends `${string}:${infer Name}`
    ? Readonly<Record<Name, string>>
    : unknown;

/** What a request asked, checked. */
interface Asked<Params, Body, Query> {
  readonly params: Params;
  readonly body: Body;
  readonly query: Query;
  /** whether the resource in this state is the one that the request means to change */
  readonly ifMatch: (state: unknown) => boolean;
}

type Handler<Params, Body, Query> = (
  context: ApiContext,
  asked: Asked<Params, Body, Query>,
) => Response | Promise<Response>;

/** A route as it is mounted and documented. */
export interface Route {
  readonly operation: Operation;
  readonly handle: Handler<unknown, unknown, unknown>;
}

/** Binds a handler to a description; its types are the description's. */
export function route<const Path extends string, Body extends z.ZodType, Query extends z.ZodObject>(
  operation: Operation<Path, Body, Query>,
  handle: Handler<ParamsOf<Path>, z.output<Body>, z.output<Query>>,
): Route {
  // What reaches it has matched this path and passed these schemas.
  return { operation, handle: handle as Route['handle'] };
}
