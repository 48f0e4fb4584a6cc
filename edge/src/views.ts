/** The streams that are watched here: one view each, bounded in number. */

import { StreamView } from './stream-view.ts';

type ViewOptions = ConstructorParameters<typeof StreamView>[0];

interface ViewsOptions extends Omit<ViewOptions, 'stream' | 'fetchPart' | 'onIdle'> {
  /** at most this many streams are followed at once */
  readonly limit: number;
  readonly fetchPart: (
    view: StreamView,
    ...rest: Parameters<ViewOptions['fetchPart']>
  ) => ReturnType<ViewOptions['fetchPart']>;
}

export class Views {
  readonly #options: ViewsOptions;
  readonly #byStream = new Map<string, StreamView>();

  constructor(options: ViewsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#byStream.size;
  }

  /** Tracks whose parts are fetched ahead, in all streams. */
  get followedTracks(): number {
    return [...this.#byStream.values()].reduce((sum, view) => sum + view.followedTracks, 0);
  }

  /** The view of a stream that is watched; it goes on no longer for that. */
  peek(stream: string): StreamView | undefined {
    return this.#byStream.get(stream);
  }

  /** The view of a stream, begun when there is none; null when too many streams are followed. */
  open(stream: string): StreamView | null {
    const known = this.#byStream.get(stream);
    if (known !== undefined) {
      known.touch();
      return known;
    }
    const { limit, fetchPart, ...rest } = this.#options;
    if (this.#byStream.size >= limit) return null;
    const view: StreamView = new StreamView({
      ...rest,
      stream,
      fetchPart: (name) => fetchPart(view, name),
      onIdle: () => this.#byStream.delete(stream),
    });
    this.#byStream.set(stream, view);
    return view;
  }

  stopAll(): void {
    for (const view of this.#byStream.values()) view.stop();
  }
}
