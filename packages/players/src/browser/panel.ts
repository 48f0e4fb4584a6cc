/** What stands around the picture: choices above, figures below, and the message over it. Draws; decides nothing. */

import type { Rendition } from './driver.ts';

/** The figures of one moment. */
export interface Figures {
  readonly latencyMs: number | null;
  readonly rendition: string | null;
  readonly edge: string | null;
  readonly bufferSeconds: number;
  readonly stalls: number;
  readonly droppedFrames: number;
  readonly playing: boolean;
}

export interface Panel {
  readonly video: HTMLVideoElement;
  readonly stream: string;
  show(figures: Figures): void;
  say(message: string | null): void;
  offer(renditions: readonly Rendition[]): void;
  /** Marks the player in use. */
  mark(player: string): void;
}

interface Choices {
  readonly onPlayer: (player: string) => void;
  readonly onRendition: (id: string | null) => void;
}

/** Takes hold of the page's elements. */
export function takePanel({ onPlayer, onRendition }: Choices): Panel {
  const video = element('video', HTMLVideoElement);
  const select = element('rendition-choice', HTMLSelectElement);
  const message = element('message', HTMLElement);
  const live = element('live', HTMLElement);
  const players = [...document.querySelectorAll<HTMLInputElement>('input[name=player]')];
  for (const input of players) input.addEventListener('change', () => onPlayer(input.value));
  select.addEventListener('change', () => onRendition(select.value === '' ? null : select.value));
  let offered = '';

  return {
    video,
    stream: document.body.dataset['stream'] ?? '',
    show(figures) {
      live.hidden = !figures.playing;
      write('latency', figures.latencyMs === null ? '–' : `${(figures.latencyMs / 1000).toFixed(1)} s`);
      write('rendition', figures.rendition ?? '–');
      write('edge', figures.edge ?? '–');
      write('buffer', `${figures.bufferSeconds.toFixed(1)} s`);
      write('stalls', String(figures.stalls));
      write('dropped', String(figures.droppedFrames));
    },
    say(text) {
      message.hidden = text === null;
      message.textContent = text;
    },
    offer(renditions) {
      const wanted = JSON.stringify(renditions);
      if (wanted === offered) return;
      offered = wanted;
      select.replaceChildren(new Option('automatic', ''), ...renditions.map(({ id, label }) => new Option(label, id)));
      select.disabled = renditions.length === 0;
    },
    mark(player) {
      for (const input of players) input.checked = input.value === player;
    },
  };
}

function write(id: string, text: string): void {
  const place = element(id, HTMLElement);
  if (place.textContent !== text) place.textContent = text;
}

function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${id}`);
  return found;
}
