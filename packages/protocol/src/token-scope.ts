/** What a token is for: one stream, or one pull zone. A stream and a zone of one name have nothing to do with each other. */

export type TokenScope = `live/${string}` | `zone/${string}`;

export function streamScope(stream: string): TokenScope {
  return `live/${stream}`;
}

export function zoneScope(zone: string): TokenScope {
  return `zone/${zone}`;
}
