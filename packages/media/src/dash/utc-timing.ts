import { attributes } from './xml.ts';

/** Where a player learns the time (ISO/IEC 23009-1 §5.8.4.11). */
export interface UtcTiming {
  readonly scheme: `urn:mpeg:dash:utc:${'http-xsdate' | 'http-iso' | 'http-head' | 'direct'}:2014`;
  /** a URL, or for `direct` the time itself */
  readonly value: string;
}

/** The UTCTiming element on a line of its own. */
export function renderUtcTiming(timing: UtcTiming, indent: string): string {
  return `${indent}<UTCTiming${attributes({ schemeIdUri: timing.scheme, value: timing.value })}/>\n`;
}
