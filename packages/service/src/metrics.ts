/**
 * Metrics in Prometheus' text format (version 0.0.4). Counting on the hot path is one addition to a typed array: a series
 * is resolved to a handle once, when its labels become known, never per request.
 */

type Labels = Readonly<Record<string, string>>;
type Kind = 'counter' | 'gauge' | 'histogram';

/** One series of a counter or gauge. */
export interface Series {
  add(value: number): void;
  set(value: number): void;
  get(): number;
}

/** One series of a histogram. */
export interface HistogramSeries {
  observe(value: number): void;
}

/** A registry holds at most this many series; a label that grows without bound is a bug that shows at once. */
const SERIES_LIMIT = 2_000;

interface Family {
  readonly name: string;
  readonly help: string;
  readonly kind: Kind;
  readonly lines: Map<string, () => string>;
}

/** The metrics of one process. */
export class Metrics {
  readonly #families = new Map<string, Family>();
  #seriesCount = 0;

  /** A value that only grows. The name ends in `_total`. */
  counter(name: string, help: string, labels: Labels = {}): Series {
    return this.#value({ name, help, kind: 'counter' }, labels);
  }

  /** A value that goes up and down. */
  gauge(name: string, help: string, labels: Labels = {}): Series {
    return this.#value({ name, help, kind: 'gauge' }, labels);
  }

  /** A gauge whose value is read when scraped. */
  gaugeFrom(name: string, help: string, read: () => number): void {
    this.#add({ name, help, kind: 'gauge' }, '', () => `${name} ${read()}`);
  }

  /** A counter whose value is read when scraped. The name ends in `_total`. */
  counterFrom(name: string, help: string, read: () => number): void {
    this.#add({ name, help, kind: 'counter' }, '', () => `${name} ${read()}`);
  }

  /** A distribution over fixed upper bounds, ascending. Its name carries the unit, such as `_seconds`. */
  histogram(name: string, help: string, bounds: readonly number[], labels: Labels = {}): HistogramSeries {
    const counts = new Float64Array(bounds.length + 1);
    let sum = 0;
    this.#add({ name, help, kind: 'histogram' }, formatLabels(labels), () =>
      formatHistogram(name, labels, bounds, counts, sum),
    );
    return {
      observe(value) {
        let index = 0;
        while (index < bounds.length && value > (bounds[index] as number)) index += 1;
        counts[index] = (counts[index] as number) + 1;
        sum += value;
      },
    };
  }

  /** The exposition, ready for `GET /metrics`. */
  format(): string {
    let out = '';
    for (const family of this.#families.values()) {
      out += `# HELP ${family.name} ${family.help}\n# TYPE ${family.name} ${family.kind}\n`;
      for (const line of family.lines.values()) out += `${line()}\n`;
    }
    return out;
  }

  #value(family: Omit<Family, 'lines'>, labels: Labels): Series {
    const cell = new Float64Array(1);
    const suffix = formatLabels(labels);
    this.#add(family, suffix, () => `${family.name}${suffix} ${cell[0]}`);
    return {
      add(value) {
        cell[0] = (cell[0] as number) + value;
      },
      set(value) {
        cell[0] = value;
      },
      get: () => cell[0] as number,
    };
  }

  #add(wanted: Omit<Family, 'lines'>, key: string, line: () => string): void {
    const family = this.#families.get(wanted.name) ?? { ...wanted, lines: new Map<string, () => string>() };
    if (family.kind !== wanted.kind) throw new Error(`${wanted.name} is already a ${family.kind}`);
    if (family.lines.has(key)) throw new Error(`${wanted.name}${key} is already there`);
    if (this.#seriesCount >= SERIES_LIMIT) throw new RangeError(`more than ${SERIES_LIMIT} series`);
    this.#seriesCount += 1;
    family.lines.set(key, line);
    this.#families.set(wanted.name, family);
  }
}

function formatLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function formatHistogram(
  name: string,
  labels: Labels,
  ...[bounds, counts, sum]: [readonly number[], Float64Array, number]
): string {
  let total = 0;
  const lines: string[] = [];
  for (const [index, count] of counts.entries()) {
    total += count;
    lines.push(`${name}_bucket${formatLabels({ ...labels, le: String(bounds[index] ?? '+Inf') })} ${total}`);
  }
  const suffix = formatLabels(labels);
  return [...lines, `${name}_sum${suffix} ${sum}`, `${name}_count${suffix} ${total}`].join('\n');
}
