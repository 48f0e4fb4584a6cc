/** Header names of our own, in lower case as node:http delivers them. */

/** On a part (origin → edge): its duration in the track's ticks. */
export const PART_DURATION = 'headwater-part-duration';
/** On a part: `1` when it starts with a sync sample. */
export const PART_INDEPENDENT = 'headwater-part-independent';
/** On a part: `1` when it is the last of its segment. */
export const PART_LAST = 'headwater-part-last';
/** On a part: decode time of its segment's first sample, in ticks. */
export const SEGMENT_START = 'headwater-segment-start';
/** On every timeline-dependent answer of an origin: the timeline's revision that first held this object. */
export const REVISION = 'headwater-revision';
/** Between an edge's workers: why an object did not come, in place of the object. */
export const FILL_FAILURE = 'headwater-fill-failure';
/** Between an edge's workers: why a stream has no timeline, in place of the timeline. */
export const STANDING = 'headwater-standing';
/** Between an edge's workers: of which pull zone an object is asked for, in place of the Host field that named it. */
export const ZONE = 'headwater-zone';
/** And by which host, where the zone names hosts. */
export const ZONE_HOST = 'headwater-zone-host';
/** On an edge's answers: the edge's node id, for people and players' statistics. */
export const EDGE_ID = 'headwater-edge';
/** From an edge to a parent: that a node of the fleet asks (see `node-pass.ts`). Never to an origin. */
export const NODE_PASS = 'headwater-node-pass';
/** From an edge to a parent: the last purge that it carried out; the parent answers with nothing older. */
export const LAST_PURGE = 'headwater-last-purge';
/** From an edge to a parent: `first`, or `hedge` when another parent was asked for the same before, and is late. */
export const PARENT_TRY = 'headwater-parent-try';
/** On a timeline from an edge: the edges that it came through, this one last. */
export const TIMELINE_VIA = 'headwater-timeline-via';
