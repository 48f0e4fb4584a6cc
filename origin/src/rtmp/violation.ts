/** A peer that breaks the protocol or one of our limits. Thrown, because nothing else stops the library's chunk parser. */

export type ViolationCode =
  | 'not_rtmp'
  | 'chunk_size'
  | 'chunk_streams'
  | 'chunk_header'
  | 'message_type'
  | 'message_length'
  | 'assembly_bytes'
  | 'media_before_publish'
  | 'messages_before_decision'
  | 'commands_before_publish'
  | 'command_order'
  | 'publish_twice'
  | 'outbound_bytes'
  | 'malformed';

/** What was broken. The session that catches it is over. */
export class RtmpViolation extends Error {
  override readonly name = 'RtmpViolation';
  readonly code: ViolationCode;

  constructor(code: ViolationCode, detail: string) {
    super(detail);
    this.code = code;
  }
}
