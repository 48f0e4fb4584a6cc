/** The certificate of RTMPS: the operator's files, or a pair of our own that is kept in the data directory. */

import { X509Certificate, createPrivateKey } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeSelfSigned, type TlsPair } from '@headwater/service/self-signed';
import { type TlsFiles, loadTlsFiles } from '@headwater/service/tls-files';

interface TlsPairOptions {
  /** the operator's */
  readonly files: TlsFiles | undefined;
  readonly dataDirectory: string;
  /** names and addresses that publishers connect to; `localhost` and loopback are added */
  readonly hosts: readonly string[];
  readonly nowMs: number;
}

const CERT_FILE = 'rtmps-cert.pem';
const KEY_FILE = 'rtmps-key.pem';
/** A kept pair is replaced this long before it ends. */
const RENEW_BEFORE_MS = 30 * 86_400_000;

/**
 * Reads the operator's pair, or the kept one, or makes one and keeps it.
 * @throws ConfigError when the operator's files are not such a pair; else when the data directory cannot be written
 */
export async function loadTlsPair(options: TlsPairOptions): Promise<TlsPair> {
  if (options.files !== undefined) return loadTlsFiles(options.files);
  const kept = await readKept(options);
  if (kept !== null) return kept;
  const hosts = new Set([...options.hosts, 'localhost', '127.0.0.1', '::1']);
  const made = makeSelfSigned([...hosts], options.nowMs);
  await mkdir(options.dataDirectory, { recursive: true });
  await writeFile(join(options.dataDirectory, KEY_FILE), made.key, { mode: 0o600 });
  await writeFile(join(options.dataDirectory, CERT_FILE), made.cert);
  return made;
}

/** @returns null when there is none, or when it does not hold together, misses a host or is about to end */
async function readKept({ dataDirectory, hosts, nowMs }: TlsPairOptions): Promise<TlsPair | null> {
  try {
    const cert = await readFile(join(dataDirectory, CERT_FILE), 'utf8');
    const key = await readFile(join(dataDirectory, KEY_FILE), 'utf8');
    const certificate = new X509Certificate(cert);
    const usable =
      certificate.checkPrivateKey(createPrivateKey(key)) &&
      certificate.validToDate.getTime() - RENEW_BEFORE_MS > nowMs &&
      hosts.every((host) => certificate.checkHost(host) !== undefined || certificate.checkIP(host) !== undefined);
    return usable ? { cert, key } : null;
  } catch {
    // Missing or damaged: a new pair takes its place.
    return null;
  }
}
