/** One access unit of one track. Times are integers in the track's timescale. */
export interface Sample {
  readonly dtsTicks: number;
  readonly ptsTicks: number;
  readonly durationTicks: number;
  /** decoding can start here */
  readonly sync: boolean;
  /** as stored in the container: length-prefixed NAL units, or one raw AAC frame */
  readonly data: Uint8Array;
}
