import type { ErrorCode } from './errors.js'
import type { FrameErrorCode } from './frames.js'

/** Sentences of docs/errors.md, which `npm run docs` writes. */
export interface ErrorGuide {
  when: string
  /** What a client does about it; empty when there is nothing to do. */
  remedy: string
}

/** What the page says about each code of HTTP; where sockets have the same code it means the same there. */
export const ERROR_GUIDE: Record<ErrorCode, ErrorGuide> = {
  invalid_request: { when: 'the body or a parameter does not fit; `errors` points at it', remedy: 'correct the request' },
  invalid_credentials: {
    when: 'unknown user, wrong password, account disabled or closed by a hundred wrong passwords: one answer, at login and reauthentication',
    remedy: 'check both; when they are right, ask the administrator'
  },
  invalid_token: {
    when: 'access token missing, malformed, expired or of an ended session',
    remedy: 'refresh, then repeat; on a socket that is not authenticated yet, send `auth`'
  },
  invalid_grant: { when: 'refresh token refused, for whatever reason', remedy: 'sign in' },
  reauthentication_required: { when: 'forgetting a device more than five minutes after the password was given', remedy: '`POST /api/reauthenticate`, then repeat' },
  origin_not_allowed: { when: "the page's origin is not on `ALLOWED_ORIGINS`", remedy: 'add it there, or use the right address' },
  not_found: { when: "no such path; or a session or device that is another user's, unknown or has ended: one answer", remedy: '' },
  method_not_allowed: { when: '`Allow` lists the methods', remedy: '' },
  payload_too_large: { when: 'a body over 16 KB', remedy: '' },
  unsupported_media_type: { when: 'the body is not `application/json`', remedy: 'set the content type' },
  upgrade_required: { when: 'plain HTTP on `/ws`, or another WebSocket version than 13', remedy: 'speak WebSocket' },
  rate_limited: {
    when: 'too many requests, [wrong passwords](limits.md), sockets, new sockets or failed authentications',
    remedy: 'wait `Retry-After` seconds, repeat with the same cookie; for too many open sockets, close others'
  },
  internal_error: { when: 'a fault of ours; the log has the `requestId`', remedy: 'report it' },
  overloaded: { when: 'too many sign-ins wait for their password check', remedy: 'wait `Retry-After` seconds' },
  temporarily_unavailable: { when: 'PostgreSQL is away or revocations could not be read', remedy: 'wait `Retry-After` seconds, repeat with the same cookie' }
}

/** What the page says about the codes that only `error` frames have. */
export const FRAME_ERROR_GUIDE: Record<Exclude<FrameErrorCode, ErrorCode>, ErrorGuide> = {
  token_expired: { when: 'the access token has expired', remedy: 'refresh, then `reauth`' },
  auth_timeout: { when: 'no access token came in time; the socket closes', remedy: 'connect again and send `auth`' },
  identity_mismatch: { when: 'the access token belongs to another session; the socket closes', remedy: 'open a new socket' },
  unsupported_data: { when: 'a binary frame; the socket closes', remedy: 'send text' }
}
