/** What the watch page wants of a player, whichever it is. */

/** One quality that the viewer can choose. */
export interface Rendition {
  readonly id: string;
  /** such as `720p · 2800 kb/s` */
  readonly label: string;
}

/** One player, playing. */
export interface Driver {
  /** the library's own object, for the console and for tests */
  readonly library: unknown;
  /** when so much is there that a picture that begins to move goes on; at once without it */
  readonly ready?: Promise<void>;
  /** best first; empty until the manifest is there */
  renditions(): readonly Rendition[];
  /** @param id of a rendition, or null to let the player choose */
  choose(id: string | null): void;
  /** the rendition on screen */
  current(): Rendition | null;
  /** how far the picture is behind the viewer's clock */
  latencyMs(nowMs: number): number | null;
  /** the edge that answered last, by its own name or else by host */
  edge(): string | null;
  destroy(): Promise<void>;
}

export interface DriverOptions {
  readonly video: HTMLVideoElement;
  /** a playlist or MPD at the door; the player follows the redirect to an edge */
  readonly url: string;
  /** Something went wrong. After a fatal one the player has stopped. */
  readonly onError: (what: string, fatal: boolean) => void;
}

/** The header in which an edge names itself. */
export const EDGE_HEADER = 'headwater-edge';

export function renditionLabel(height: number | null | undefined, bitsPerSecond: number): string {
  const rate = `${Math.round(bitsPerSecond / 1000)} kb/s`;
  return height ? `${height}p · ${rate}` : rate;
}

export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
