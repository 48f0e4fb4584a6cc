/** What befell the disk tier since the start. */
export interface DiskCounters {
  /** records */
  hits: number;
  misses: number;
  /** records of which the disk has been told and has them */
  written: number;
  /** records that were not written: the disk is slow, full or broken */
  writesDropped: number;
  /** writings that failed */
  writeErrors: number;
  /** of these, for want of space */
  fullErrors: number;
  /** readings that failed or came too late */
  readErrors: number;
  /** too many readings at once: not read */
  readsRefused: number;
  /** records that were not what had been written */
  corrupt: number;
  /** volumes that a start could not trust */
  damagedVolumes: number;
}

export function noCounts(): DiskCounters {
  return {
    hits: 0,
    misses: 0,
    written: 0,
    writesDropped: 0,
    writeErrors: 0,
    fullErrors: 0,
    readErrors: 0,
    readsRefused: 0,
    corrupt: 0,
    damagedVolumes: 0,
  };
}
