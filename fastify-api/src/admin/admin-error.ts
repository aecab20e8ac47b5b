/** Something the operator asked for cannot be done; the message says why and is all they need. */
export class AdminError extends Error {
  override readonly name = 'AdminError'
}
