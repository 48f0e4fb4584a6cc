/**
 * A machine of its own, as far as the network knows: a namespace of Linux's with two cables to this one, so that the cable to the
 * control plane can be pulled and the one to viewers and origins stays.
 */

import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';

/** The two ends of a cable, as IPv4 addresses. */
interface Cable {
  readonly here: string;
  readonly there: string;
}

/** A namespace. Disposing removes it and its cables; what runs in it should have ended. */
export interface NetworkNamespace extends Disposable {
  /** stands before a command that is to run in it */
  readonly prefix: readonly string[];
  readonly control: Cable;
  readonly media: Cable;
  /** Pulls the cable to the control plane: what is sent is lost, and nobody is told. */
  cut(): void;
  mend(): void;
  /**
   * Has it send what is for this end of the control cable to a machine that is not there. Unlike a cable that is pulled it is seen
   * by nobody else: a browser drops what it loads when a cable is. Disposing ends it.
   */
  misdirect(): Disposable;
  /** Gives it the address at this end of the control cable, too: who is asked there is found within. Disposing takes it back. */
  shadow(): Disposable;
}

/** Set aside for tests of networks (RFC 2544). */
const NETWORK = '198.18';
/** A locally administered address that no device has. */
const NOBODY = '02:00:00:00:00:01';
const NAME = /^headwater-(\d+)$/;

/** Why there can be no namespaces here, or null. */
export function noNamespaces(): string | null {
  try {
    const name = `headwater-${process.pid}`;
    ip('netns', 'add', name);
    ip('netns', 'del', name);
    return null;
  } catch (error) {
    return `network namespaces cannot be made here (they need root and iproute2): ${String(error)}`;
  }
}

export function makeNamespace(): NetworkNamespace {
  removeForsaken();
  const name = `headwater-${process.pid}`;
  const remove = (): void => void ip('netns', 'del', name);
  ip('netns', 'add', name);
  // A test that is broken off leaves none behind.
  process.once('exit', remove);
  const [control, media] = [`hwc${process.pid}`, `hwm${process.pid}`];
  const third = randomInt(256);
  const cables = {
    control: lay(name, control, { here: `${NETWORK}.${third}.1`, there: `${NETWORK}.${third}.2` }),
    media: lay(name, media, { here: `${NETWORK}.${third}.5`, there: `${NETWORK}.${third}.6` }),
  };
  ip('-n', name, 'link', 'set', 'lo', 'up');
  return {
    ...cables,
    prefix: ['ip', 'netns', 'exec', name],
    cut: () => void ip('link', 'set', control, 'down'),
    mend: () => void ip('link', 'set', control, 'up'),
    misdirect() {
      const neighbour = [cables.control.here, 'dev', `${control}p`];
      ip('-n', name, 'neigh', 'replace', ...neighbour, 'lladdr', NOBODY, 'nud', 'permanent');
      return { [Symbol.dispose]: () => void ip('-n', name, 'neigh', 'del', ...neighbour) };
    },
    shadow() {
      const address = [`${cables.control.here}/32`, 'dev', 'lo'];
      ip('-n', name, 'addr', 'add', ...address);
      return { [Symbol.dispose]: () => void ip('-n', name, 'addr', 'del', ...address) };
    },
    [Symbol.dispose]() {
      process.off('exit', remove);
      remove();
    },
  };
}

function lay(namespace: string, device: string, cable: Cable): Cable {
  const peer = `${device}p`;
  ip('link', 'add', device, 'type', 'veth', 'peer', 'name', peer, 'netns', namespace);
  ip('addr', 'add', `${cable.here}/30`, 'dev', device);
  ip('link', 'set', device, 'up');
  ip('-n', namespace, 'addr', 'add', `${cable.there}/30`, 'dev', peer);
  ip('-n', namespace, 'link', 'set', peer, 'up');
  return cable;
}

/** What a test that was killed has left. */
function removeForsaken(): void {
  for (const line of ip('netns', 'list').split('\n')) {
    const [name = ''] = line.split(' ', 1);
    const pid = NAME.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) ip('netns', 'del', name);
  }
}

function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
