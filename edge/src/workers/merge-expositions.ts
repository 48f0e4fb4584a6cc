/** One exposition of several processes: the same series are added up. What a node counts is then counted once, whoever did it. */

interface Family {
  readonly help: string;
  readonly kind: string;
  readonly values: Map<string, number>;
}

const HELP = '# HELP ';
const TYPE = '# TYPE ';

/** Adds up expositions of `Metrics`; a gauge, too, is what all of them have together. */
export function mergeExpositions(texts: readonly string[]): string {
  return write(read(texts));
}

/** What has been counted by processes that are gone, and stays true: a counter never goes back. Their gauges are gone as well. */
export function keepCounts(texts: readonly string[]): string {
  const families = read(texts);
  for (const [name, { kind }] of families) if (kind === 'gauge') families.delete(name);
  return write(families);
}

function read(texts: readonly string[]): Map<string, Family> {
  const families = new Map<string, Family>();
  for (const text of texts) {
    let help = '';
    let values = new Map<string, number>();
    for (const line of text.split('\n')) {
      if (line.startsWith(HELP)) {
        help = line.slice(HELP.length);
      } else if (line.startsWith(TYPE)) {
        const [name = '', kind = ''] = line.slice(TYPE.length).split(' ');
        const family = families.get(name) ?? { help, kind, values: new Map<string, number>() };
        families.set(name, family);
        values = family.values;
      } else if (line !== '') {
        const space = line.lastIndexOf(' ');
        const series = line.slice(0, space);
        values.set(series, (values.get(series) ?? 0) + Number(line.slice(space + 1)));
      }
    }
  }
  return families;
}

function write(families: ReadonlyMap<string, Family>): string {
  let out = '';
  for (const [name, { help, kind, values }] of families) {
    out += `${HELP}${help}\n${TYPE}${name} ${kind}\n`;
    for (const [series, value] of values) out += `${series} ${value}\n`;
  }
  return out;
}
