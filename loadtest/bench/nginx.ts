/** nginx as a caching proxy: what an edge is measured against. */

import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsFiles } from '@headwater/service/tls-files';
import { Child } from '@headwater/test/fleet/child.ts';
import { childEnvironment } from '@headwater/test/fleet/config.ts';
import { reservePorts } from '@headwater/test/fleet/ports.ts';
import { until } from '@headwater/test/fleet/until.ts';

/** A running nginx. */
export interface Nginx extends AsyncDisposable {
  readonly url: string;
  /** the same by TLS, HTTP/2 and HTTP/1.1, where it was given a certificate */
  readonly secureUrl: string;
  readonly pid: number;
  readonly configuration: string;
  readonly version: string;
}

const WHERE = ['nginx', '/usr/sbin/nginx', '/usr/local/sbin/nginx'];

interface NginxOptions {
  /** 1 unless told otherwise */
  readonly workers?: number;
  readonly tlsFiles?: TlsFiles;
  /** fetches large objects by the mebibyte, as an edge does (ngx_http_slice_module) */
  readonly bySlices?: boolean;
}

/**
 * Starts it in front of an origin, or of several as parents: each object is asked of one of them, and of the next when that fails.
 * @throws Error when nginx is not installed
 */
export async function startNginx(
  originUrl: string | readonly string[],
  { workers = 1, tlsFiles, bySlices = false }: NginxOptions = {},
): Promise<Nginx> {
  const { command, version } = findNginx();
  const directory = await mkdtemp(join(tmpdir(), 'headwater-nginx-'));
  const [port = 0, securePort = 0] = await reservePorts(2);
  const tls = tlsFiles === undefined ? undefined : { ...tlsFiles, port: securePort };
  const configuration = configure({ directory, port, originUrl, workers, tls, bySlices });
  const file = join(directory, 'nginx.conf');
  await mkdir(join(directory, 'temp'));
  await writeFile(file, configuration);
  const args = ['-p', directory, '-c', file, '-e', join(directory, 'error.log')];
  const child = new Child({ name: 'nginx', command, args, env: childEnvironment() });
  const url = `http://127.0.0.1:${port}`;
  const dispose = async (): Promise<void> => {
    await child[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await until('nginx to listen', 5_000, async () => {
      if (child.exit !== undefined) throw new Error(`nginx ended: ${child.output}`);
      await (await fetch(`${url}/nginx-alive`)).arrayBuffer();
      return true;
    });
  } catch (error) {
    await dispose();
    throw error;
  }
  const secureUrl = `https://127.0.0.1:${securePort}`;
  return { url, secureUrl, pid: child.pid, configuration, version, [Symbol.asyncDispose]: dispose };
}

function findNginx(): { command: string; version: string } {
  for (const command of WHERE) {
    try {
      execFileSync(command, ['-v'], { stdio: 'pipe' });
      const version = execFileSync('sh', ['-c', `${command} -v 2>&1`], { encoding: 'utf8' }).trim();
      return { command, version: version.replace('nginx version: ', '') };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new Error('nginx is not installed; this figure is a comparison with it (Debian: apt-get install nginx-light)');
}

/**
 * `tcp_nopush` stays off: with it nginx holds back the last packet of about 100 KB for 40 ms on loopback and looks falsely
 * slow. No access log on either side. `open_file_cache` is nginx at its best.
 */
interface Given {
  readonly directory: string;
  readonly port: number;
  readonly originUrl: string | readonly string[];
  readonly workers: number;
  readonly tls: (TlsFiles & { readonly port: number }) | undefined;
  readonly bySlices: boolean;
}

function configure(given: Given): string {
  // As root its worker would be nobody, who may not read our directory.
  const user = process.getuid?.() === 0 ? 'user root;\n' : '';
  return `daemon off;
${user}worker_processes ${given.workers};
pid ${given.directory}/nginx.pid;
error_log ${given.directory}/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  sendfile on;
  sendfile_max_chunk 2m;
  tcp_nopush off;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  open_file_cache max=1000 inactive=600s;
  client_body_temp_path ${given.directory}/temp/body;
  proxy_temp_path ${given.directory}/temp/proxy;
  fastcgi_temp_path ${given.directory}/temp/fastcgi;
  uwsgi_temp_path ${given.directory}/temp/uwsgi;
  scgi_temp_path ${given.directory}/temp/scgi;
  proxy_cache_path ${given.directory}/cache levels=1:2 keys_zone=media:10m max_size=1g inactive=1h use_temp_path=off;
${typeof given.originUrl === 'string' ? '' : parentLines(given.originUrl)}  server {
    listen 127.0.0.1:${given.port}${given.workers === 1 ? '' : ' reuseport'};
${given.tls === undefined ? '' : secureLines(given.tls)}    location = /nginx-alive { return 204; }
    location / {
      proxy_pass ${typeof given.originUrl === 'string' ? given.originUrl : 'http://parents'};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache media;
      proxy_cache_lock on;
      proxy_cache_valid 200 206 1h;
${given.bySlices ? SLICE_LINES : ''}    }
  }
}
`;
}

const SLICE_LINES = `      slice 1m;
      proxy_cache_key $uri$is_args$args$slice_range;
      proxy_set_header Range $slice_range;
`;

function parentLines(urls: readonly string[]): string {
  const servers = urls.map((url) => `    server ${new URL(url).host};\n`).join('');
  return `  upstream parents {
    hash $request_uri consistent;
${servers}    keepalive 64;
  }
`;
}

function secureLines({ port, certFile, keyFile }: TlsFiles & { readonly port: number }): string {
  return `    listen 127.0.0.1:${port} ssl http2;
    ssl_certificate ${certFile};
    ssl_certificate_key ${keyFile};
    ssl_protocols TLSv1.2 TLSv1.3;
`;
}
