/** The certificates of the viewers' port: taken up anew when their files change, without dropping a connection. */

import { X509Certificate, randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { type SecureContext, type SecureContextOptions, type Server, createSecureContext } from 'node:tls';
import { type TlsFiles, loadTlsFiles } from '@headwater/service/tls-files';

interface CertificatesOptions {
  /** the first is for who names none of the hosts */
  readonly files: readonly TlsFiles[];
  /** what sessions are sealed with, where several processes are to open them */
  readonly ticketKeys?: Uint8Array | undefined;
  /** files are looked at so often */
  readonly checkMs?: number;
  readonly onReloaded: (expiresMs: number) => void;
  /** what stands in the files cannot be used; what was there before stays */
  readonly onRejected: (error: unknown) => void;
}

interface Certificate {
  readonly options: SecureContextOptions;
  readonly context: SecureContext;
  readonly x509: X509Certificate;
}

const CHECK_MS = 2_000;
/** A name, a MAC key and a key, as OpenSSL has them. */
export const TICKET_KEY_BYTES = 48;
/** Node would take the command line, which is another in each process. */
const SESSIONS = 'headwater-edge';

/**
 * Reads the files.
 * @throws ConfigError naming the variable of what is no pair
 */
export async function openCertificates(options: CertificatesOptions): Promise<Certificates> {
  const certificates = new Certificates(options);
  await certificates.load();
  return certificates;
}

/** Loaded, and looked after until disposed of. */
export class Certificates implements Disposable {
  readonly #options: CertificatesOptions;
  /** The same for every certificate: sessions are taken up again after a new one as well. */
  readonly #ticketKeys: Buffer;
  readonly #servers = new Set<Server>();
  readonly #timer: NodeJS.Timeout;
  readonly #onHangup = (): void => void this.reload();
  #certificates: readonly Certificate[] = [];
  /** the files as they were when they were taken up or rejected last, and when they were looked at last */
  #judged = '';
  #noticed = '';

  constructor(options: CertificatesOptions) {
    this.#options = options;
    this.#ticketKeys = Buffer.from(options.ticketKeys ?? randomBytes(TICKET_KEY_BYTES));
    this.#timer = setInterval(() => void this.check(), options.checkMs ?? CHECK_MS).unref();
    process.on('SIGHUP', this.#onHangup);
  }

  /** What a server is made with. */
  get contextOptions(): SecureContextOptions {
    return this.#certificates[0]?.options ?? {};
  }

  /** When the first of them ends. */
  get expiresMs(): number {
    return Math.min(...this.#certificates.map(({ x509 }) => x509.validToDate.getTime()));
  }

  /** From now on the server has what the files have. */
  keep(server: Server): void {
    this.#servers.add(server);
    server.once('close', () => this.#servers.delete(server));
  }

  /** The one that is for a host; undefined for the first. */
  contextOf(host: string): SecureContext | undefined {
    return this.#certificates.find(({ x509 }) => x509.checkHost(host) !== undefined)?.context;
  }

  /** Takes the files up. */
  async load(): Promise<void> {
    this.#judged = this.#noticed = await this.#look();
    const pairs = await Promise.all(this.#options.files.map((files) => loadTlsFiles(files)));
    this.#certificates = pairs.map((pair) => {
      const options: SecureContextOptions = {
        ...pair,
        minVersion: 'TLSv1.2',
        ticketKeys: this.#ticketKeys,
        sessionIdContext: SESSIONS,
      };
      return { options, context: createSecureContext(options), x509: new X509Certificate(pair.cert) };
    });
    for (const server of this.#servers) server.setSecureContext(this.contextOptions);
  }

  /** The same for a server that runs: what cannot be used changes nothing. */
  async reload(): Promise<void> {
    try {
      await this.load();
      this.#options.onReloaded(this.expiresMs);
    } catch (error) {
      this.#options.onRejected(error);
    }
  }

  /** Reloads files that have changed and are not being written any more: a certificate comes before its key, or after it. */
  async check(): Promise<void> {
    const now = await this.#look();
    const isSettled = now === this.#noticed;
    this.#noticed = now;
    if (isSettled && now !== this.#judged) await this.reload();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    process.off('SIGHUP', this.#onHangup);
  }

  async #look(): Promise<string> {
    const files = this.#options.files.flatMap(({ certFile, keyFile }) => [certFile, keyFile]);
    const seen = await Promise.all(
      files.map((file) =>
        stat(file).then(
          ({ ino, size, mtimeMs }) => `${ino}:${size}:${mtimeMs}`,
          () => 'missing',
        ),
      ),
    );
    return seen.join();
  }
}
