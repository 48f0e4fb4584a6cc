/**
 * The test picture: colour bars, a moving block, the wall clock burnt in twice (once for machines, once for people), a flash
 * and a beep. Drawn and encoded by one ffmpeg, from filters alone: no input file, and no font, which a bare machine lacks.
 */

/** What is published, and where to. */
export interface TestPicture {
  /** an RTMP URL with its key */
  readonly url: string;
  /** `WIDTHxHEIGHT`; 1280×720 unless given, and no smaller than the clock bar needs */
  readonly size?: `${number}x${number}`;
  /** frames per second; 30 unless given */
  readonly rate?: number;
}

/** Where the clock bar stands: 32 square cells, the most significant bit first, white for 1 and black for 0. */
export const CLOCK_BAR = { x: 64, y: 0, cellPixels: 32, bits: 32 } as const;

/** The flash and the beep: the first `durationS` of every `periodS` of the picture's own timeline. */
export const FLASH = { x: 64, y: 320, pixels: 200, periodS: 2, durationS: 0.1, beepHz: 1000 } as const;

const VIDEO_BITS_PER_SECOND = 2_500_000;
const GOP_SECONDS = 2;
const LEAST = { width: CLOCK_BAR.x + CLOCK_BAR.bits * CLOCK_BAR.cellPixels, height: FLASH.y + FLASH.pixels };

/**
 * The arguments with which ffmpeg draws and publishes the picture until it is told to stop.
 * @throws RangeError when the picture is too small for the clock bar and the flash
 */
export function testPictureArguments(picture: TestPicture): string[] {
  const { url, size = '1280x720', rate = 30 } = picture;
  const [width = 0, height = 0] = size.split('x').map(Number);
  if (!(width >= LEAST.width && height >= LEAST.height)) {
    throw new RangeError(`the test picture needs at least ${LEAST.width}x${LEAST.height}, got ${size}`);
  }
  const bits = String(VIDEO_BITS_PER_SECOND);
  return [
    ['-hide_banner', '-nostdin', '-nostats', '-loglevel', 'warning'],
    ['-filter_complex', `${videoChain(size, rate)}[v];${audioChain()}[a]`, '-map', '[v]', '-map', '[a]'],
    ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-threads', '1', '-pix_fmt', 'yuv420p'],
    ['-b:v', bits, '-maxrate', bits, '-bufsize', bits],
    ['-g', String(Math.round(rate * GOP_SECONDS)), '-sc_threshold', '0'],
    ['-c:a', 'aac', '-b:a', '128k', '-ar', '48000', '-ac', '2'],
    ['-flvflags', 'no_duration_filesize', '-f', 'flv', url],
  ].flat();
}

/**
 * The flash and the movement follow the picture's own timeline, on which they agree with the beep. For the clocks each
 * frame's time is set to the wall clock, once, so that all cells of a frame show one instant; then it is set back.
 */
function videoChain(size: string, rate: number): string {
  const { x, y, pixels, periodS, durationS } = FLASH;
  const flash = box({ x, y, width: pixels, height: pixels, color: 'white' }, `lt(mod(t,${periodS}),${durationS})`);
  const mover = box({ x: `64+mod(t*240,${LEAST.width - 160})`, y: 560, width: 96, height: 96, color: 'white' });
  return [
    `smptehdbars=size=${size}:rate=${rate}`,
    'format=yuv420p',
    'realtime',
    mover,
    box({ x, y, width: pixels, height: pixels, color: 'black' }),
    flash,
    'settb=1/1000000,setpts=RTCTIME',
    ...clockBar(),
    ...clockFace(),
    `settb=1/${rate},setpts=N`,
  ].join(',');
}

function audioChain(): string {
  const { beepHz, periodS, durationS } = FLASH;
  const tone = '0.03*sin(2*PI*220*t)';
  const beep = `0.4*sin(2*PI*${beepHz}*t)*lt(mod(t,${periodS}),${durationS})`;
  return `aevalsrc=exprs='${tone}+${beep}':sample_rate=48000:channel_layout=mono,arealtime`;
}

