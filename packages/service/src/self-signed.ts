/**
 * A self-signed X.509 certificate (RFC 5280), for RTMPS out of the box. node:crypto makes the key and the signature; what it
 * lacks is the DER around them (X.690), which is this file.
 */

import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { parseIpPrefix } from '@headwater/protocol/ip-prefix';

/** A certificate and its private key, both PEM. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

const DAY_MS = 86_400_000;
const VALID_DAYS = 3_650;

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const BOOLEAN = 0x01;
const EXPLICIT_VERSION = 0xa0;
const EXPLICIT_EXTENSIONS = 0xa3;
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;

const ECDSA_WITH_SHA256 = oid('2a8648ce3d040302');
const COMMON_NAME = oid('550403');
const BASIC_CONSTRAINTS = oid('551d13');
const SUBJECT_ALT_NAME = oid('551d11');

/**
 * Makes a P-256 key and a certificate for `hosts`, valid for ten years from a day ago.
 * @param hosts DNS names and IP addresses; the first is the subject's common name
 * @param nowMs wall clock, milliseconds since 1970
 */
export function makeSelfSigned(hosts: readonly string[], nowMs: number): TlsPair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = der(SEQUENCE, ECDSA_WITH_SHA256);
  const commonName = der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from(hosts[0] ?? 'headwater')));
  const name = der(SEQUENCE, der(SET, commonName));
  const toBeSigned = der(
    SEQUENCE,
    der(EXPLICIT_VERSION, der(INTEGER, Buffer.of(2))),
    der(INTEGER, Buffer.concat([Buffer.of(0x01), randomBytes(15)])),
    algorithm,
    name,
    der(SEQUENCE, time(nowMs - DAY_MS), time(nowMs + VALID_DAYS * DAY_MS)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(EXPLICIT_EXTENSIONS, extensions(hosts)),
  );
  const signature = sign('sha256', toBeSigned, privateKey);
  const certificate = der(SEQUENCE, toBeSigned, algorithm, der(BIT_STRING, Buffer.of(0), signature));
  return { cert: pem(certificate), key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })) };
}

/** RFC 5280 §4.2.1.9 (its own authority, so that people can choose to trust it) and §4.2.1.6. */
function extensions(hosts: readonly string[]): Buffer {
  const authority = der(SEQUENCE, der(BOOLEAN, Buffer.of(0xff)));
  const names = hosts.map((host) => {
    const address = parseIpPrefix(host)?.bytes;
    return address === undefined ? der(DNS_NAME, Buffer.from(host)) : der(IP_ADDRESS, Buffer.from(address));
  });
  return der(
    SEQUENCE,
    der(SEQUENCE, BASIC_CONSTRAINTS, der(BOOLEAN, Buffer.of(0xff)), der(OCTET_STRING, authority)),
    der(SEQUENCE, SUBJECT_ALT_NAME, der(OCTET_STRING, der(SEQUENCE, ...names))),
  );
}

/** RFC 5280 §4.1.2.5: two digits of the year until 2049, then four. */
function time(ms: number): Buffer {
  const digits = new Date(ms)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(/[-:T]/g, '');
  const early = digits < '2050';
  return der(early ? UTC_TIME : GENERALIZED_TIME, Buffer.from(early ? digits.slice(2) : digits));
}

function oid(hex: string): Buffer {
  return der(OBJECT_IDENTIFIER, Buffer.from(hex, 'hex'));
}

/** One tag, length and value; the length in its shortest form (X.690 §8.1, §10.1). Nothing here reaches 64 KiB. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag, ...lengthOctets(body.length)), body]);
}

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  return length <= 0xff ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}

function pem(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
