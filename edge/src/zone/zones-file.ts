/** An edge's own pull zones, from a file: with them it fronts origins without any control plane. Read once, at the start. */

import { readFileSync } from 'node:fs';
import { ZONE_LIMIT, type ZoneEntry, parseZone } from '@headwater/protocol/zone';
import { ConfigError } from '@headwater/service/env';

/** The largest that {@link ZONE_LIMIT} zones of the usual size need. */
const FILE_LIMIT_BYTES = 8 * 1024 * 1024;

/**
 * Reads a JSON list of zones, each as `POST /v1/zones` takes it.
 * @param variable what names the file, for the complaint
 * @throws ConfigError naming the file, and the zone and the field that do not read as they should
 */
export function readZonesFile(variable: string, file: string): readonly ZoneEntry[] {
  const fail = (complaint: string): ConfigError => new ConfigError(variable, `${file}: ${complaint}`);
  const list = parseList(fail, file);
  if (list.length > ZONE_LIMIT) throw fail(`holds ${list.length} zones, the limit is ${ZONE_LIMIT}`);
  const zones = list.map((value, index) => {
    const reading = parseZone(value);
    if (reading.ok) return reading.zone;
    const { field, complaint } = reading;
    throw fail(`${describe(value, index)}: ${field === '' ? '' : `${field} `}${complaint}`);
  });
  const twice = zones.find(({ name }, index) => zones.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined) throw fail(`zone "${twice.name}": name is there twice`);
  return zones;
}

function parseList(fail: (complaint: string) => ConfigError, file: string): readonly unknown[] {
  let value: unknown;
  try {
    const bytes = readFileSync(file);
    if (bytes.length > FILE_LIMIT_BYTES) throw new RangeError(`is longer than ${FILE_LIMIT_BYTES} bytes`);
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw fail((error as Error).message);
  }
  if (!Array.isArray(value)) throw fail('wants a JSON list of zones');
  return value;
}

/** By its name, where it has one. */
function describe(value: unknown, index: number): string {
  const name = typeof value === 'object' && value !== null ? (value as { readonly name?: unknown }).name : undefined;
  return typeof name === 'string' ? `zone ${JSON.stringify(name.slice(0, 64))}` : `zone [${index}]`;
}
