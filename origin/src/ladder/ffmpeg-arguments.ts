/** What one ffmpeg is told to do: FLV in, every rung and the sound out, each as fragments of one frame. */

import { AUDIO_CHANNELS, AUDIO_SAMPLE_RATE, AUDIO_TRACK_ID, type LadderPlan, type VideoRung } from './plan.ts';

export const VIDEO_TIMESCALE = 90_000;

export interface EncoderOutputs {
  readonly inputOptions: readonly string[];
  readonly complexFilter: string | null;
  readonly outputs: readonly { readonly trackId: string; readonly options: readonly string[] }[];
}

export interface EncodeJob {
  readonly plan: LadderPlan;
  /** of the source now; the plan's rungs keep the shape of the source that it was made for */
  readonly source: { readonly width: number; readonly height: number } | null;
  /** where output begins, in ticks since the run's base: not a frame and not a sample earlier, and nothing missing behind */
  readonly firstVideoTicks: number;
  readonly firstAudioTicks: number;
}

type Options = readonly (readonly [option: string, value: string])[];

/** The headers are the first tags, so probing has little to find out. Frame threads would each add a frame of delay. */
const INPUT: Options = [
  ['-fpsprobesize', '0'],
  ['-analyzeduration', '200000'],
  ['-threads', '1'],
  ['-f', 'flv'],
];

/** One moof a frame; `frag_discont` with `-copyts` keeps absolute times in tfdt. */
const TO_FRAGMENTS: Options = [
  ['-movflags', '+cmaf+empty_moov+default_base_moof+skip_trailer+frag_discont+frag_every_frame'],
  ['-f', 'mp4'],
];
/** Key frames are forced on segment boundaries only, but never rarer than this. */
const MAX_GOP_SECONDS = 4;
/** Below the distance of any frame of a usual rate from a boundary it is not on: 1/60000 s. */
const BOUNDARY_SLACK_SECONDS = 0.000_005;

/** The options of a run, in the order in which ffmpeg reads them. */
export function encoderOutputs(job: EncodeJob): EncoderOutputs {
  const audio = { trackId: AUDIO_TRACK_ID, options: audioOptions(job) };
  const video =
    job.plan.video?.rungs.map((rung) => ({ trackId: rung.trackId, options: videoOptions(job, rung) })) ?? [];
  return {
    inputOptions: ['-copyts', ...INPUT.flat()],
    complexFilter: job.plan.video === null ? null : videoFilter(job),
    outputs: [...video, audio],
  };
}

function videoFilter({ plan, source, firstVideoTicks }: EncodeJob): string {
  const { rungs, frameRate } = plan.video as NonNullable<LadderPlan['video']>;
  // start_time: the first frame out has exactly this time; earlier ones are dropped, a hole is filled with the first.
  const start = (firstVideoTicks / VIDEO_TIMESCALE).toFixed(6);
  const splits = rungs.map((_, index) => `[s${index}]`).join('');
  const scales = rungs.map((rung, index) => `[s${index}]${fit(rung, source)},format=yuv420p,setsar=1[${rung.trackId}]`);
  return [`[0:v:0]fps=${frameRate.join('/')}:start_time=${start},split=${rungs.length}${splits}`, ...scales].join(';');
}

/** Scales to the rung; a source of another shape than the plan's gets bars, not a squeeze. */
function fit({ width, height }: VideoRung, source: EncodeJob['source']): string {
  const sameShape = source === null || Math.abs((source.width * height) / source.height - width) <= 2;
  if (sameShape) return `scale=${width}:${height}:flags=fast_bilinear`;
  const shrink = `scale=${width}:${height}:flags=fast_bilinear:force_original_aspect_ratio=decrease:force_divisible_by=2`;
  return `${shrink},pad=${width}:${height}:(ow-iw)/2:(oh-ih)/2`;
}

function videoOptions({ plan, firstVideoTicks }: EncodeJob, rung: VideoRung): string[] {
  const { frameRate, preset } = plan.video as NonNullable<LadderPlan['video']>;
  const segmentSeconds = plan.grid.segmentDurationMs / 1000;
  // `t` counts from the first frame out, the grid from the run's base.
  const offset = (firstVideoTicks / VIDEO_TIMESCALE + BOUNDARY_SLACK_SECONDS).toFixed(6);
  const segmentAt = (time: string): string => `floor((${time}+${offset})/${segmentSeconds})`;
  const force = `expr:if(isnan(prev_forced_t),1,gt(${segmentAt('t')},${segmentAt('prev_forced_t')}))`;
  const gop = Math.ceil((MAX_GOP_SECONDS * frameRate[0]) / frameRate[1]);
  const rate = String(rung.bitsPerSecond);
  const options: Options = [
    ['-map', `[${rung.trackId}]`],
    ['-c:v', 'libx264'],
    ['-preset', preset],
    ['-tune', 'zerolatency'],
    ['-g', String(gop)],
    ['-keyint_min', '1'],
    ['-sc_threshold', '0'],
    ['-forced-idr', '1'],
    ['-force_key_frames', force],
    ['-b:v', rate],
    ['-maxrate', rate],
    ['-bufsize', rate],
    ['-video_track_timescale', String(VIDEO_TIMESCALE)],
    ...TO_FRAGMENTS,
  ];
  return options.flat();
}

function audioOptions({ plan, firstAudioTicks }: EncodeJob): string[] {
  // first_pts: as start_time above; it counts samples at its input, so the rate is converted before. async: drift is resampled
  // away, what is missing becomes silence. flags=res: a resampler that is only made when first needed loses count of time.
  const resample = `aresample=async=1000:min_hard_comp=0.05:flags=res:first_pts=${firstAudioTicks}`;
  const filter = `aresample=${AUDIO_SAMPLE_RATE},${resample}`;
  const options: Options = [
    ['-map', '0:a:0'],
    ['-c:a', 'aac'],
    ['-b:a', String(plan.audioBitsPerSecond)],
    ['-ac', String(AUDIO_CHANNELS)],
    ['-ar', String(AUDIO_SAMPLE_RATE)],
    ['-filter:a', filter],
    ...TO_FRAGMENTS,
  ];
  return options.flat();
}
