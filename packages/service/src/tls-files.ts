/** The operator's certificates: which files, and what is in them. */

import { readFile } from 'node:fs/promises';
import { type SecureContextOptions, createSecureContext } from 'node:tls';
import { ConfigError, type Environment, text } from './env.ts';
import type { TlsPair } from './self-signed.ts';

/** The files of one certificate chain and its key, both PEM. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

const CERT = 'HEADWATER_TLS_CERT_FILE';
const KEY = 'HEADWATER_TLS_KEY_FILE';
/** More are the work of a tool that has a certificate made for many names. */
const MAX_PAIRS = 100;

/**
 * Several by commas, keys in the order of certificates; the first is for who names none of their hosts.
 * @returns none when the variables are unset
 */
export function readTlsFiles(env: Environment): readonly TlsFiles[] {
  const certFiles = listOf(text(env, 'HEADWATER_TLS_CERT_FILE', ''));
  const keyFiles = listOf(text(env, 'HEADWATER_TLS_KEY_FILE', ''));
  if (certFiles.length !== keyFiles.length) {
    const missing = certFiles.length < keyFiles.length ? CERT : KEY;
    throw new ConfigError(missing, 'each certificate and its key are set together or not at all');
  }
  if (certFiles.length > MAX_PAIRS) throw new ConfigError(CERT, `wants ${MAX_PAIRS} at most`);
  return certFiles.map((certFile, index) => ({ certFile, keyFile: keyFiles[index] ?? '' }));
}

function listOf(list: string): string[] {
  return list === '' ? [] : list.split(',').map((file) => file.trim());
}

/** @throws ConfigError naming the variable of what is no such pair */
export async function loadTlsFiles({ certFile, keyFile }: TlsFiles): Promise<TlsPair> {
  const read = async (variable: string, file: string, use: (pem: string) => SecureContextOptions): Promise<string> => {
    try {
      const pem = await readFile(file, 'utf8');
      createSecureContext(use(pem));
      return pem;
    } catch (error) {
      throw new ConfigError(variable, `${file} cannot be used: ${(error as Error).message}`);
    }
  };
  const cert = await read(CERT, certFile, (pem) => ({ cert: pem }));
  const key = await read(KEY, keyFile, (pem) => ({ cert, key: pem }));
  return { cert, key };
}
