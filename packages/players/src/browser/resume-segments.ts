/**
 * Shaka asks for a segment that broke off again, and appends it from its first byte. Chromium, where that is the segment that it
 * plays, shows the pictures it had of it and then none until the next key frame: a second and more, with the sound going on.
 * And bytes that were left of a chunk would be read as one with the first of the new answer. Every edge has the same bytes of a
 * segment, so what came before is left out here, and Shaka goes on where it was.
 */

/** What is read of a request of Shaka's, and replaced. */
interface SegmentRequest {
  streamDataCallback: ((data: Uint8Array<ArrayBuffer>) => Promise<unknown>) | null;
}

interface Progress {
  readonly deliver: NonNullable<SegmentRequest['streamDataCallback']>;
  /** from the segment's first byte on */
  deliveredBytes: number;
}

/** To be called before each attempt of a request for a segment, as Shaka calls its request filters. */
export function segmentResumer(): (request: SegmentRequest) => void {
  const underWay = new WeakMap<SegmentRequest, Progress>();
  return (request) => {
    if (request.streamDataCallback === null) return;
    const progress = underWay.get(request) ?? { deliver: request.streamDataCallback, deliveredBytes: 0 };
    underWay.set(request, progress);
    let atByte = 0;
    request.streamDataCallback = async (data) => {
      const heldBytes = Math.max(0, progress.deliveredBytes - atByte);
      atByte += data.byteLength;
      if (heldBytes >= data.byteLength) return;
      progress.deliveredBytes = atByte;
      await progress.deliver(data.subarray(heldBytes));
    };
  };
}
