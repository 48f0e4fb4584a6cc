/**
 * The zone that sends viewers to edges by DNS (RFC 1034, RFC 1035), as a function from a query to its answer:
 *
 *     live.ZONE          the edges for whoever asks
 *     STREAM.live.ZONE   the same, of one stream: its own few edges
 *     ns.ZONE            this server, where it is known by an address
 *
 * The viewer is known by the client subnet that the resolver passes on (RFC 7871), else by the resolver's own address. Nothing
 * outside the zone is answered, and nobody else is asked.
 */

import { isIPv4, isIPv6 } from 'node:net';
import {
  type Answer,
  type DecodedPacket,
  type OptAnswer,
  type Packet,
  type Question,
  AUTHORITATIVE_ANSWER,
  RECURSION_DESIRED,
} from 'dns-packet';

/** What the answers stand on. */
export interface DnsZone {
  /** lower case, without a dot at its end */
  readonly zone: string;
  /** host that serves the zone: a name outside it, or an address */
  readonly serverHost: string;
  /** hosts of the best edges for an address and a stream, best first */
  readonly edgeHosts: (address: string, stream: string) => readonly string[];
  /** grows as time goes on; secondaries compare it */
  readonly serial: () => number;
}

/** Seconds for which a resolver keeps an edge: one that dies is left as soon. */
const EDGE_TTL = 5;
const ZONE_TTL = 300;
const NEGATIVE_TTL = 5;
/** So many edges are named, of which players try the next when one fails. */
const EDGES = 2;
const LIVE = 'live';
/** RFC 1035 §4.1.1. */
const RCODE = { ok: 0, formatError: 1, nameError: 3, notImplemented: 4, refused: 5 } as const;
/** The upper bits of BADVERS, 16 (RFC 6891 §9). */
const EXTENDED_BAD_VERSION = 1;
const OPCODE_MASK = 0x7800;
/** What fits any path without fragments (DNS Flag Day 2020). */
export const UDP_PAYLOAD_BYTES = 1_232;

interface Found {
  readonly rcode: number;
  readonly answers?: readonly Answer[];
  readonly authorities?: readonly Answer[];
  readonly additionals?: readonly Answer[];
  /** the answer holds for the asker's network alone */
  readonly byNetwork?: boolean;
}

/** The response to a query from an address; null for what deserves none, such as another response. */
export function answerDns(query: DecodedPacket, from: string, zone: DnsZone): Packet | null {
  if (query.flag_qr) return null;
  const flags = query.flags ?? 0;
  const [question] = query.questions ?? [];
  const edns = (query.additionals ?? []).find((answer): answer is OptAnswer => answer.type === 'OPT');
  const subnet = edns === undefined ? null : subnetOf(edns);
  // RFC 6891 §6.1.3: of a later EDNS nothing is known, not even what the question means.
  const isLater = (edns?.ednsVersion ?? 0) > 0;
  const found: Found = isLater ? { rcode: RCODE.ok } : find(query, question, { zone, address: subnet?.ip ?? from });
  const reply = edns === undefined ? [] : [echo(edns, { subnet, byNetwork: found.byNetwork === true, isLater })];
  return {
    type: 'response',
    ...(query.id === undefined ? {} : { id: query.id }),
    flags: (flags & (OPCODE_MASK | RECURSION_DESIRED)) | AUTHORITATIVE_ANSWER | found.rcode,
    questions: question === undefined ? [] : [question],
    answers: [...(found.answers ?? [])],
    authorities: [...(found.authorities ?? [])],
    additionals: [...(found.additionals ?? []), ...reply],
  };
}

function find(
  query: DecodedPacket,
  question: Question | undefined,
  { zone, address }: { zone: DnsZone; address: string },
): Found {
  if (((query.flags ?? 0) & OPCODE_MASK) !== 0) return { rcode: RCODE.notImplemented };
  if (question === undefined || query.questions?.length !== 1) return { rcode: RCODE.formatError };
  const name = question.name.toLowerCase();
  const isOurs = name === zone.zone || name.endsWith(`.${zone.zone}`);
  if (!isOurs || (question.class ?? 'IN') !== 'IN' || isTransfer(question)) return { rcode: RCODE.refused };
  const labels = name === zone.zone ? [] : name.slice(0, -zone.zone.length - 1).split('.');
  if (labels.length === 0) return ofApex(question, zone);
  if (name === serverName(zone)) return ofServer(question, zone);
  const [stream = '', root] = labels.length === 1 ? ['', labels[0]] : labels;
  if (root !== LIVE || labels.length > 2) return nothing(zone, RCODE.nameError);
  return ofEdges(question, zone, zone.edgeHosts(address, stream));
}

