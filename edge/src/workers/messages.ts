/** What a node's process and its workers say to each other, over the channel that each is born with. */

import type { FeedPage } from '@headwater/protocol/feed';
import type { ProcessLoad } from '@headwater/service/load-meter';
import type { EdgeConfig } from '../config.ts';
import type { Purged } from '../purge.ts';
import type { NamedObject } from './team.ts';

/** The first thing that a worker hears. */
export interface Begin {
  readonly kind: 'begin';
  /** from 1 */
  readonly worker: number;
  /** its own, with its share of the node's limits */
  readonly config: EdgeConfig;
  /** where the workers have their sockets */
  readonly directory: string;
  /** all that the node knows; null before the feed's first page */
  readonly known: FeedPage | null;
  /** the socket to listen on comes with this */
  readonly isHeir: boolean;
  /** what was ordered since the worker that this one replaces did what it was told */
  readonly missed: readonly FeedPage[];
}

export type ToWorker =
  | Begin
  /** do what the page orders; one that is not new was taken in before */
  | { readonly kind: 'page'; readonly question: number; readonly page: FeedPage; readonly isNew: boolean }
  | { readonly kind: 'report'; readonly question: number }
  | { readonly kind: 'forget'; readonly question: number; readonly objects: readonly NamedObject[] }
  /** all have done what a worker wanted */
  | { readonly kind: 'forgotten'; readonly wish: number }
  /** all that was ordered up to now has been carried out */
  | { readonly kind: 'heard' }
  /** close the disk, and send the socket that you listen on */
  | { readonly kind: 'lend' }
  /** another listens on your socket; end what you have begun, and say when you have */
  | { readonly kind: 'retire' }
  | ({ readonly kind: 'used-by-others' } & UsedByOthers)
  /** the workers that serve */
  | { readonly kind: 'serving'; readonly workers: readonly number[] };

export type FromWorker =
  | { readonly kind: 'serves' }
  /** the socket comes with it */
  | { readonly kind: 'lent' }
  | { readonly kind: 'retired' }
  | { readonly kind: 'carried-out'; readonly question: number; readonly purged: readonly Purged[] }
  | { readonly kind: 'report'; readonly question: number; readonly report: Report }
  | { readonly kind: 'forgot'; readonly question: number }
  | ({ readonly kind: 'used' } & Used)
  /** all are to forget objects */
  | { readonly kind: 'forget'; readonly wish: number; readonly objects: readonly NamedObject[] };

/** What a worker tells of itself. */
export interface Report extends Totals {
  readonly busy: ProcessLoad;
  readonly connections: number;
}

/** What only grows while a worker lives. */
export interface Totals {
  readonly sentBytes: number;
  readonly answers: number;
  readonly failures: number;
  /** in Prometheus' text format */
  readonly metrics: string;
}

/** What addresses have and have sent at a worker: what changed since it told last. */
export interface Used {
  /** customers, and how many connections each has now */
  readonly connections: readonly (readonly [customer: string, count: number])[];
  /** addresses, and how many requests each has sent */
  readonly requests: readonly (readonly [address: string, count: number])[];
}

/** The same at all other workers. */
export interface UsedByOthers {
  /** `heard`: at the one that is told, as far as the others have heard */
  readonly connections: readonly (readonly [customer: string, elsewhere: number, heard: number])[];
  readonly requests: Used['requests'];
}
