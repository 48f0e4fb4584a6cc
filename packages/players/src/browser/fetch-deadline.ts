/**
 * A deadline for what the page fetches. dash.js at low latency fetches with none, and its own limit on progress leaves it
 * without the request: aborted ones it does not ask for again. Here an answer that goes silent fails as a broken connection does.
 */

/**
 * From now on an answer must begin in time, and none of its pauses may be longer.
 * @param onAnswer hears of each answer when its headers are there
 * @returns what takes the deadline away again
 */
export function installFetchDeadline(silenceMs: number, onAnswer: (response: Response) => void): () => void {
  const plain = globalThis.fetch;
  const limited: typeof fetch = async (input, init) => {
    const silence = new AbortController();
    const given = init?.signal ?? (input instanceof Request ? input.signal : null);
    const signal = given === null ? silence.signal : AbortSignal.any([given, silence.signal]);
    const watch = watchSilence(silence, silenceMs);
    try {
      const response = await plain(input, { ...init, signal });
      onAnswer(response);
      return heard(response, watch);
    } catch (error) {
      watch.end();
      throw error;
    }
  };
  globalThis.fetch = limited;
  return () => {
    if (globalThis.fetch === limited) globalThis.fetch = plain;
  };
}

interface SilenceWatch {
  /** something was heard: the time begins anew */
  heard(): void;
  end(): void;
}

function watchSilence(silence: AbortController, limitMs: number): SilenceWatch {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const watch: SilenceWatch = {
    heard() {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(new DOMException('no answer in time', 'TimeoutError')), limitMs);
    },
    end: () => clearTimeout(timer),
  };
  watch.heard();
  return watch;
}

/** The same response, whose body is listened to as it is read; one that is read at once has no longer than one silence. */
function heard(response: Response, watch: SilenceWatch): Response {
  const { body } = response;
  if (body === null) {
    watch.end();
    return response;
  }
  watch.heard();
  let listened: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  // A new Response would have lost its URL, and one whose body is taken beforehand its json().
  const get = (): typeof body => (listened ??= body.pipeThrough(listener(watch)));
  Object.defineProperty(response, 'body', { get, configurable: true });
  return response;
}

function listener(watch: SilenceWatch): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  return new TransformStream({
    transform(chunk, controller) {
      watch.heard();
      controller.enqueue(chunk);
    },
    flush: () => watch.end(),
  });
}