interface Box {
  readonly x: number | string;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly color: string;
}

function box({ x, y, width, height, color }: Box, shownWhile?: string): string {
  const filter = `drawbox=x='${x}':y=${y}:w=${width}:h=${height}:color=${color}:t=fill`;
  return shownWhile === undefined ? filter : `${filter}:enable='${shownWhile}'`;
}

/** Milliseconds since 1970, modulo 2³². */
function clockBar(): string[] {
  const { x, y, cellPixels, bits } = CLOCK_BAR;
  const cells = Array.from({ length: bits }, (_, index) => {
    const weight = 2 ** (bits - 1 - index);
    const cell = { x: x + index * cellPixels, y, width: cellPixels, height: cellPixels, color: 'white' };
    return box(cell, `gte(mod(floor(t*1000),${2 * weight}),${weight})`);
  });
  return [box({ x, y, width: bits * cellPixels, height: cellPixels, color: 'black' }), ...cells];
}

const FACE = { x: 64, y: 64, digitWidth: 48, digitHeight: 88, stroke: 10, gap: 16 };

/** Seven-segment digits: each segment's place in units of the digit, and the digits that light it, as a bit mask. */
const SEGMENTS = [
  { x: 0, y: 0, across: true, digits: [0, 2, 3, 5, 6, 7, 8, 9] },
  { x: 0, y: 1, across: true, digits: [2, 3, 4, 5, 6, 8, 9] },
  { x: 0, y: 2, across: true, digits: [0, 2, 3, 5, 6, 8, 9] },
  { x: 0, y: 0, across: false, digits: [0, 4, 5, 6, 8, 9] },
  { x: 1, y: 0, across: false, digits: [0, 1, 2, 3, 4, 7, 8, 9] },
  { x: 0, y: 1, across: false, digits: [0, 2, 6, 8] },
  { x: 1, y: 1, across: false, digits: [0, 1, 3, 4, 5, 6, 7, 8, 9] },
] as const;

/** HH:MM:SS.mmm of the UTC day. A number is a digit as an expression of `t`; the rest is drawn as it stands. */
const FACE_TEXT = [
  ['floor(mod(t,86400)/36000)', 'mod(floor(mod(t,86400)/3600),10)', ':'],
  ['mod(floor(t/600),6)', 'mod(floor(t/60),10)', ':'],
  ['mod(floor(t/10),6)', 'mod(floor(t),10)', '.'],
  ['mod(floor(t*10),10)', 'mod(floor(t*100),10)', 'mod(floor(t*1000),10)'],
].flat();

function clockFace(): string[] {
  const { x, y, digitWidth, digitHeight, stroke, gap } = FACE;
  const filters: string[] = [];
  let left = x + gap;
  for (const sign of FACE_TEXT) {
    if (sign === ':' || sign === '.') {
      const dots = sign === ':' ? [0.25, 0.75] : [1];
      for (const at of dots) {
        const top = Math.round(y + gap + at * (digitHeight - stroke));
        filters.push(box({ x: left, y: top, width: stroke, height: stroke, color: 'white' }));
      }
      left += stroke + gap;
    } else {
      filters.push(...digit(left, sign));
      left += digitWidth + gap;
    }
  }
  return [box({ x, y, width: left - x, height: digitHeight + 2 * gap, color: 'black' }), ...filters];
}

function digit(left: number, value: string): string[] {
  const { y, digitWidth, digitHeight, stroke, gap } = FACE;
  const half = (digitHeight - stroke) / 2;
  return SEGMENTS.map((segment) => {
    const mask = segment.digits.reduce<number>((sum, lit) => sum + 2 ** lit, 0);
    const place = {
      x: left + segment.x * (digitWidth - stroke),
      y: y + gap + segment.y * half,
      width: segment.across ? digitWidth : stroke,
      height: segment.across ? stroke : half + stroke,
      color: 'white',
    };
    return box(place, `bitand(${mask},pow(2,${value}))`);
  });
}
