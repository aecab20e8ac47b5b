export type PasswordRejection = 'too_short' | 'too_long' | 'contains_identity'

export const MINIMUM_CODE_POINTS = 15
/** Also the longest password that login reads; longer is refused, never cut. */
export const MAXIMUM_CODE_POINTS = 1024

/**
 * What speaks against a new password: NIST SP 800-63B-4, section 3.1.1.2. No composition rules.
 * @param username canonical
 */
export function rejectPassword (password: string, username: string): PasswordRejection[] {
  const length = [...password].length
  const reasons: PasswordRejection[] = []
  if (length < MINIMUM_CODE_POINTS) reasons.push('too_short')
  if (length > MAXIMUM_CODE_POINTS) reasons.push('too_long')
  if (password.toLowerCase().includes(username)) reasons.push('contains_identity')
  return reasons
}