/** Whole zones are given to nobody. */
function isTransfer({ type }: Question): boolean {
  return type === 'AXFR' || type === 'IXFR';
}

function ofApex({ type, name }: Question, zone: DnsZone): Found {
  if (type === 'SOA') return { rcode: RCODE.ok, answers: [startOfAuthority(zone, ZONE_TTL)] };
  if (type !== 'NS') return nothing(zone, RCODE.ok);
  const server = serverName(zone);
  const answers: Answer[] = [{ type: 'NS', name, ttl: ZONE_TTL, data: server }];
  return { rcode: RCODE.ok, answers, additionals: addressesOf(server, [zone.serverHost], ZONE_TTL) };
}

/** A resolver asks here as well what its parent's glue told it, and takes this word for it (RFC 2181 §5.4.1). */
function ofServer({ type, name }: Question, zone: DnsZone): Found {
  const answers = addressesOf(name, [zone.serverHost], ZONE_TTL).filter((answer) => answer.type === type);
  return answers.length === 0 ? nothing(zone, RCODE.ok) : { rcode: RCODE.ok, answers };
}

/** Addresses where edges are known by them; the best edge's name where it is known by one. */
function ofEdges({ type, name }: Question, zone: DnsZone, hosts: readonly string[]): Found {
  const [best] = hosts;
  if (best === undefined) return { ...nothing(zone, RCODE.ok), byNetwork: true };
  const all = addressesOf(name, hosts, EDGE_TTL);
  if (all.length === 0) {
    return { rcode: RCODE.ok, answers: [{ type: 'CNAME', name, ttl: EDGE_TTL, data: best }], byNetwork: true };
  }
  const answers = all.filter((answer) => answer.type === type).slice(0, EDGES);
  if (answers.length === 0) return { ...nothing(zone, RCODE.ok), byNetwork: true };
  return { rcode: RCODE.ok, answers, byNetwork: true };
}

function addressesOf(name: string, hosts: readonly string[], ttl: number): Answer[] {
  return hosts.flatMap((host): Answer[] => {
    if (isIPv4(host)) return [{ type: 'A', name, ttl, data: host }];
    return isIPv6(host) ? [{ type: 'AAAA', name, ttl, data: host }] : [];
  });
}

/** No such name, or no such record of it; for how long is the SOA's word (RFC 2308 §5). */
function nothing(zone: DnsZone, rcode: number): Found {
  return { rcode, authorities: [startOfAuthority(zone, NEGATIVE_TTL)] };
}

function startOfAuthority(zone: DnsZone, ttl: number): Answer {
  const times = { refresh: 3_600, retry: 600, expire: 86_400, minimum: NEGATIVE_TTL };
  const mname = serverName(zone);
  return {
    type: 'SOA',
    name: zone.zone,
    ttl,
    data: { mname, rname: `hostmaster.${zone.zone}`, serial: zone.serial(), ...times },
  };
}

function serverName({ zone, serverHost }: DnsZone): string {
  return isIPv4(serverHost) || isIPv6(serverHost) ? `ns.${zone}` : serverHost;
}

interface Subnet {
  readonly family: number;
  readonly sourcePrefixLength: number;
  readonly ip: string;
}

/** RFC 7871 §6: a prefix longer than its address is none, and a length of 0 keeps the viewer to itself. */
function subnetOf({ options }: OptAnswer): Subnet | null {
  for (const option of options) {
    if (!('sourcePrefixLength' in option) || !('ip' in option) || option.ip === undefined) continue;
    const { family = 0, sourcePrefixLength = 0, ip } = option;
    const longest = family === 1 ? 32 : family === 2 ? 128 : 0;
    if (sourcePrefixLength > 0 && sourcePrefixLength <= longest) return { family, sourcePrefixLength, ip };
  }
  return null;
}

/** RFC 6891 §6.1.1, with the subnet as it came and the scope for which the answer holds (RFC 7871 §7.2.1). */
function echo(
  { flags }: OptAnswer,
  {
    subnet,
    byNetwork,
    isLater,
  }: { readonly subnet: Subnet | null; readonly byNetwork: boolean; readonly isLater: boolean },
): OptAnswer {
  const scopePrefixLength = byNetwork ? (subnet?.sourcePrefixLength ?? 0) : 0;
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: UDP_PAYLOAD_BYTES,
    extendedRcode: isLater ? EXTENDED_BAD_VERSION : 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: (flags & 0x8000) !== 0,
    options: subnet === null ? [] : [{ code: 8, type: 'CLIENT_SUBNET', ...subnet, scopePrefixLength }],
  };
}
