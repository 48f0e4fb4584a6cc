/** Every error that a client can see, and its HTTP status. The one table; a `code` is stable once released. */
export const PROBLEM_STATUS = {
  bad_request: 400,
  bad_json: 400,
  bad_field: 400,
  bad_query: 400,
  idempotency_key_malformed: 400,
  bad_range: 416,
  hls_part_without_msn: 400,
  hls_msn_too_far: 400,
  hls_part_too_far: 400,
  unauthorized: 401,
  login_refused: 401,
  login_throttled: 429,
  login_busy: 503,
  access_token_expired: 401,
  refresh_token_unknown: 401,
  refresh_token_reused: 401,
  api_key_unknown: 401,
  api_key_expired: 401,
  second_factor_missing: 401,
  second_factor_wrong: 403,
  second_factor_unreadable: 503,
  second_factor_not_enrolled: 409,
  second_factor_enrolled: 409,
  password_wrong: 403,
  password_change_required: 403,
  step_up_required: 403,
  key_not_sensitive: 403,
  stream_out_of_scope: 403,
  user_exists: 409,
  user_not_found: 404,
  login_session_not_found: 404,
  api_key_not_found: 404,
  audit_unavailable: 503,
  join_token_unknown: 401,
  join_token_expired: 403,
  join_token_used: 403,
  join_token_role: 403,
  node_removed: 403,
  node_unknown: 403,
  node_proof: 403,
  node_clock: 403,
  node_exists: 409,
  join_token_not_found: 404,
  purge_not_found: 404,
  config_not_found: 404,
  token_missing: 403,
  token_malformed: 403,
  token_expired: 403,
  token_not_yet_valid: 403,
  token_signature: 403,
  token_scope: 403,
  token_unknown_key: 403,
  token_revoked: 403,
  token_address: 403,
  session_missing: 403,
  session_malformed: 403,
  session_signature: 403,
  session_issuer: 403,
  session_subject: 403,
  session_audience: 403,
  session_expired: 403,
  session_not_yet_valid: 403,
  session_transport: 403,
  session_replayed: 403,
  session_version: 403,
  session_critical: 403,
  session_address: 403,
  session_container: 403,
  publish_denied: 403,
  forbidden: 403,
  not_found: 404,
  stream_not_found: 404,
  zone_not_found: 404,
  stream_offline: 404,
  track_not_found: 404,
  segment_not_found: 404,
  node_not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  too_early: 404,
  stream_exists: 409,
  zone_exists: 409,
  zone_overlaps: 409,
  issuer_exists: 409,
  stream_claimed: 409,
  idempotency_in_progress: 409,
  precondition_failed: 412,
  body_too_large: 413,
  uri_too_long: 414,
  unsupported_media_type: 415,
  idempotency_key_reused: 422,
  codec_unsupported: 415,
  media_malformed: 400,
  expectation_failed: 417,
  zone_unknown: 421,
  too_many_requests: 429,
  media_unavailable: 429,
  too_many_streams: 429,
  too_many_zones: 429,
  headers_too_large: 431,
  internal: 500,
  state_unavailable: 503,
  upstream_failed: 502,
  not_ready: 503,
  purge_pending: 503,
  live_memory_full: 503,
  too_many_waiters: 503,
  blocked_too_long: 503,
  no_edge: 503,
  no_geo: 503,
  upstream_timeout: 504,
  loop_detected: 508,
  not_cached: 504,
} as const;

/** A stable error code. */
export type ProblemCode = keyof typeof PROBLEM_STATUS;

/** The body of an error, `application/problem+json` (RFC 9457), with our stable `code`. */
export interface Problem {
  readonly type: 'about:blank';
  readonly status: number;
  readonly title: string;
  readonly code: ProblemCode;
  readonly detail?: string;
}

/** The media type of every error body (RFC 9457 §3). */
export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/**
 * The body for a code. `detail` is for the caller's eyes: no stack, no path, no secret.
 * @param code a key of {@link PROBLEM_STATUS}
 * @param detail one sentence about this occurrence
 */
export function problem(code: ProblemCode, detail?: string): Problem {
  const title = code.replaceAll('_', ' ');
  const body: Problem = { type: 'about:blank', status: PROBLEM_STATUS[code], title, code };
  return detail === undefined ? body : { ...body, detail };
}
