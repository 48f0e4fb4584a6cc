/** The table that tells where everything is. */

interface Welcome {
  readonly watchUrl: string;
  readonly publishUrl: string;
  readonly controlUrl: string;
  readonly adminToken: string;
  readonly dataDir: string;
  readonly demo: boolean;
  /** whether the test picture can be watched already */
  readonly onAir: boolean;
}

export function formatWelcome(welcome: Welcome): string {
  const { watchUrl, publishUrl, controlUrl, adminToken, dataDir, demo, onAir } = welcome;
  const rows = [
    ['watch', watchUrl],
    ['publish', publishUrl],
    ['API', controlUrl],
    ['admin token', adminToken],
    ['logs and data', dataDir],
  ] as const;
  const width = Math.max(...rows.map(([name]) => name.length));
  const notes = [
    ...(demo ? ['The test picture is on the publish URL; HEADWATER_DEMO=0 leaves it to you.'] : []),
    ...(demo && !onAir ? ['It is not on air yet; the watch page waits for it.'] : []),
    'Ctrl-C ends everything.',
  ];
  return [
    'Headwater is up.',
    '',
    ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
    '',
    ...notes,
  ].join('\n');
}
