/** Reads a service's configuration from the environment; every complaint names its variable. */

import type { AddressCap } from '@headwater/protocol/address-cap';
import { type IpPrefix, parseIpPrefix } from '@headwater/protocol/ip-prefix';
import type { Place } from '@headwater/protocol/node';

/** A variable that is missing or does not read as what it should be. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly variable: string;

  constructor(variable: string, complaint: string) {
    super(`${variable}: ${complaint}`);
    this.variable = variable;
  }
}

/** The environment as the readers below take it; a service's `config.ts` passes `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

interface IntegerLimits {
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
}

/** A whole number within limits. An empty value counts as unset. */
export function integer(env: Environment, variable: string, limits: IntegerLimits): number {
  const text = env[variable];
  if (text === undefined || text === '') return limits.fallback;
  const value = /^-?\d+$/.test(text) ? Number(text) : NaN;
  if (!(value >= limits.min && value <= limits.max)) {
    throw new ConfigError(
      variable,
      `wants a whole number from ${limits.min} to ${limits.max}, got ${JSON.stringify(text)}`,
    );
  }
  return value;
}

/**
 * Connections of one address: what the operator sets holds for every address. Unset, it is `fallback` with loopback spared.
 */
export function addressCap(env: Environment, variable: string, fallback: number): AddressCap {
  const set = integer(env, variable, { fallback: -1, min: 0, max: 1_000_000 });
  return set < 0 ? { loopback: 0, elsewhere: fallback } : { loopback: set, elsewhere: set };
}

/** A TCP port; 0 lets the system choose. */
export function port(env: Environment, variable: string, fallback: number): number {
  return integer(env, variable, { fallback, min: 0, max: 65_535 });
}

/** A text; an empty value counts as unset. */
export function text<T extends string | undefined>(env: Environment, variable: string, fallback: T): string | T {
  const value = env[variable];
  return value === undefined || value === '' ? fallback : value;
}

/** One of a closed set of words. */
export function oneOf<T extends string>(env: Environment, variable: string, words: readonly T[], fallback: T): T {
  const value = text(env, variable, fallback);
  const word = words.find((candidate) => candidate === value);
  if (word === undefined)
    throw new ConfigError(variable, `wants one of ${words.join(', ')}, got ${JSON.stringify(value)}`);
  return word;
}

/** An absolute http or https URL without a trailing slash. */
export function httpUrl<T extends string | undefined>(env: Environment, variable: string, fallback: T): string | T {
  const value = text(env, variable, fallback);
  if (value === undefined) return value;
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) {
    throw new ConfigError(variable, `wants an http or https URL, got ${JSON.stringify(value)}`);
  }
  return value.replace(/\/+$/, '');
}

/** One or more such URLs, by commas. */
export function httpUrls(env: Environment, variable: string, fallback: string): readonly string[] {
  const list = text(env, variable, fallback).split(',');
  return list.map((entry) => httpUrl({ [variable]: entry.trim() }, variable, fallback));
}

/** Addresses and networks, by commas; none when unset. */
export function ipPrefixes(env: Environment, variable: string): readonly IpPrefix[] {
  const entries = text(env, variable, '').split(',');
  const given = entries.map((entry) => entry.trim()).filter((entry) => entry !== '');
  return given.map((entry) => {
    const prefix = parseIpPrefix(entry);
    if (prefix === null) throw new ConfigError(variable, `wants addresses or networks, got ${JSON.stringify(entry)}`);
    return prefix;
  });
}

const PLACE = /^(-?\d{1,2}(?:\.\d+)?),\s*(-?\d{1,3}(?:\.\d+)?)$/;

/** A place as `LATITUDE,LONGITUDE` in degrees, or null when unset. */
export function place(env: Environment, variable: string): Place | null {
  const value = text(env, variable, undefined);
  if (value === undefined) return null;
  const [, latitude, longitude] = (PLACE.exec(value) ?? []).map(Number);
  if (latitude === undefined || longitude === undefined || Math.abs(latitude) > 90 || Math.abs(longitude) > 180) {
    throw new ConfigError(variable, `wants LATITUDE,LONGITUDE in degrees, got ${JSON.stringify(value)}`);
  }
  return { latitude, longitude };
}
