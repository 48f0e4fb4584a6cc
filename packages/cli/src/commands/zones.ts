/** `headwater zones`: pull zones, by which edges front any HTTP origin. */

import { type Command, Option } from 'commander';
import type { OperatorApi } from '../operator-api.ts';
import { print, printDone } from '../output.ts';
import { formatTable } from '../table.ts';

interface Zone {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly pathPrefix: string;
  readonly origins: readonly string[];
  readonly policy: string;
}

interface AddOptions {
  readonly origin: string[];
  readonly host: string[];
  readonly prefix: string;
  readonly policy: string;
  readonly json?: boolean;
}

/** An option that may be given several times. */
function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

export function addZoneCommands(program: Command, connect: () => Promise<OperatorApi>): void {
  const zones = program.command('zones').description('pull zones: sites and libraries that edges fetch and cache');
  zones
    .command('list', { isDefault: true })
    .description('every pull zone')
    .option('--json', 'for programs')
    .action(async (options: { json?: boolean }) => {
      const listed = await (await connect()).list<Zone>('/v1/zones', 'zones');
      print(listed, options, () => {
        const rows = listed.map(({ name, policy, hosts, pathPrefix, origins }) => [
          name,
          policy,
          hosts.join(','),
          pathPrefix,
          origins.join(','),
        ]);
        return formatTable(['ZONE', 'POLICY', 'HOSTS', 'PREFIX', 'ORIGINS'], rows);
      });
    });
  zones
    .command('add <name>')
    .description('make a pull zone; edges answer for it at once')
    .requiredOption(
      '--origin <url>',
      'http://HOST:PORT or https://HOST:PORT to fetch from; again for more',
      collect,
      [],
    )
    .option('--host <host>', 'a host that it answers for; again for more; every host when left out', collect, [])
    .option('--prefix <path>', 'what its paths begin with', '/')
    .addOption(new Option('--policy <policy>', 'who may fetch').choices(['public', 'token']).default('public'))
    .option('--json', 'for programs')
    .action(async (name: string, { origin: origins, host, prefix: pathPrefix, policy, json }: AddOptions) => {
      const hosts = host.length === 0 ? {} : { hosts: host };
      const made = await (await connect()).make<Zone>('/v1/zones', { name, ...hosts, pathPrefix, origins, policy });
      print(
        made,
        json === true ? { json } : {},
        () => `zone ${made.name}: ${made.hosts.join(', ')} ${made.pathPrefix}`,
      );
    });
  zones
    .command('remove <name>')
    .description('delete a pull zone; edges forget what they have stored of it')
    .option('--json', 'for programs')
    .action(async (name: string, options: { json?: boolean }) => {
      printDone(await (await connect()).ask('DELETE', `/v1/zones/${encodeURIComponent(name)}`), options);
    });
}
